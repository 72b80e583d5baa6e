"""Quantities and values as documents have them, and words of lists."""

from decimal import Decimal
from typing import Any

from lxml import etree

from .nodes import children, text, value_of

__all__ = ["json_number", "read_values", "word"]


def word(node: etree._Element | None) -> str:
    """The word of a list: what ``OtherValue`` says where the text is ``Other``."""
    said = text(node)
    if node is not None and said == "Other":
        return " ".join(node.get("OtherValue", "").split()) or said
    return said


def json_number(value: Decimal) -> int | float:
    """An exact number as JSON has it; it was checked to be one (``nodes.number``)."""
    return int(value) if value == value.to_integral_value() else float(value)


def read_values(node: etree._Element, name: str) -> list[dict[str, Any]]:
    """``[{"value", "unit", "key"}]`` of the ``Quantity`` or ``Value`` elements inside ``node``.

    :raises B2mmlError: one is not what its DataType says
    """
    found = []
    for each in children(node, name):
        value, unit, key = value_of(each, f"{name}String")
        entry: dict[str, Any] = {
            "value": json_number(value) if isinstance(value, Decimal) else value
        }
        if unit:
            entry["unit"] = unit
        if key:
            entry["key"] = key
        found.append(entry)
    return found
