from odoo import fields, models
from odoo.exceptions import ValidationError

from ..tools.lifecycle import State


class MfgMessageCancel(models.TransientModel):
    """Cancel messages with a reason that stays on each of them."""

    _name = "mfg.message.cancel"
    _description = "Cancel messages"

    res_model = fields.Selection(
        [
            ("mfg.outbox.message", "Outbox"),
            ("mfg.inbox.message", "Inbox"),
            ("mfg.message.dead", "Error queue"),
        ],
        required=True,
    )
    res_ids = fields.Char(required=True)
    reason = fields.Char(required=True)
    message_count = fields.Integer(compute="_compute_message_count")

    def _compute_message_count(self):
        for wizard in self:
            wizard.message_count = len(wizard._messages())

    def _messages(self):
        ids = [int(part) for part in (self.res_ids or "").split(",") if part.strip().isdigit()]
        return self.env[self.res_model].search([("id", "in", ids)])

    def action_cancel(self):
        self.ensure_one()
        if not self.reason.strip():
            raise ValidationError(self.env._("Say why the messages are cancelled."))
        rows = self._messages()
        # The error queue's rows stand for messages of both directions.
        queues = rows._messages() if self.res_model == "mfg.message.dead" else [rows]
        for messages in queues:
            messages._check_operator()
            before = {message.id: message._audit_state() for message in messages}
            reason = self.reason.strip()
            self.env["mfg.message.queue"]._cancel(
                messages, f"{self.env.user.display_name}: {reason}"
            )
            self.env["mfg.audit.entry"]._record(
                "cancel", messages, reason, before=before, after=State.CANCELLED.value
            )
        return {"type": "ir.actions.act_window_close"}
