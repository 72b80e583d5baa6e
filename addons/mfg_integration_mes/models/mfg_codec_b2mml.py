from odoo import api, fields, models
from odoo.addons.mfg_integration_base.const import MAX_JSON_DEPTH
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.http_body import is_xml_type
from odoo.addons.mfg_integration_base.tools.inbound_batch import (
    MAX_MESSAGES,
    BatchBodyError,
    Part,
)
from odoo.addons.mfg_integration_base.tools.xml_reader import XmlError, read_xml

from ..tools.b2mml.message import open_message
from ..tools.b2mml.names import VERSIONS
from ..tools.b2mml.nodes import B2mmlError
from ..tools.b2mml.read import is_performance, read
from ..tools.b2mml.read_performance import segments
from ..tools.b2mml.split import split
from ..tools.b2mml.write import WRITTEN, write

CODE = "b2mml"


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    codec = fields.Selection(selection_add=[(CODE, "B2MML (ISA-95)")], ondelete={CODE: "cascade"})


class MfgConnector(models.Model):
    _inherit = "mfg.connector"

    codec = fields.Selection(
        selection_add=[(CODE, "B2MML (ISA-95)")], ondelete={CODE: "set default"}
    )
    b2mml_version = fields.Selection(
        [(code, code) for code in VERSIONS],
        string="B2MML Version",
        required=True,
        default="V0700",
        tracking=True,
        help="In which version this partner gets messages. What it sends says its version itself. "
        "Up to V0600 orders are a ProductionSchedule, since V0700 an OperationsSchedule.",
    )


class MfgCodecB2mml(models.AbstractModel):
    """Performance messages to production reports; order events to schedules, refusals to
    ConfirmBOD. What is written in V0700 is valid against the schemas of MESA International."""

    _name = "mfg.codec.b2mml"
    _inherit = ["mfg.codec"]
    _description = "B2MML codec"

    @api.model
    def _accepts(self, content_type):
        return is_xml_type(content_type)

    @api.model
    def _content_types(self):
        return ("application/xml", "text/xml")

    @api.model
    def _decode(self, *, raw, content_type, schema=True):
        try:
            return read(read_xml(raw, MAX_JSON_DEPTH))
        except (XmlError, B2mmlError) as error:
            raise BusinessReject("codec", str(error)) from error

    @api.model
    def _parts(self, *, raw, content_type):
        """Segment responses: each is a report, to be booked for itself."""
        try:
            message = open_message(read_xml(raw, MAX_JSON_DEPTH))
            count = len(segments(message)) if is_performance(message) else 0
            # Before they are taken apart: each of so many would be compared with all others.
            if count > MAX_MESSAGES:
                raise BatchBodyError(
                    "too_many", f"There are {count} segment responses, more than {MAX_MESSAGES}."
                )
            found = split(message) if count > 1 else []
        except (XmlError, B2mmlError):
            return None  # to be refused as one message, by what is wrong with it
        if len(found) < 2:
            return None
        # Written anew, in UTF-8: what the Content-Type says of the whole need not hold.
        return [
            Part(
                part.body,
                "application/xml",
                part.place,
                f"{message.bod_id}#{part.place}" if message.bod_id else "",
            )
            for part in found
        ]

    @api.model
    def _message_id(self, *, raw, content_type):
        """The BODID."""
        return open_message(read_xml(raw, MAX_JSON_DEPTH)).bod_id or None

    @api.model
    def _encoder(self, *, connector):
        version = connector.b2mml_version

        def encode(record, _extensions):
            return {"content-type": "application/xml"}, write(record, version)

        return encode

    @api.model
    def _encodes(self, event_code):
        return event_code in WRITTEN

    @api.model
    def _sent_as(self, *, connector):
        return "application/xml"
