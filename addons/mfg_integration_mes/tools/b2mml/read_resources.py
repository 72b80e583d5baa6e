"""Material and equipment information to a document: what there is, and its properties."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from .message import Message
from .nodes import child, children, text
from .values import read_values

__all__ = ["KINDS", "read_resources"]

KINDS = (
    "MaterialClass",
    "MaterialDefinition",
    "MaterialLot",
    "MaterialSubLot",
    "EquipmentClass",
    "Equipment",
)
"""Elements that are read, alone or inside a ``MaterialInformation``/``EquipmentInformation``."""

_LINKS = (
    ("MaterialClassID", "classes"),
    ("EquipmentClassID", "classes"),
    ("MaterialDefinitionID", "materials"),
)


def read_resources(message: Message) -> dict[str, Any]:
    """``{"resources": [{"kind", "id", "description", "properties", ...}]}``, in their order.

    :raises B2mmlError: a value is not what its DataType says
    """
    return {"resources": [each for noun in message.nouns for each in _resources(noun)]}


def _resources(node: etree._Element) -> Iterator[dict[str, Any]]:
    kind = etree.QName(node).localname
    if kind in KINDS:
        yield _resource(node, kind)
        # Equipment holds its parts: as EquipmentChild, or by its own name in the older versions.
        for name in (kind, f"{kind}Child"):
            for part in children(node, name):
                if len(part):
                    yield _resource(part, kind)
        return
    for inner in node:
        if etree.QName(inner).localname in KINDS:
            yield from _resources(inner)


def _resource(node: etree._Element, kind: str) -> dict[str, Any]:
    resource: dict[str, Any] = {"kind": kind, "id": text(child(node, "ID"))}
    if description := text(child(node, "Description")):
        resource["description"] = description
    for name, field in _LINKS:
        if name != f"{kind}ID" and (ids := [text(each) for each in children(node, name)]):
            resource[field] = ids
    if quantities := read_values(node, "Quantity"):
        resource["quantities"] = quantities
    properties = {
        text(child(each, "ID")): read_values(each, "Value")
        for name in (f"{kind}Property", "Property")
        for each in children(node, name)
    }
    if properties:
        resource["properties"] = properties
    return resource
