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
    event_data = fields.Text(related="event_id.data", string="Data")
    data_edited = fields.Text(
        string="Edited data", readonly=True, help="Sent in place of the event's data."
    )
    # Not as superuser: the name of a record is for those who may read it.
    record_name = fields.Char(
        related="event_id.record_name", related_sudo=False, string="Record name"
    )
    event_subject = fields.Char(related="event_id.subject", string="Subject")

    # Nothing that claiming or retrying changes may stand in an index, see the mixin.
    _replay_idx = models.Index("(replay_id) WHERE replay_id IS NOT NULL")

    def action_open_event(self):
        """Open the event that this message delivers."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mfg.event",
            "res_id": self.event_id.id,
            "views": [(False, "form")],
        }
