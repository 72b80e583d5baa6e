from odoo import fields, models


class MfgQualityHoldRelease(models.TransientModel):
    """Release holds with a reason that stays on each of them."""

    _name = "mfg.quality.hold.release"
    _description = "Release quality holds"

    hold_ids = fields.Many2many("mfg.quality.hold", string="Holds", required=True)
    reason = fields.Text(required=True)

    def action_release(self):
        self.ensure_one()
        self.hold_ids._release(self.reason)
        return {"type": "ir.actions.act_window_close"}
