from odoo import api, fields, models

from ..exceptions import StateWriteRefused
from ..fields import PlainMany2one


class MfgEvent(models.Model):
    """Something that happened. Written by ``_mfg_emit`` with the business, never changed."""

    _name = "mfg.event"
    _description = "Integration event"
    _inherit = ["mfg.record.link"]
    _order = "id desc"
    _rec_name = "uuid"
    _log_access = False

    uuid = fields.Char(string="Event id", required=True, readonly=True)
    event_type_id = PlainMany2one("mfg.event.type", readonly=True)
    type = fields.Char(required=True, readonly=True)
    source = fields.Char(required=True, readonly=True)
    subject = fields.Char(readonly=True)
    ordering_key = fields.Char(required=True, readonly=True)
    occurred_at = fields.Datetime(required=True, readonly=True)
    recorded_at = fields.Datetime(required=True, readonly=True)
    company_id = PlainMany2one("res.company", required=True, readonly=True)
    user_id = PlainMany2one("res.users", string="Acting user", readonly=True)
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Record id", model_field="model", readonly=True)
    traceparent = fields.Char(readonly=True)
    correlation_id = fields.Char(readonly=True)
    causation_id = fields.Char(
        readonly=True, help="The partner message or event that caused this event."
    )
    data = fields.Text(required=True, readonly=True)
    outbox_message_ids = fields.One2many("mfg.outbox.message", "event_id", string="Deliveries")
    delivery_count = fields.Integer(compute="_compute_delivery_count")

    _uuid_uniq = models.Constraint("UNIQUE (uuid)", "Two events share an id.")
    _record_idx = models.Index("(model, res_id, id)")
    _type_idx = models.Index("(event_type_id, id)")
    _key_idx = models.Index("(ordering_key, id)")

    def _compute_delivery_count(self):
        counts = dict(
            self.env["mfg.outbox.message"]._read_group(
                [("event_id", "in", self.ids)], ["event_id"], ["__count"]
            )
        )
        for event in self:
            event.delivery_count = counts.get(event, 0)

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Events are written by the emission only."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("An event is a fact and cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("Events leave by retention only."))
