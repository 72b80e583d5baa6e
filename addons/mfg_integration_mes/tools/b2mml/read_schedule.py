"""Schedule messages to a document: requests, their segments, what each needs and makes."""

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251

from .message import Message
from .nodes import B2mmlError, child, children, moment, only, text
from .values import read_values, word

__all__ = ["read_schedule"]

_TIMES = (
    ("StartTime", "start_at"),
    ("EndTime", "end_at"),
    ("EarliestStartTime", "earliest_start_at"),
    ("LatestEndTime", "latest_end_at"),
)


def read_schedule(message: Message) -> dict[str, Any]:
    """The document of a schedule, or of requests without one: ``{"requests": [...]}``.

    What is not there is not in the document: no field is null.

    :raises B2mmlError: a value is none of its type, a time has no zone, an end is before its begin
    """
    version = message.version
    schedules = [noun for noun in message.nouns if message.noun == version.schedule]
    requests = [
        _request(message, request)
        for noun in message.nouns
        for request in ([noun] if noun not in schedules else children(noun, version.request))
    ]
    document: dict[str, Any] = {"requests": requests}
    for schedule in schedules[:1]:
        document |= _texts(schedule, {"ID": "id"})
        if at := moment(only(schedule, "PublishedDate")):
            document["published_at"] = rfc3339.format_utc(at)
    return document


def _request(message: Message, node: etree._Element) -> dict[str, Any]:
    request: dict[str, Any] = {
        **_texts(node, {"ID": "id", "Description": "description", "Version": "version"}),
        **_times(node),
        **_texts(node, {"Priority": "priority"}),
    }
    if state := word(only(node, "RequestState")):
        request["state"] = state
    if (scope := only(node, "HierarchyScope")) is not None:
        request["scope"] = text(only(scope, "EquipmentID"))
    request["segments"] = [
        _segment(message, segment) for segment in children(node, "SegmentRequirement")
    ]
    return request


def _segment(message: Message, node: etree._Element) -> dict[str, Any]:
    version = message.version
    segment: dict[str, Any] = {
        **_texts(
            node,
            {"ID": "id", "ProcessSegmentID": "process_segment", "Description": "description"},
        ),
        **_times(node),
        **_texts(node, {"Duration": "duration"}),
    }
    if state := word(only(node, "SegmentState")):
        segment["state"] = state
    for name, parts in (
        ("parameters", list(_parameters(version.parameter, node))),
        ("equipment", [_resource(e, "Equipment") for e in children(node, "EquipmentRequirement")]),
        ("personnel", [_resource(e, "Person") for e in children(node, "PersonnelRequirement")]),
        ("materials", [_material(e) for e in children(node, "MaterialRequirement")]),
        ("segments", [_segment(message, e) for e in children(node, version.child_requirement)]),
    ):
        if parts:
            segment[name] = parts
    return segment


def _parameters(name: str, segment: etree._Element) -> Iterator[dict[str, Any]]:
    for node in children(segment, name):
        # The older versions have a Parameter inside.
        inner = child(node, "Parameter")
        node = node if inner is None else inner  # noqa: PLW2901 - the same thing, deeper
        yield {"id": text(only(node, "ID")), "values": read_values(node, "Value")}


def _resource(node: etree._Element, kind: str) -> dict[str, Any]:
    resource: dict[str, Any] = {}
    if ids := [text(each) for each in children(node, f"{kind}ID")]:
        resource["ids"] = ids
    if classes := [text(each) for each in children(node, f"{kind}ClassID")]:
        resource["classes"] = classes
    if quantities := read_values(node, "Quantity"):
        resource["quantities"] = quantities
    return resource


def _material(node: etree._Element) -> dict[str, Any]:
    material: dict[str, Any] = {}
    for name, field in (
        ("MaterialDefinitionID", "materials"),
        ("MaterialLotID", "lots"),
        ("MaterialSubLotID", "sublots"),
    ):
        if found := [text(each) for each in children(node, name)]:
            material[field] = found
    material |= _texts(node, {"Description": "description"})
    if use := word(only(node, "MaterialUse")):
        material["use"] = use
    if (location := only(node, "Location")) is not None:
        material["location"] = text(only(location, "EquipmentID"))
    if quantities := read_values(node, "Quantity"):
        material["quantities"] = quantities
    properties = {
        text(only(each, "ID")): read_values(each, "Value")
        for each in children(node, "MaterialRequirementProperty")
    }
    if properties:
        material["properties"] = properties
    if assembly := [_material(each) for each in children(node, "AssemblyRequirement")]:
        material["assembly"] = assembly
    return material


def _times(node: etree._Element) -> dict[str, str]:
    found = {field: moment(only(node, name)) for name, field in _TIMES}
    for begin, end, name in (
        ("start_at", "end_at", "EndTime"),
        ("earliest_start_at", "latest_end_at", "LatestEndTime"),
    ):
        first, last = found[begin], found[end]
        if first and last and last < first:
            raise B2mmlError(f"{name} is before the time at which it begins.", only(node, name))
    return {field: rfc3339.format_utc(at) for field, at in found.items() if at}


def _texts(node: etree._Element, names: Mapping[str, str]) -> dict[str, str]:
    """Texts of elements that are there and not empty; the first of those that may be repeated."""
    return {field: value for name, field in names.items() if (value := text(child(node, name)))}
