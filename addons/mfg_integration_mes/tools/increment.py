"""The production increment: what was made since the last one, turned into cumulative totals.

A shop floor that counts differences numbers them 1, 2, 3 … for each operation (or order). Each
number counts once, whenever it comes, so that the books are a plain sum over a set: repetition and
order of arrival cannot change it. What comes out is a ``Report`` with totals, booked like others.

A number that is missing leaves the sum short. Nobody waits for it, as later ones are known to be
true, but an operation is finished only when all numbers up to the last are there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from . import report as cumulative
from .progress import add
from .report import Key, Report, ReportError, Totals, digest, read_lines, read_time

MOST_NAMED = 20
"""How many missing numbers are named to people."""

MOST_MISSING = 1000
"""More than so many were not lost: somebody counts otherwise."""

_LIMIT = cumulative.MAX_QUANTITY
_QUANTITY = {"type": "number", "minimum": -_LIMIT, "maximum": _LIMIT}


def _lines(name: str, description: str) -> dict[str, Any]:
    """The schema of a report's lines, with quantities that may be negative."""
    lines = cumulative.SCHEMA["properties"][name]
    items = lines["items"]
    quantities = {**items["properties"], "quantity": _QUANTITY}
    return {**lines, "description": description, "items": {**items, "properties": quantities}}


def _as_in_report(*names: str) -> dict[str, Any]:
    return {name: cumulative.SCHEMA["properties"][name] for name in names}


SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Production increment",
    "description": (
        "What was made on an operation of a production order, or on an order as a whole, since the "
        "increment with the number before."
    ),
    "type": "object",
    "additionalProperties": False,
    "required": ["sequence", "status"],
    "anyOf": [{"required": ["order"]}, {"required": ["workorder"]}],
    "dependentRequired": {"correction": ["correction_reason"]},
    "properties": {
        **_as_in_report("order", "workorder", "revision"),
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100_000,
            "description": "1, 2, 3 … for each operation (or order), without gaps",
        },
        "status": {
            "enum": ["progress", "finished"],
            "description": "finished: this number is the last one of this operation (or order)",
        },
        "good": {**_QUANTITY, "default": 0, "description": "Good pieces more than before"},
        "scrap": _lines("scrap", "Scrapped pieces, or components, more than before, per reason"),
        "rework": _lines("rework", "Pieces sent back to be worked on, more than before"),
        "consumption": _lines("consumption", "Components consumed, more than before"),
        "lot": cumulative.SCHEMA["properties"]["lot"],
        "serials": {
            **cumulative.SCHEMA["properties"]["serials"],
            "description": "Serial numbers of these good pieces; in a correction: of those less",
        },
        **_as_in_report("operator"),
        "started_at": {"type": "string", "format": "date-time", "description": "Since when"},
        "ended_at": {"type": "string", "format": "date-time", "description": "Until when"},
        **_as_in_report("reported_at"),
        "correction": {"const": True, "description": "Quantities below zero are meant"},
        **_as_in_report("correction_reason"),
    },
}


@dataclass(frozen=True, slots=True)
class Increment:
    """An increment as read: exact differences, aware times, digest of its content."""

    order: str
    workorder: str
    revision: int
    sequence: int
    finished: bool
    change: Totals
    lot: str
    serials: tuple[str, ...]
    operator: str
    started_at: datetime | None
    ended_at: datetime | None
    correction: bool
    correction_reason: str
    digest: str


class Verdict(str, Enum):
    """What to do with an increment, by its number."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The number was used for another content."""
    AFTER_END = "after_end"
    """Another number was said to be the last one."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a set of increments adds up to.

    :param report: with totals; its sequence is how many increments there are
    :param missing: numbers below the highest that have not come
    :param pointer: JSON pointer to a total that is below zero, or empty
    """

    report: Report
    missing: tuple[int, ...]
    pointer: str

    @property
    def first_missing(self) -> tuple[int, ...]:
        return self.missing[:MOST_NAMED]


