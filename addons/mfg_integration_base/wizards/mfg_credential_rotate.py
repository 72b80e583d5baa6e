from datetime import timedelta

from odoo import api, fields, models


class MfgCredentialRotate(models.TransientModel):
    """Replace a secret while the present one goes on for a while, so that nothing is refused."""

    _name = "mfg.credential.rotate"
    _description = "Replace a secret"

    credential_id = fields.Many2one("mfg.credential", required=True, ondelete="cascade")
    made_here = fields.Boolean(compute="_compute_made_here")
    overlap_hours = fields.Integer(
        string="The present one goes on for (hours)",
        required=True,
        default=24,
        help="How long both are valid: the partner changes over in this time. 0: it ends at once.",
    )

    _overlap_range = models.Constraint(
        "CHECK (overlap_hours BETWEEN 0 AND 8760)", "Both are valid for 0 to 8760 hours (a year)."
    )

    @api.depends("credential_id")
    def _compute_made_here(self):
        for wizard in self:
            wizard.made_here = bool(wizard.credential_id) and wizard.credential_id._is_made_here()

    def action_rotate(self):
        """Make the successor: show its secret once where it is made here, else ask for it."""
        self.ensure_one()
        successor = self.credential_id._rotate(timedelta(hours=self.overlap_hours))
        if successor._is_made_here():
            secret = successor._new_secret()
            successor._store_secret(secret)
            return successor._show_once(secret)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Paste the new secret"),
            "res_model": "mfg.credential",
            "res_id": successor.id,
            "views": [(False, "form")],
        }
