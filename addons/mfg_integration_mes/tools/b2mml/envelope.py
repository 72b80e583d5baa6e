"""The transaction around what is written (ISA-95 part 5): who, when, and what to do with it."""

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251
from odoo.addons.mfg_integration_base.tools.envelope import EventRecord  # noqa: TID251

from .build import plain
from .names import Version

__all__ = ["area", "message", "serialized"]


def area(version: Version, record: EventRecord) -> etree._Element:
    """The ApplicationArea. A repetition of the event has the same BODID and time."""
    element = plain(version, "ApplicationArea")
    sender = plain(version, "Sender")
    sender.append(plain(version, "LogicalID", record.source))
    element.append(sender)
    element.append(plain(version, "CreationDateTime", rfc3339.format_utc(record.time)))
    element.append(plain(version, "BODID", record.id))
    return element


def message(
    version: Version, record: EventRecord, verb: str, noun: etree._Element
) -> etree._Element:
    """Verb and noun as a message."""
    name = etree.QName(noun).localname
    root = plain(version, f"{verb}{name}")
    root.set("releaseID", version.code)
    data = plain(version, "DataArea")
    data.append(plain(version, verb))
    data.append(noun)
    root.append(area(version, record))
    root.append(data)
    return root


def serialized(root: etree._Element) -> bytes:
    """The message's bytes, UTF-8."""
    etree.cleanup_namespaces(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
