from odoo import api, fields, models
from odoo.exceptions import ValidationError


class MfgMessageEdit(models.TransientModel):
    """Correct the payload of a dead message, then send or book it again."""

    _name = "mfg.message.edit"
    _description = "Edit a message's payload"

    res_model = fields.Selection(
        [("mfg.outbox.message", "Outbox"), ("mfg.inbox.message", "Inbox")],
        required=True,
        readonly=True,
    )
    res_id = fields.Integer(required=True, readonly=True)
    title = fields.Char(compute="_compute_message")
    original = fields.Text(compute="_compute_message", string="As it came")
    earlier_note = fields.Char(compute="_compute_message")
    payload = fields.Text(required=True)
    problems = fields.Text(compute="_compute_problems")
    reason = fields.Char(required=True)

    @api.model
    def default_get(self, field_names):
        values = super().default_get(field_names)
        if "payload" in field_names and values.get("res_id"):
            message = self.env[values["res_model"]].browse(values["res_id"])
            message._check_editable()
            values["payload"] = message._payload_text()
        return values

    @api.depends("res_model", "res_id")
    def _compute_message(self):
        for wizard in self:
            message = wizard._message()
            wizard.title = message._mfg_audit_snapshot()["name"]
            wizard.earlier_note = message.edit_note
            wizard.original = message._original_text()

    @api.depends("payload")
    def _compute_problems(self):
        for wizard in self:
            _payload, problems = wizard._message()._payload_of_text(wizard.payload or "")
            wizard.problems = _lines(problems)

    def _message(self):
        message = self.env[self.res_model].browse(self.res_id)
        message.check_access("read")
        return message

    def action_save(self):
        """Save the edited payload and retry.

        :raises ValidationError: no reason, no change, or problems, which it lists
        """
        self.ensure_one()
        message = self._message()
        payload, problems = message._payload_of_text(self.payload or "")
        if problems:
            raise ValidationError(self.env._("The payload cannot be saved:\n%s", _lines(problems)))
        if not (self.reason or "").strip():
            raise ValidationError(self.env._("Say why the payload is edited."))
        if payload == message._payload():
            raise ValidationError(
                self.env._("Nothing was changed. To send it as it is, press Retry.")
            )
        message._edit_and_retry({message.id: payload}, self.reason.strip())
        return {"type": "ir.actions.act_window_close"}


def _lines(problems):
    return "\n".join(f"{problem.pointer or '/'}: {problem.message}" for problem in problems)
