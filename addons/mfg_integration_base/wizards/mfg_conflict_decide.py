from odoo import fields, models
from odoo.exceptions import ValidationError

from ..models.mfg_conflict import WINNERS


class MfgConflictDecide(models.TransientModel):
    """Decide conflicts, with a reason that stays on each of them."""

    _name = "mfg.conflict.decide"
    _description = "Decide conflicts"

    conflict_ids = fields.Many2many("mfg.conflict", required=True, readonly=True)
    winner = fields.Selection(WINNERS, string="What stands", required=True, default="here")
    reason = fields.Char(required=True)

    def action_decide(self):
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise ValidationError(self.env._("Say why."))
        self.conflict_ids._decide(self.winner, reason)
        return {"type": "ir.actions.act_window_close"}
