from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.http_body import media_type
from odoo.addons.mfg_integration_base.tools.inbound_batch import MAX_MESSAGES, Part

from ..tools import edifact_reader, x12_reader
from ..tools.segments import EdiError

MAX_SEGMENTS = 100_000
"""Of one interchange; a body of the largest size has not many more."""

OCTETS = ("application/octet-stream", "text/plain")
"""What senders say who have no better name for it; the content decides."""


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    codec = fields.Selection(
        selection_add=[("x12", "ANSI X12"), ("edifact", "UN/EDIFACT")],
        ondelete={"x12": "cascade", "edifact": "cascade"},
    )


class MfgCodecX12(models.AbstractModel):
    """An interchange is a message; its envelope is checked, its content as it came."""

    _name = "mfg.codec.x12"
    _inherit = ["mfg.codec"]
    _description = "X12 codec"

    @api.model
    def _accepts(self, content_type):
        return media_type(content_type) in self._content_types()

    @api.model
    def _content_types(self):
        # RFC 1767 section 3
        return ("application/edi-x12", *OCTETS)

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        try:
            return x12_reader.read_x12(raw, MAX_SEGMENTS)
        except EdiError as error:
            raise BusinessReject("codec", str(error)) from error

    @api.model
    def _parts(self, *, raw, content_type):
        return _parts(x12_reader.split_interchanges, raw, content_type)

    @api.model
    def _message_id(self, *, raw, content_type):
        """Sender, receiver and interchange control number: unique between two partners."""
        return _identity(x12_reader.read_x12(raw, MAX_SEGMENTS))


class MfgCodecEdifact(models.AbstractModel):
    """An interchange is a message; its envelope is checked, its content as it came."""

    _name = "mfg.codec.edifact"
    _inherit = ["mfg.codec"]
    _description = "EDIFACT codec"

    @api.model
    def _accepts(self, content_type):
        return media_type(content_type) in self._content_types()

    @api.model
    def _content_types(self):
        # RFC 1767 section 3
        return ("application/edifact", *OCTETS)

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        try:
            return edifact_reader.read_edifact(raw, MAX_SEGMENTS)
        except EdiError as error:
            raise BusinessReject("codec", str(error)) from error

    @api.model
    def _parts(self, *, raw, content_type):
        return _parts(edifact_reader.split_interchanges, raw, content_type)

    @api.model
    def _message_id(self, *, raw, content_type):
        """Sender, recipient and interchange control reference: unique between two partners."""
        return _identity(edifact_reader.read_edifact(raw, MAX_SEGMENTS))


def _parts(split, raw, content_type):
    try:
        found = split(raw, MAX_MESSAGES)
    except EdiError:
        return None  # to be refused as one message, by what is wrong with it
    if len(found) < 2:
        return None
    return [
        Part(body, content_type, f"interchange {number}") for number, body in enumerate(found, 1)
    ]


def _identity(document):
    """Numbers start again after the last one: the date tells the rounds apart."""
    parties = (
        f"{party['qualifier']}:{party['id']}"
        for party in (document["sender"], document["receiver"])
    )
    date = document.get("date") or document.get("prepared_at", "")
    return "/".join((*parties, date, document["control_number"]))
