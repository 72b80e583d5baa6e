from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError, ValidationError

KEPT_DAYS = 30
"""How long nothing of an entry is erased, in days: what was just done can be asked about."""


class MfgAuditErase(models.TransientModel):
    """Erase a person from the audit trail, on request or when the time to keep it is over."""

    _name = "mfg.audit.erase"
    _description = "Erase personal data of the audit trail"

    user_login = fields.Char(string="Login", required=True, help="As it stands in the entries.")
    before = fields.Datetime(
        required=True, default=lambda _self: fields.Datetime.now() - timedelta(days=KEPT_DAYS)
    )
    reason = fields.Char(required=True, help="Kept in the audit trail; do not name the person.")

    def action_erase(self):
        self.ensure_one()
        if not self.env.user.has_group("mfg_integration_base.group_manager"):
            raise AccessError(self.env._("Only integration managers erase personal data."))
        if not self.reason.strip():
            raise ValidationError(self.env._("Say why."))
        if self.user_login.strip() == self.env.user.login:
            raise AccessError(self.env._("Nobody erases what they did themselves."))
        latest = fields.Datetime.now() - timedelta(days=KEPT_DAYS)
        if self.before > latest:
            raise ValidationError(
                self.env._("Entries are kept whole for %s days: choose an earlier time.", KEPT_DAYS)
            )
        # sudo: nobody writes entries; what may be erased is checked above and in the database.
        count = (
            self.env["mfg.audit.entry"]
            .sudo()
            ._erase(self.user_login.strip(), self.before, self.reason.strip())
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if count else "warning",
                "message": self.env._("Personal data was erased from %s entries.", count),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
