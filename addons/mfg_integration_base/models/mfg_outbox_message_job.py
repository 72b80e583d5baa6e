import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..const import JOB_EVENT_TYPE
from ..fields import PlainMany2one
from ..tools.lifecycle import State


class MfgOutboxMessage(models.Model):
    """What a person wants to see of a message that is carried out in this database."""

    _inherit = "mfg.outbox.message"

    is_job = fields.Boolean(compute="_compute_job")
    job_call = fields.Char(compute="_compute_job", string="Method")
    job_model = fields.Char(compute="_compute_job", string="Model")
    job_record_ids = fields.Char(compute="_compute_job", string="Record ids")
    job_arguments = fields.Text(compute="_compute_job", string="Arguments")
    job_user_id = PlainMany2one("res.users", related="event_id.user_id", string="Runs as")
    job_error = fields.Text(compute="_compute_job_error", string="Error of the last attempt")
    progress = fields.Float(compute="_compute_progress", help="From 0 to 1.")
    progress_percent = fields.Integer(compute="_compute_progress", string="Progress (%)")
    progress_text = fields.Char(compute="_compute_progress", string="What it does")
    cancel_requested = fields.Boolean(
        compute="_compute_progress", help="Asked to stop: it ends when it next tells its progress."
    )

    @api.depends("event_id")
    def _compute_job(self):
        for message in self:
            message.is_job = message.event_type == JOB_EVENT_TYPE
            job = json.loads(message.event_data) if message.is_job and message.event_data else {}
            message.job_model = job.get("model")
            message.job_call = job.get("method") or message.subscription_id.local_action_id.name
            message.job_record_ids = ", ".join(map(str, job.get("ids", ())))
            given = [json.dumps(value, ensure_ascii=False) for value in job.get("args", ())]
            given += [
                f"{name}={json.dumps(value, ensure_ascii=False)}"
                for name, value in job.get("kwargs", {}).items()
            ]
            message.job_arguments = "\n".join(given)

    @api.depends("state")
    def _compute_job_error(self):
        for message in self:
            failed = message.attempt_ids.filtered(lambda a: a.outcome in ("retry", "rejected"))
            message.job_error = failed[:1].detail if message.state != State.DONE else False

    @api.depends("state")
    def _compute_progress(self):
        # sudo: nobody reads that table itself.
        rows = self.env["mfg.job.progress"].sudo().search([("message_id", "in", self.ids)])
        by_message = {row.message_id: row for row in rows}
        for message in self:
            row = by_message.get(message.id, rows.browse())
            message.progress = 1.0 if message.state == State.DONE else row.progress
            message.progress_percent = round(message.progress * 100)
            message.progress_text = row.progress_text
            message.cancel_requested = row.cancel_requested

    @api.depends("state")
    def _compute_verbs(self):
        result = super()._compute_verbs()
        for message in self:
            if message.state == State.RUNNING and message.connector_id.transport == "local":
                message.can_cancel = not message.cancel_requested
        return result

    def _check_payload_editable(self):
        """For whoever is about to edit the data that these messages are sent with.

        :raises ValidationError: their transport does not allow it
        """
        for connector in self.connector_id:
            transport = self.env["mfg.transport"]._mfg_resolve(connector.transport)
            if not transport._payload_editable():
                raise ValidationError(
                    self.env._(
                        "The data of messages of %s cannot be edited: it says what is done in this "
                        "database, and as whom.",
                        connector.name,
                    )
                )
