"""The lines of a segment response as a report's totals, lots and serial numbers."""

from decimal import Decimal
from typing import Any

from lxml import etree

from .materials import Line, Materials
from .nodes import B2mmlError
from .values import json_number

__all__ = ["lots", "totals"]


def totals(segment: etree._Element, materials: Materials) -> dict[str, Any]:
    """Good, scrap, rework and consumption, as the report's schema has them.

    :raises B2mmlError: nothing is said to be produced, or a line is ambiguous
    """
    if not materials.produced:
        raise B2mmlError(
            "No MaterialActual says what was produced: a report gives all totals, if need be 0.",
            segment,
        )
    made = {line.material for line in materials.produced if line.material}
    if len(made) > 1:
        raise B2mmlError(
            f"Several materials are produced ({', '.join(sorted(made))}): a report has one.",
            segment,
        )
    report: dict[str, Any] = {
        "good_total": json_number(sum((line.quantity for line in materials.produced), Decimal(0)))
    }
    scrap = [_reasoned(line, made, "ScrapReason") for line in materials.scrap]
    if scrap:
        own = sum((line.quantity for line in materials.scrap if _is_own(line, made)), Decimal(0))
        report |= {"scrap_total": json_number(own), "scrap": scrap}
    if materials.rework:
        for line in materials.rework:
            if not _is_own(line, made):
                raise B2mmlError("Rework is of the product itself.", line.node)
        rework = sum((line.quantity for line in materials.rework), Decimal(0))
        report |= {
            "rework_total": json_number(rework),
            "rework": [_reasoned(line, made, "ReworkReason") for line in materials.rework],
        }
    if materials.consumed:
        report["consumption"] = [_consumed(line) for line in materials.consumed]
    return report


def _is_own(line: Line, made: set[str]) -> bool:
    return not line.material or line.material in made


def _reasoned(line: Line, made: set[str], name: str) -> dict[str, Any]:
    if not line.reason:
        raise B2mmlError(f"A MaterialActualProperty with the ID {name} is missing.", line.node)
    entry: dict[str, Any] = {"quantity": json_number(line.quantity), "reason": line.reason}
    if not _is_own(line, made):
        entry["product"] = line.material
        entry |= _one_lot(line)
    return entry


def _consumed(line: Line) -> dict[str, Any]:
    if not line.material:
        raise B2mmlError("MaterialDefinitionID is missing: it says what was consumed.", line.node)
    entry: dict[str, Any] = {"product": line.material, "quantity": json_number(line.quantity)}
    if line.unit:
        entry["uom"] = line.unit
    return entry | _one_lot(line)


def _one_lot(line: Line) -> dict[str, str]:
    """Lot of a component: the sublot, which is the narrower, where both are named."""
    for named in (line.serials, line.lots):
        if len(named) > 1:
            raise B2mmlError(
                f"One quantity is of {len(named)} lots: give each its own MaterialActual.",
                line.node,
            )
        if named:
            return {"lot": named[0]}
    return {}


def lots(produced: list[Line]) -> dict[str, Any]:
    """Lot or serial numbers of what was made.

    Sublots are serial numbers; so are several lots of one piece each.
    """
    serials = [serial for line in produced for serial in line.serials]
    if serials:
        return {"serials": serials}
    named = list(dict.fromkeys(lot for line in produced for lot in line.lots))
    if len(named) < 2:
        return {"lot": named[0]} if named else {}
    if all(line.quantity == len(line.lots) for line in produced):
        return {"serials": named}
    raise B2mmlError(
        "Several lots are produced: a report of one operation has one lot, or one serial number "
        "for each piece.",
        produced[-1].node,
    )
