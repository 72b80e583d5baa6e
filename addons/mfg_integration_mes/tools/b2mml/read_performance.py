"""Performance messages to production reports: each segment response becomes one.

A report speaks of an operation, named by the UUID that its ``SegmentRequirement`` had in our
schedule; or of a whole order, where it names the order's UUID in that place. Quantities are totals
since the start of the segment.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251

from .materials import ELEMENTS, read_materials
from .message import Message
from .names import FINISHED
from .nodes import B2mmlError, children, local_name, moment, number, only, text
from .totals import lots, totals
from .values import word

__all__ = ["read_report", "segments"]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
_MAX_TEXT = 200


def segments(message: Message) -> list[etree._Element]:
    """The segment responses of a performance message, in their order; each is a report.

    One that holds others and no materials of its own only groups them.

    :raises B2mmlError: there are none
    """
    version = message.version
    found: list[etree._Element] = []
    for noun in message.nouns:
        responses = [noun] if message.noun == version.response else children(noun, version.response)
        for response in responses:
            for segment in children(response, "SegmentResponse"):
                found += _leaves(segment, version.child_response)
    if not found:
        raise B2mmlError("The message holds no SegmentResponse.", message.nouns[0])
    return found


def _leaves(segment: etree._Element, child_name: str) -> Iterator[etree._Element]:
    inner = list(children(segment, child_name))
    if not inner or any(local_name(node) in ELEMENTS for node in segment):
        yield segment
    for each in inner:
        yield from _leaves(each, child_name)


def read_report(message: Message, segment: etree._Element) -> dict[str, Any]:
    """The production report (``tools.report.SCHEMA``) that a segment response makes.

    :param segment: one of ``segments(message)``
    :raises B2mmlError: what a report needs is missing, ambiguous, or has no place in it
    """
    response = _response(message, segment)
    materials = read_materials(segment)
    order, workorder = _references(message, response, segment)
    data = _data(message, segment)
    report: dict[str, Any] = {"order": order}
    if workorder != order:
        report["workorder"] = workorder
    reported_at = _reported_at(message, response, segment)
    report["sequence"] = _sequence(message, response, segment, data, reported_at)
    report["status"] = _status(response, segment)
    report |= totals(segment, materials)
    report |= lots(materials.produced)
    report |= _times(segment, reported_at)
    if operators := _operators(segment):
        report["operator"] = operators
    if "Revision" in data:
        report["revision"] = _whole(data["Revision"])
    if reason := text(data.get("CorrectionReason")):
        report |= {"correction": True, "correction_reason": reason[:_MAX_TEXT]}
    return report


# === Which order, which operation === #


def _response(message: Message, segment: etree._Element) -> etree._Element:
    """The response that a segment, however deep, stands in."""
    tag = f"{{{message.version.namespace}}}{message.version.response}"
    return next(segment.iterancestors(tag))


def _references(
    message: Message, response: etree._Element, segment: etree._Element
) -> tuple[str, str]:
    """UUIDs of order and operation; twice the same where the whole order is meant."""
    request_id = message.version.request_id
    named = only(segment, request_id)
    named = only(response, request_id) if named is None else named
    if named is None:
        raise B2mmlError(f"{request_id} is missing: it names the order.", response)
    order = _uuid(named, "order")
    if message.version.code == "V0700":
        found = only(segment, "SegmentRequirementID")
        found = only(response, "SegmentRequirementID") if found is None else found
        if found is None:
            raise B2mmlError(
                "SegmentRequirementID is missing: it names the operation, or the order again "
                "where the order as a whole is meant.",
                segment,
            )
        return order, _uuid(found, "operation")
    for name in ("ID", "ProductSegmentID", "ProcessSegmentID"):
        for found in children(segment, name):
            if _UUID.fullmatch(text(found)):
                return order, text(found).lower()
    raise B2mmlError(
        "None of ID, ProductSegmentID and ProcessSegmentID is the UUID of the operation, as the "
        "ID of its SegmentRequirement was (or the order's, for the order as a whole).",
        segment,
    )


def _uuid(node: etree._Element, what: str) -> str:
    value = text(node)
    if not _UUID.fullmatch(value):
        raise B2mmlError(
            f"{value[:60]!r} is not the UUID of an {what}, as it stands in our schedule.", node
        )
    return value.lower()


# === When, and in what state === #


def _data(message: Message, segment: etree._Element) -> dict[str, etree._Element]:
    """``{ID: text of its value}`` of the segment's data; data that is no part of a report stays
    in the stored message."""
    found: dict[str, etree._Element] = {}
    for each in children(segment, message.version.data):
        value = next(children(each, "Value"), None)
        shown = only(value, "ValueString") if value is not None else None
        if shown is not None:
            found[text(only(each, "ID"))] = shown
    return found


def _reported_at(
    message: Message, response: etree._Element, segment: etree._Element
) -> datetime | None:
    performance = response.getparent()
    for node in (segment, performance):
        if node is not None and (at := moment(only(node, "PublishedDate"))):
            return at
    return message.created_at


def _sequence(
    message: Message,
    response: etree._Element,
    segment: etree._Element,
    data: dict[str, etree._Element],
    reported_at: datetime | None,
) -> int:
    """Its own number, or else the second in which it was published: later ones count more."""
    if "Sequence" in data:
        return _whole(data["Sequence"])
    version = only(response, "Version") if message.version.code == "V0700" else None
    if text(version).isdigit():
        return _whole(version)
    if reported_at is None:
        raise B2mmlError(
            f"Nothing says which report is newer: give a {message.version.data} with the ID "
            "Sequence, or PublishedDate.",
            segment,
        )
    return int((reported_at - _EPOCH).total_seconds())


def _whole(node: etree._Element | None) -> int:
    value = number(node)
    if value != value.to_integral_value():
        raise B2mmlError(f"{value} is not a whole number.", node)
    return int(value)


def _status(response: etree._Element, segment: etree._Element) -> str:
    state = word(only(segment, "SegmentState")) or word(only(response, "ResponseState"))
    return "finished" if state in FINISHED else "progress"


def _times(segment: etree._Element, reported_at: datetime | None) -> dict[str, str]:
    times = {
        "started_at": moment(only(segment, "ActualStartTime")),
        "ended_at": moment(only(segment, "ActualEndTime")),
        "reported_at": reported_at,
    }
    if times["started_at"] and times["ended_at"] and times["ended_at"] < times["started_at"]:
        raise B2mmlError("ActualEndTime is before ActualStartTime.", segment)
    return {name: rfc3339.format_utc(at) for name, at in times.items() if at}


def _operators(segment: etree._Element) -> str:
    names = [
        text(person)
        for actual in children(segment, "PersonnelActual")
        for person in children(actual, "PersonID")
    ]
    return ", ".join(dict.fromkeys(filter(None, names)))[:_MAX_TEXT]
