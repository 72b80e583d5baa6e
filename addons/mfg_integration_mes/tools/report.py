"""The production report: its JSON Schema, and its reading into exact numbers.

A report carries **cumulative totals** with a sequence, as counters do: the newest report of an
operation says everything, so that a late, repeated or lost one does no harm.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json  # noqa: TID251

MAX_QUANTITY = 1_000_000_000
"""Largest quantity that is taken for a number and not for a fault."""

MAX_AHEAD = timedelta(minutes=5)
"""How far a shop-floor clock may run ahead of ours."""

_UUID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": "string", "format": "date-time"}
_QUANTITY = {"type": "number", "minimum": 0, "maximum": MAX_QUANTITY}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Production report",
    "description": (
        "What was made on an operation of a production order, or on an order as a whole, in "
        "cumulative totals since its start."
    ),
    "type": "object",
    "additionalProperties": False,
    "required": ["sequence", "status", "good_total"],
    "anyOf": [{"required": ["order"]}, {"required": ["workorder"]}],
    "dependentRequired": {"correction": ["correction_reason"]},
    "properties": {
        "order": {**_UUID, "description": "UUID of the production order"},
        "workorder": {
            **_UUID,
            "description": "UUID of the operation; without it the report is about the whole order",
        },
        "revision": {
            "type": "integer",
            "minimum": 1,
            "description": "Revision of the order that this report was made for",
        },
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each report of this operation (or order)",
        },
        "status": {
            "enum": ["progress", "finished"],
            "description": "finished: nothing more will be made on this operation (or order)",
        },
        "good_total": {**_QUANTITY, "description": "Good quantity since the start"},
        "scrap_total": {
            **_QUANTITY,
            "default": 0,
            "description": "Scrapped quantity of the product itself since the start",
        },
        "scrap": {
            "type": "array",
            "maxItems": 1000,
            "default": [],
            "description": (
                "Totals per reason. Lines without product are the product itself and add up to "
                "scrap_total; lines with a product are scrapped components."
            ),
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["quantity", "reason"],
                "properties": {
                    "quantity": _QUANTITY,
                    "reason": _TEXT,
                    "product": _TEXT,
                    "lot": _TEXT,
                },
            },
        },
        "rework_total": {
            **_QUANTITY,
            "default": 0,
            "description": "Quantity sent back to be worked on again, since the start",
        },
        "rework": {
            "type": "array",
            "maxItems": 1000,
            "default": [],
            "description": (
                "Totals per reason; they add up to rework_total. A piece that is good after its "
                "rework counts as good as well, one that is not as scrap."
            ),
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["quantity", "reason"],
                "properties": {"quantity": _QUANTITY, "reason": _TEXT},
            },
        },
        "consumption": {
            "type": "array",
            "maxItems": 1000,
            "default": [],
            "description": (
                "Consumed components in totals since the start. If one report of an order names "
                "any, the order consumes exactly what is reported; if none does, Odoo books by the "
                "bill of materials."
            ),
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["product", "quantity"],
                "properties": {
                    "product": {**_TEXT, "description": "UUID, internal reference or your own id"},
                    "quantity": _QUANTITY,
                    "uom": {**_TEXT, "description": "Unit; default: the product's own"},
                    "lot": _TEXT,
                },
            },
        },
        "lot": {**_TEXT, "description": "Lot of the finished product"},
        "serials": {
            "type": "array",
            "maxItems": 10000,
            "uniqueItems": True,
            "items": _TEXT,
            "description": "Serial numbers of all good products so far",
        },
        "operator": _TEXT,
        "started_at": {**_TIME, "description": "When work on it began"},
        "ended_at": {**_TIME, "description": "Until when this report counts"},
        "reported_at": {**_TIME, "description": "When it was made; not part of its content"},
        "correction": {
            "const": True,
            "description": "A total is lower than before, and that is meant",
        },
        "correction_reason": _TEXT,
    },
}

Key: TypeAlias = tuple[str, str, str]
"""Scrap: (product or "", reason, lot or ""). Consumption: (product, unit or "", lot or "")."""


class ReportError(ValueError):
    """The report contradicts itself.

    :param pointer: JSON pointer (RFC 6901) to the value that is wrong
    """

    def __init__(self, message: str, pointer: str):
        super().__init__(message)
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Totals:
    """Quantities since the start: good, scrap and rework per reason, consumption per component
    and lot."""

    good: Decimal = Decimal(0)
    scrap: tuple[tuple[Key, Decimal], ...] = ()
    consumption: tuple[tuple[Key, Decimal], ...] = ()
    rework: tuple[tuple[Key, Decimal], ...] = ()

    @property
    def scrap_total(self) -> Decimal:
        """Scrap of the product itself; scrapped components are not counted."""
        return sum((quantity for key, quantity in self.scrap if not key[0]), Decimal(0))

    @property
    def rework_total(self) -> Decimal:
        """Pieces that were worked on again; it says nothing about what became of them."""
        return sum((quantity for _key, quantity in self.rework), Decimal(0))


@dataclass(frozen=True, slots=True)
class Report:
    """A report as read: exact numbers, aware times, digest of its content."""

    order: str
    workorder: str
    revision: int
    sequence: int
    finished: bool
    totals: Totals
    lot: str
    serials: tuple[str, ...]
    operator: str
    started_at: datetime | None
    ended_at: datetime | None
    correction: bool
    correction_reason: str
    digest: str


def parse(document: Mapping[str, Any], *, now: datetime) -> Report:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: scrap lines do not add up, or times are reversed or in the future
    """
    scrap = read_lines(document.get("scrap", ()), ("product", "reason", "lot"))
    totals = Totals(
        good=_decimal(document["good_total"]),
        scrap=scrap,
        consumption=read_lines(document.get("consumption", ()), ("product", "uom", "lot")),
        rework=read_lines(document.get("rework", ()), ("product", "reason", "lot")),
    )
    for name, lines in (("scrap_total", totals.scrap_total), ("rework_total", totals.rework_total)):
        stated = _decimal(document.get(name, 0))
        if lines != stated:
            raise ReportError(
                f"{name} is {stated}, but the lines of the product itself add up to {lines}: give "
                "each quantity with its reason.",
                f"/{name}",
            )
    started_at = read_time(document, "started_at", now)
    ended_at = read_time(document, "ended_at", now)
    if started_at and ended_at and ended_at < started_at:
        raise ReportError("ended_at is before started_at.", "/ended_at")
    return Report(
        order=document.get("order", "").lower(),
        workorder=document.get("workorder", "").lower(),
        revision=document.get("revision", 0),
        sequence=document["sequence"],
        finished=document["status"] == "finished",
        totals=totals,
        lot=document.get("lot", ""),
        serials=tuple(document.get("serials", ())),
        operator=document.get("operator", ""),
        started_at=started_at,
        ended_at=ended_at,
        correction=document.get("correction", False),
        correction_reason=document.get("correction_reason", ""),
        digest=digest(document),
    )


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the report's content: everything but the moment at which it was sent."""
    content = {name: value for name, value in document.items() if name != "reported_at"}
    return hashlib.sha256(canonical_json(_plain(content)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """The value with 5.0 written as 5: to JSON both are the same number."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(number: int | float) -> Decimal:
    # By way of the shortest text that reads back as this number: 0.1 means one tenth.
    return Decimal(repr(number))


def read_lines(lines: Any, names: tuple[str, str, str]) -> tuple[tuple[Key, Decimal], ...]:
    """Lines with the same key added up, in the order of their keys."""
    totals: dict[Key, Decimal] = {}
    for line in lines:
        key = (line.get(names[0], ""), line.get(names[1], ""), line.get(names[2], ""))
        totals[key] = totals.get(key, Decimal(0)) + _decimal(line["quantity"])
    return tuple(sorted(totals.items()))


def read_time(
    document: Mapping[str, Any], name: str, now: datetime, *, future: bool = False
) -> datetime | None:
    """The aware time that a member states, None if it is missing.

    :param future: it may lie ahead
    :raises ReportError: it is no time, or in the future
    """
    if name not in document:
        return None
    try:
        value = rfc3339.parse(document[name])
    except ValueError as error:
        raise ReportError(str(error), f"/{name}") from None
    if not future and value > now + MAX_AHEAD:
        raise ReportError(f"{name} is in the future: {document[name]}.", f"/{name}")
    return value
