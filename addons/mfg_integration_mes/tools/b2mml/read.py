"""Any message that is read here, to its document."""

from typing import Any

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251

from .message import Message, open_message
from .nodes import B2mmlError
from .read_performance import read_report, segments
from .read_resources import KINDS, read_resources
from .read_schedule import read_schedule

__all__ = ["is_performance", "read"]

_INFORMATION = ("MaterialInformation", "EquipmentInformation")


def read(root: etree._Element) -> dict[str, Any]:
    """The document of a message.

    A performance message with one segment response is a production report
    (``tools.report.SCHEMA``). Others are ``{"version", "verb", "noun", "created_at", ...}``
    with the requests of a schedule, or with resources.

    :raises B2mmlError: not B2MML, of a kind that is not read, or with values that are none
    """
    message = open_message(root)
    if is_performance(message):
        first, *others = segments(message)
        if others:
            raise B2mmlError(
                f"The message holds {len(others) + 1} segment responses. Each is booked for "
                "itself: send it to the gateway as it is, or one by one.",
                others[0],
            )
        return read_report(message, first)
    if message.noun in (message.version.schedule, message.version.request):
        document = read_schedule(message)
    elif message.noun in KINDS or message.noun in _INFORMATION:
        document = read_resources(message)
    else:
        raise B2mmlError(f"{message.noun} is not read here.", root)
    return _head(message) | document


def is_performance(message: Message) -> bool:
    """Whether it says what was made."""
    return message.noun in (message.version.performance, message.version.response)


def _head(message: Message) -> dict[str, Any]:
    head = {"version": message.version.code, "noun": message.noun}
    if message.verb:
        head["verb"] = message.verb
    if message.created_at:
        head["created_at"] = rfc3339.format_utc(message.created_at)
    if message.sender:
        head["sender"] = message.sender
    if message.bod_id:
        head["bod_id"] = message.bod_id
    return head
