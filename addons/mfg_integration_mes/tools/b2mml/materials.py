"""``MaterialActual`` elements of a segment response: what was made, scrapped and used up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from lxml import etree

from .names import CONSUMED, PRODUCED, REWORK, SCRAP
from .nodes import B2mmlError, children, number, only, text, value_of
from .values import word

__all__ = ["ELEMENTS", "Line", "Materials", "read_materials"]

ELEMENTS = frozenset(
    {"MaterialActual", "MaterialProducedActual", "MaterialConsumedActual", "ConsumableActual"}
)
"""Of a segment response: what speaks of materials."""

_READ = "Produced, Consumed, or Other with OtherValue Scrap or Rework"
_REASONS = ("ScrapReason", "ReworkReason", "Reason")


@dataclass(frozen=True, slots=True)
class Line:
    """One ``MaterialActual``: a quantity of a material, or of its lot or serial numbers."""

    node: etree._Element
    material: str
    lots: tuple[str, ...]
    serials: tuple[str, ...]
    quantity: Decimal
    unit: str
    reason: str


@dataclass(slots=True)
class Materials:
    """The lines of a segment by their use."""

    produced: list[Line] = field(default_factory=list)
    scrap: list[Line] = field(default_factory=list)
    rework: list[Line] = field(default_factory=list)
    consumed: list[Line] = field(default_factory=list)


def read_materials(segment: etree._Element) -> Materials:
    """Read what a segment response says of materials.

    :raises B2mmlError: a use that reports have no place for, or a line that is not complete
    """
    materials = Materials()
    for node in children(segment, "MaterialActual"):
        _list_for(materials, node).append(_line(node))
    # The older versions have elements of their own for these two uses.
    for name, lines in (
        ("MaterialProducedActual", materials.produced),
        ("MaterialConsumedActual", materials.consumed),
        ("ConsumableActual", materials.consumed),
    ):
        lines += [_line(node) for node in children(segment, name)]
    return materials


def _list_for(materials: Materials, node: etree._Element) -> list[Line]:
    use = word(only(node, "MaterialUse"))
    for words, lines in (
        (PRODUCED, materials.produced),
        (SCRAP, materials.scrap),
        (REWORK, materials.rework),
        (CONSUMED, materials.consumed),
    ):
        if use in words:
            return lines
    said = f"MaterialUse {use!r} has no place in a report" if use else "MaterialUse is missing"
    raise B2mmlError(f"{said}. Uses that are read: {_READ}.", node)


def _line(node: etree._Element) -> Line:
    for inner in children(node, "AssemblyActual"):
        raise B2mmlError(
            "What a material is assembled of is not read here: give each as a MaterialActual of "
            "the segment.",
            inner,
        )
    quantity, unit = _quantity(node)
    material = only(node, "MaterialDefinitionID")
    return Line(
        node,
        text(material),
        _texts(children(node, "MaterialLotID")),
        _texts(children(node, "MaterialSubLotID")),
        quantity,
        unit,
        _reason(node),
    )


def _quantity(node: etree._Element) -> tuple[Decimal, str]:
    """Number and unit; of several quantities the one without a ``Key`` counts."""
    found = list(children(node, "Quantity"))
    plain = [each for each in found if not text(only(each, "Key"))] if len(found) > 1 else found
    if len(plain) != 1:
        raise B2mmlError(
            "Quantity is missing."
            if not found
            else f"Of {len(found)} quantities, exactly one has to be without Key: it counts.",
            node,
        )
    [quantity] = plain
    value, unit, _key = value_of(quantity, "QuantityString")
    if isinstance(value, bool):
        raise B2mmlError("A quantity of material is a number.", quantity)
    # Without DataType, or with one for texts, it has to be a number all the same.
    exact = number(only(quantity, "QuantityString")) if isinstance(value, str) else Decimal(value)
    if exact < 0:
        raise B2mmlError(f"{exact} is less than nothing: report totals since the start.", quantity)
    return exact, unit


def _reason(node: etree._Element) -> str:
    for prop in children(node, "MaterialActualProperty"):
        if text(only(prop, "ID")) in _REASONS:
            values = _texts(
                only_value
                for value in children(prop, "Value")
                if (only_value := only(value, "ValueString")) is not None
            )
            return ", ".join(values)
    return ""


def _texts(nodes: Iterable[etree._Element]) -> tuple[str, ...]:
    return tuple(value for node in nodes if (value := text(node)))
