from odoo import fields, models
from odoo.tools import SQL

from ..fields import PlainMany2one


class MfgInboxMessage(models.Model):
    """One message from a partner: what came in, byte for byte, and what became of it."""

    _name = "mfg.inbox.message"
    _description = "Inbox message"
    _inherit = ["mfg.message.mixin", "mfg.record.link"]
    _log_access = False  # not inherited from an abstract model
    _mfg_link_model = "record_model"
    _mfg_link_id = "record_id"

    route_id = PlainMany2one("mfg.inbox.route", required=True, readonly=True)
    message_type = fields.Char(required=True, readonly=True)
    external_id = fields.Char(string="Partner's message id", required=True, readonly=True)
    body = fields.Binary(string="Raw body", attachment=False, readonly=True, required=True)
    body_edited = fields.Binary(
        string="Edited body",
        attachment=False,
        readonly=True,
        help="Booked instead of the body.",
    )
    body_text = fields.Text(compute="_compute_body_text", string="Body")
    original_body_text = fields.Text(compute="_compute_body_text", string="Body as received")
    content_type = fields.Char(readonly=True)
    headers = fields.Text(readonly=True, help="Request headers, secrets masked.")
    credential_id = PlainMany2one("mfg.credential", readonly=True)
    traceparent = fields.Char(readonly=True)
    result = fields.Text(
        readonly=True, help="What the partner is answered when it asks again (JSON)."
    )
    problems = fields.Text(readonly=True, help="What is wrong, with JSON pointers (JSON).")
    record_model = fields.Char(readonly=True)
    record_id = fields.Many2oneReference(
        string="Booked on", model_field="record_model", readonly=True
    )

    _external_idx = models.Index("(connector_id, external_id)")
    _record_idx = models.Index("(record_model, record_id) WHERE record_id IS NOT NULL")

    def _compute_body_text(self):
        for message in self:
            message.body_text = message._raw_body().decode("utf-8", "replace")
            message.original_body_text = message._original_body().decode("utf-8", "replace")

    def _raw_body(self) -> bytes:
        """The bytes to book: as received, or as a person has edited them."""
        return self._body_column(SQL("COALESCE(body_edited, body)"))

    def _original_body(self) -> bytes:
        """The stored bytes, exactly as received."""
        return self._body_column(SQL("body"))

    def _body_column(self, column):
        self.ensure_one()
        self.check_access("read")  # SQL asks nobody
        self.env.cr.execute(SQL("SELECT %s FROM mfg_inbox_message WHERE id = %s", column, self.id))
        row = self.env.cr.fetchone()
        return bytes(row[0]) if row and row[0] is not None else b""

    def _link_record(self, record):
        """Say which record this message is about; for handlers, and rolled back with their work."""
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_inbox_message SET record_model = %s, record_id = %s WHERE id = %s",
                record._name, record.id, self.id,
            )
        )  # fmt: skip
        self.invalidate_recordset(["record_model", "record_id"])
