from odoo import fields, models

from ..fields import PlainMany2one


class MfgOutboxMessage(models.Model):
    """One event on its way to one subscription."""

    _name = "mfg.outbox.message"
    _description = "Outbox message"
    _inherit = ["mfg.message.mixin"]
    _log_access = False  # not inherited from an abstract model

    event_id = PlainMany2one("mfg.event", required=True, readonly=True)
    event_type = fields.Char(required=True, readonly=True)
    subscription_id = PlainMany2one("mfg.subscription", required=True, readonly=True)
    replay_id = PlainMany2one("mfg.replay", readonly=True)
    data_edited = fields.Text(
        string="Edited data", readonly=True, help="Sent instead of the event's data."
    )
    attempt_ids = fields.One2many("mfg.attempt", "outbox_message_id", string="Attempts")
    event_data = fields.Text(related="event_id.data", string="Data")
    # Not as superuser: the name of a record is for those who may read it.
    record_name = fields.Char(
        related="event_id.record_name", related_sudo=False, string="Record name"
    )
    event_subject = fields.Char(related="event_id.subject", string="Subject")

    _event_idx = models.Index("(event_id)")
    _replay_idx = models.Index("(replay_id, state) WHERE replay_id IS NOT NULL")

    def action_open_event(self):
        """Open the event that this message delivers."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mfg.event",
            "res_id": self.event_id.id,
            "views": [(False, "form")],
        }
