"""Values out of elements, each with an error that says where it stood."""

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251
from odoo.addons.mfg_integration_base.tools.xml_reader import local_name, path_of  # noqa: TID251

__all__ = [
    "B2mmlError",
    "child",
    "children",
    "local_name",
    "moment",
    "number",
    "only",
    "path_of",
    "text",
    "typed",
    "value_of",
]

_INTEGERS = frozenset(
    {
        "byte", "unsignedByte", "integer", "positiveInteger", "negativeInteger",
        "nonNegativeInteger", "nonPositiveInteger", "int", "unsignedInt", "long", "unsignedLong",
        "short", "unsignedShort",
    }
)  # fmt: skip
_NUMBERS = frozenset({"decimal", "float", "double", "Amount", "Measure", "Numeric", "Quantity"})
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)T24:00:00(?:\.0+)?", re.ASCII)
_QUOTE_CHARS = 60


class B2mmlError(ValueError):
    """The message cannot be read as B2MML.

    :param path: of the element that is wrong, e.g. ``SegmentResponse/MaterialActual[2]/Quantity``
    :param line: where it stands in the message; 0 where there is none
    """

    def __init__(self, message: str, node: etree._Element | None = None):
        self.path = path_of(node) if node is not None else ""
        self.line = (node.sourceline or 0) if node is not None else 0
        where = f"{self.path} (line {self.line}): " if self.line else ""
        super().__init__(f"{where}{message}")


def children(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """Elements of that name inside ``node``, in its own namespace."""
    return node.iterchildren(etree.QName(etree.QName(node).namespace, name).text)


def child(node: etree._Element, name: str) -> etree._Element | None:
    return next(children(node, name), None)


def only(node: etree._Element, name: str) -> etree._Element | None:
    """The one element of that name, or None.

    :raises B2mmlError: there are several
    """
    first, *others = list(children(node, name)) or [None]
    if others:
        raise B2mmlError(f"{name} stands here {len(others) + 1} times; one is read.", others[0])
    return first


def text(node: etree._Element | None) -> str:
    """The text of an element without the blanks around it; empty for None."""
    if node is None:
        return ""
    for inner in node:
        raise B2mmlError("Elements stand where a text belongs.", inner)
    return " ".join((node.text or "").split())


def moment(node: etree._Element | None) -> datetime | None:
    """The time in an element (``xsd:dateTime``), in UTC; None without element or text.

    :raises B2mmlError: not a time, or one without zone, which nobody can place
    """
    value = text(node)
    if not value:
        return None
    day = timedelta()
    if match := _MIDNIGHT.match(value):
        value, day = f"{match[1]}T00:00:00{value[match.end() :]}", timedelta(days=1)
    if not _ZONE.search(value):
        raise B2mmlError(
            f"{_quoted(value)} has no time zone: end it with Z or an offset such as +01:00.", node
        )
    try:
        return rfc3339.parse(value) + day
    except (ValueError, OverflowError) as error:
        raise B2mmlError(str(error), node) from None


def number(node: etree._Element | None) -> Decimal:
    """The number in an element.

    :raises B2mmlError: not a finite number, or one that a document cannot hold exactly
    """
    value = text(node)
    if not _NUMBER.fullmatch(value):
        raise B2mmlError(f"{_quoted(value)} is not a number.", node)
    exact = Decimal(value)
    nearest = float(exact)
    if math.isinf(nearest):
        raise B2mmlError(f"{_quoted(value)} is too large.", node)
    if Decimal(repr(nearest)) != exact:
        raise B2mmlError(f"{_quoted(value)} has more digits than can be kept.", node)
    return exact


def typed(node: etree._Element, data_type: str) -> bool | int | Decimal | str:
    """The value of an element as its ``DataType`` says; text where that is no type of numbers.

    :raises B2mmlError: not a value of that type
    """
    value = text(node)
    if data_type == "boolean":
        if value not in _BOOLEANS:
            raise B2mmlError(f"{_quoted(value)} is neither true nor false.", node)
        return _BOOLEANS[value]
    if data_type in _INTEGERS:
        if not _INTEGER.fullmatch(value):
            raise B2mmlError(f"{_quoted(value)} is not a whole number ({data_type}).", node)
        return int(value)
    if data_type in _NUMBERS:
        return number(node)
    return value


def value_of(node: etree._Element, name: str) -> tuple[bool | int | Decimal | str, str, str]:
    """``(value, unit, key)`` of a ``Quantity`` or ``Value``.

    ``DataType`` and ``UnitOfMeasure`` may be missing, which the older versions did not allow.

    :param name: of the text in it: QuantityString or ValueString
    :raises B2mmlError: without that text, or it is not what DataType says
    """
    found = only(node, name)
    if found is None:
        raise B2mmlError(f"{name} is missing.", node)
    data_type = text(only(node, "DataType"))
    unit = text(only(node, "UnitOfMeasure"))
    return typed(found, data_type), unit, text(only(node, "Key"))


def _quoted(value: str) -> str:
    short = value if len(value) <= _QUOTE_CHARS else value[:_QUOTE_CHARS] + "…"
    return repr(short)
