from odoo import api, models

from ..const import MAX_JSON_DEPTH
from ..exceptions import BusinessReject
from ..tools.json_reader import JsonError, read_json


class MfgCodec(models.AbstractModel):
    """Contract: bytes on the wire <-> document (dict)."""

    _name = "mfg.codec"
    _inherit = ["mfg.plugin"]
    _description = "Codec contract"

    @api.model
    def _decode(self, *, raw, content_type):
        """Document of ``raw`` (bytes).

        :raises BusinessReject: reason ``codec``, naming where the syntax breaks
        """
        raise NotImplementedError(f"{self._name} does not read messages")


class MfgCodecJson(models.AbstractModel):
    _name = "mfg.codec.json"
    _inherit = ["mfg.codec"]
    _description = "JSON codec"

    @api.model
    def _decode(self, *, raw, content_type):
        try:
            return read_json(raw, max_depth=MAX_JSON_DEPTH)
        except JsonError as error:
            raise BusinessReject("codec", str(error)) from error
