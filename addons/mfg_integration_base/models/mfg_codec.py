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
    def _decode(self, *, raw, content_type):
        """Document of ``raw`` (bytes), nested no deeper than ``MAX_JSON_DEPTH`` levels.

        :raises BusinessReject: reason ``codec``, naming where the syntax breaks
        """
        raise NotImplementedError(f"{self._name} does not read messages")


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
    def _decode(self, *, raw, content_type):
        """Of a CloudEvent in structured mode, the document is its ``data``."""
        try:
            if media_type(content_type) == CLOUDEVENT:
                headers = {"content-type": content_type}
                return envelope.decode(raw, headers, max_depth=MAX_JSON_DEPTH).data
            return read_json(raw, max_depth=MAX_JSON_DEPTH)
        except (JsonError, EnvelopeError) as error:
            raise BusinessReject("codec", str(error)) from error
