from odoo import fields, models
from odoo.exceptions import ValidationError


class MfgReconciliationDecide(models.TransientModel):
    """Decide about differences, with a reason that stays on each of them."""

    _name = "mfg.reconciliation.decide"
    _description = "Decide about differences"

    line_ids = fields.Many2many("mfg.reconciliation.line", required=True, readonly=True)
    act = fields.Selection(
        [("accept", "Take over what the partner has"), ("ignore", "Leave it as it is")],
        required=True,
        default="ignore",
    )
    reason = fields.Char(required=True)

    def action_decide(self):
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise ValidationError(self.env._("Say why."))
        if self.act == "accept":
            self.line_ids._accept(reason)
        else:
            self.line_ids._ignore(reason)
        return {"type": "ir.actions.act_window_close"}
