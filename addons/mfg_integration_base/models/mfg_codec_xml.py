from odoo import api, models

from ..const import MAX_JSON_DEPTH
from ..exceptions import BusinessReject
from ..tools.http_body import is_xml_type
from ..tools.xml_document import document_of
from ..tools.xml_reader import XmlError, read_xml


class MfgCodecXml(models.AbstractModel):
    """XML of any vocabulary, by the rules of ``tools.xml_document``. Read, not written."""

    _name = "mfg.codec.xml"
    _inherit = ["mfg.codec"]
    _description = "XML codec"

    @api.model
    def _accepts(self, content_type):
        return is_xml_type(content_type)

    @api.model
    def _content_types(self):
        return ("application/xml", "text/xml")

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        try:
            return document_of(read_xml(raw, MAX_JSON_DEPTH), schema)
        except XmlError as error:
            raise BusinessReject("codec", str(error)) from error