def parse(document: Mapping[str, Any], *, now: datetime) -> Increment:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: a quantity is negative and no correction, or times are reversed or ahead
    """
    change = Totals(
        good=Decimal(repr(document.get("good", 0))),
        scrap=read_lines(document.get("scrap", ()), ("product", "reason", "lot")),
        consumption=read_lines(document.get("consumption", ()), ("product", "uom", "lot")),
        rework=read_lines(document.get("rework", ()), ("product", "reason", "lot")),
    )
    correction = document.get("correction", False)
    if not correction:
        if change.good < 0:
            raise ReportError(_below(change.good), "/good")
        for name in ("scrap", "rework", "consumption"):
            for place, line in enumerate(document.get(name, ())):
                if line["quantity"] < 0:
                    raise ReportError(_below(line["quantity"]), f"/{name}/{place}/quantity")
    started_at = read_time(document, "started_at", now)
    ended_at = read_time(document, "ended_at", now)
    if started_at and ended_at and ended_at < started_at:
        raise ReportError("ended_at is before started_at.", "/ended_at")
    return Increment(
        order=document.get("order", "").lower(),
        workorder=document.get("workorder", "").lower(),
        revision=document.get("revision", 0),
        sequence=document["sequence"],
        finished=document["status"] == "finished",
        change=change,
        lot=document.get("lot", ""),
        serials=tuple(document.get("serials", ())),
        operator=document.get("operator", ""),
        started_at=started_at,
        ended_at=ended_at,
        correction=correction,
        correction_reason=document.get("correction_reason", ""),
        digest=digest(document),
    )


def _below(quantity: object) -> str:
    return f"{quantity} is below zero: mark it as a correction, and say why."


def decide(known: Iterable[Increment], new: Increment) -> Verdict:
    """Whether a number is new, beside those that are known."""
    for one in known:
        if one.sequence == new.sequence:
            return Verdict.DUPLICATE if one.digest == new.digest else Verdict.CONFLICT
        last, other = (one, new) if one.finished else (new, one)
        if last.finished and other.sequence > last.sequence:
            return Verdict.AFTER_END
    return Verdict.NEW


def total(increments: Iterable[Increment]) -> Sum:
    """Add up a set of increments, in whatever order they came.

    Of what does not add up (lot, operator, reason of a correction) the highest number counts.

    :param increments: at least one, each number once
    """
    known = sorted(increments, key=lambda one: one.sequence)
    totals = Totals(
        good=sum((one.change.good for one in known), Decimal(0)),
        scrap=_sum(one.change.scrap for one in known),
        consumption=_sum(one.change.consumption for one in known),
        rework=_sum(one.change.rework for one in known),
    )
    numbers = {one.sequence for one in known}
    missing = tuple(n for n in range(1, known[-1].sequence) if n not in numbers)
    last = known[-1]
    serials: dict[str, None] = {}
    for one in known:
        for serial in one.serials:
            if one.correction:
                serials.pop(serial, None)
            else:
                serials[serial] = None
    return Sum(
        report=Report(
            order=last.order,
            workorder=last.workorder,
            revision=max(one.revision for one in known),
            sequence=len(known),
            finished=last.finished and not missing,
            totals=totals,
            lot=_last(one.lot for one in known),
            serials=tuple(serials),
            operator=_last(one.operator for one in known),
            started_at=min((one.started_at for one in known if one.started_at), default=None),
            ended_at=max((one.ended_at for one in known if one.ended_at), default=None),
            # Each increment has said itself that it takes something back.
            correction=True,
            correction_reason=_last(one.correction_reason for one in known),
            digest=last.digest,
        ),
        missing=missing,
        pointer=_negative(totals),
    )


def _sum(parts: Iterable[tuple[tuple[Key, Decimal], ...]]) -> tuple[tuple[Key, Decimal], ...]:
    return tuple(sorted((key, value) for key, value in add(*parts).items() if value))


def _last(texts: Iterable[str]) -> str:
    return next((text for text in reversed(list(texts)) if text), "")


def _negative(totals: Totals) -> str:
    if totals.good < 0:
        return "/good"
    for name in ("scrap", "rework", "consumption"):
        if any(quantity < 0 for _key, quantity in getattr(totals, name)):
            return f"/{name}"
    return ""
