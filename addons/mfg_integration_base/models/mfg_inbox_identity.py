from odoo import fields, models

from ..fields import PlainMany2one


class MfgInboxIdentity(models.Model):
    """Who has been here: outlives the message for the route's dedupe horizon."""

    _name = "mfg.inbox.identity"
    _description = "Identity of an inbound message"
    _log_access = False

    connector_id = PlainMany2one("mfg.connector", required=True, readonly=True)
    external_id = fields.Char(required=True, readonly=True)
    body_sha256 = fields.Char(required=True, readonly=True)
    message_uuid = fields.Char(required=True, readonly=True)
    expires_at = fields.Datetime(required=True, readonly=True)

    _identity_uniq = models.Constraint(
        "UNIQUE (connector_id, external_id)", "This message id is already known."
    )
    _expires_idx = models.Index("(expires_at)")
