from odoo import api, models

from ..const import MAX_JSON_DEPTH
from ..exceptions import BusinessReject
from ..tools import envelope
from ..tools.envelope import EnvelopeError
from ..tools.http_body import is_json_type, media_type
from ..tools.inbound_batch import CLOUDEVENT
from ..tools.json_reader import JsonError, read_json


class MfgCodec(models.AbstractModel):
    """Contract: bytes on the wire <-> document (dict)."""

    _name = "mfg.codec"
    _inherit = ["mfg.plugin"]
    _description = "Codec contract"

    @api.model
    def _accepts(self, content_type):
        """Whether this codec reads bodies of that Content-Type."""
        return True

    @api.model
    def _content_types(self):
        """Media types that the interface's description names (tuple)."""
        return ("application/octet-stream",)

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        """Document of ``raw`` (bytes), nested no deeper than ``MAX_JSON_DEPTH`` levels.

        :param schema: JSON Schema that the document will be checked against, for formats that do
            not say of what type a value is
        :raises BusinessReject: reason ``codec``, naming where the syntax breaks
        """
        raise NotImplementedError(f"{self._name} does not read messages")

    @api.model
    def _parts(self, *, raw, content_type):
        """The messages that one body holds (list of ``tools.inbound_batch.Part``), each to be
        booked for itself; None where it is one message. What cannot be read is one message."""
        return

    @api.model
    def _message_id(self, *, raw, content_type):
        """What the sender calls a body that ``_decode`` reads (text), or None if it does not."""
        return

    @api.model
    def _encoder(self, *, connector):
        """A function ``(EventRecord, extensions) -> (headers, body)`` for messages to
        ``connector``: headers with the Content-Type (dict), body in bytes.

        Called with the database; the function is called without, and buries what it raises for.
        """
        raise NotImplementedError(f"{self._name} does not write messages")

    @api.model
    def _encodes(self, event_code):
        """Whether events of that type can be written."""
        return False

    @api.model
    def _encodes_batches(self):
        """Whether several events can share a request (they are CloudEvents in JSON then)."""
        return False

    @api.model
    def _sent_as(self, *, connector):
        """Media type of what ``connector`` gets, where it is none of CloudEvents; or empty."""
        return ""


class MfgCodecJson(models.AbstractModel):
    _name = "mfg.codec.json"
    _inherit = ["mfg.codec"]
    _description = "JSON codec"

    @api.model
    def _accepts(self, content_type):
        return is_json_type(content_type)

    @api.model
    def _content_types(self):
        return ("application/json",)

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        """Of a CloudEvent in structured mode, the document is its ``data``."""
        try:
            if media_type(content_type) == CLOUDEVENT:
                headers = {"content-type": content_type}
                return envelope.decode(raw, headers, max_depth=MAX_JSON_DEPTH).data
            return read_json(raw, max_depth=MAX_JSON_DEPTH)
        except (JsonError, EnvelopeError) as error:
            raise BusinessReject("codec", str(error)) from error

    @api.model
    def _message_id(self, *, raw, content_type):
        """The id of a CloudEvent in structured mode."""
        if media_type(content_type) != CLOUDEVENT:
            return None
        return envelope.decode(raw, {"content-type": content_type}, max_depth=MAX_JSON_DEPTH).id

    @api.model
    def _encoder(self, *, connector):
        """CloudEvents in structured mode."""

        def encode(record, extensions):
            body = envelope.encode_structured(record, extensions)
            return {"content-type": envelope.STRUCTURED_CONTENT_TYPE}, body

        return encode

    @api.model
    def _encodes(self, event_code):
        return True

    @api.model
    def _encodes_batches(self):
        return True
