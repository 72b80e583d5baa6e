"""Elements of a version, their children in the order of that version's schema."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from lxml import etree

from .names import Version

__all__ = ["Part", "build", "material", "parameter", "plain", "quantity"]

Part: TypeAlias = "str | etree._Element | list[etree._Element] | list[str] | None"

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Of the sequences in the schemas, the elements that are written here.
_ORDER: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "V0700": {
        "schedule": (
            "ID", "PublishedDate", "OperationsType", "ScheduleState", "OperationsRequest",
        ),
        "request": (
            "ID", "Description", "Version", "StartTime", "EndTime", "OperationsType", "Priority",
            "RequestState", "OperationsDefinitionID", "SegmentRequirement",
        ),
        "segment": (
            "ID", "Description", "EarliestStartTime", "LatestEndTime", "OperationsType",
            "ProcessSegmentID", "Duration", "OperationsDefinitionID", "OperationsSegmentID",
            "SegmentState", "SegmentParameter", "EquipmentRequirement", "MaterialRequirement",
            "SegmentRequirementChild",
        ),
        "parameter": ("ID", "Value"),
        "equipment": ("ID", "EquipmentID", "Description"),
        "material": (
            "ID", "MaterialDefinitionID", "MaterialLotID", "Description", "MaterialUse",
            "Quantity", "MaterialRequirementProperty",
        ),
        "property": ("ID", "Value"),
    },
    "V0600": {
        "schedule": ("ID", "PublishedDate", "ProductionRequest", "ScheduleState"),
        "request": (
            "ID", "Description", "StartTime", "EndTime", "Priority", "SegmentRequirement",
            "RequestState",
        ),
        "segment": (
            "ID", "ProcessSegmentID", "Description", "EarliestStartTime", "LatestEndTime",
            "Duration", "ProductionParameter", "EquipmentRequirement", "MaterialRequirement",
            "SegmentRequirement", "SegmentState",
        ),
        "parameter": ("Parameter",),
        "equipment": ("EquipmentID", "Description"),
        "material": (
            "MaterialDefinitionID", "MaterialLotID", "Description", "MaterialUse", "Quantity",
            "MaterialRequirementProperty",
        ),
        "property": ("ID", "Value"),
    },
}  # fmt: skip
ORDER: Mapping[str, Mapping[str, tuple[str, ...]]] = {**_ORDER, "V0401": _ORDER["V0600"]}
"""By version and kind of element: its children in their order. V0401 differs from V0600 in nothing
that is written."""


def plain(version: Version, name: str, content: str = "") -> etree._Element:
    """An element with a text; characters that XML does not have become blanks."""
    element = etree.Element(f"{{{version.namespace}}}{name}", nsmap={None: version.namespace})
    element.text = _FORBIDDEN.sub(" ", content) or None
    return element


def build(version: Version, kind: str, name: str, parts: Mapping[str, Part]) -> etree._Element:
    """An element of a kind of ``ORDER``.

    Parts that are empty, or that this version has no place for, are left out.
    """
    element = plain(version, name)
    for child in ORDER[version.code][kind]:
        part = parts.get(child)
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, etree._Element):
                element.append(each)
            elif each:
                element.append(plain(version, child, each))
    return element


def quantity(
    version: Version, name: str, value: Decimal | str, unit: str = "", data_type: str = "decimal"
) -> etree._Element:
    """A ``Quantity`` or ``Value``, with DataType and UnitOfMeasure as the older versions demand."""
    element = plain(version, name)
    content = f"{value:f}" if isinstance(value, Decimal) else value
    element.append(plain(version, f"{name}String", content))
    element.append(plain(version, "DataType", data_type))
    element.append(plain(version, "UnitOfMeasure", unit))
    return element


def parameter(version: Version, identifier: str, *values: etree._Element) -> etree._Element:
    """A parameter of a segment, in the form of this version."""
    parts = {"ID": identifier, "Value": list(values)}
    inner = build(version, "property", "Parameter", parts)
    if version.code != "V0700":
        return build(version, "parameter", version.parameter, {"Parameter": inner})
    return build(version, "parameter", version.parameter, parts)


def material(
    version: Version,
    number: int,
    use: str,
    product: Mapping[str, str | None],
    amount: etree._Element,
    properties: Mapping[str, str],
) -> etree._Element:
    """A material requirement: our internal reference names it, or else our UUID."""
    properties = {"UUID": product["uuid"] or "", **properties}
    return build(
        version,
        "material",
        "MaterialRequirement",
        {
            "ID": str(number),
            "MaterialDefinitionID": product["code"] or product["uuid"],
            "Description": product["name"],
            "MaterialUse": use,
            "Quantity": amount,
            "MaterialRequirementProperty": [
                build(
                    version,
                    "property",
                    "MaterialRequirementProperty",
                    {"ID": name, "Value": quantity(version, "Value", value, data_type="string")},
                )
                for name, value in properties.items()
            ],
        },
    )
