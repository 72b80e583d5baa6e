from odoo import fields, models
from odoo.exceptions import ValidationError


class MfgReplayAct(models.TransientModel):
    """Pause, resume or cancel a replay, with the reason for the audit trail."""

    _name = "mfg.replay.act"
    _description = "Pause, resume or cancel a replay"

    replay_id = fields.Many2one("mfg.replay", required=True, readonly=True, ondelete="cascade")
    act = fields.Selection(
        [("pause", "Pause"), ("resume", "Resume"), ("cancel", "Cancel")],
        required=True,
        readonly=True,
    )
    reason = fields.Char(required=True)

    def action_apply(self):
        self.ensure_one()
        if not (self.reason or "").strip():
            raise ValidationError(self.env._("Say why."))
        self.replay_id._act(self.act, self.reason.strip())
        return {"type": "ir.actions.act_window_close"}
