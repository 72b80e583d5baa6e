"""The operation state message: when work on an operation began, paused and went on.

Each message states one transition, numbered by the sender for each operation. What is known is the
set of all transitions, read in the order of their numbers: repetition and order of arrival do no
harm, and one that comes late fills its gap. (ISA-95 part 2 has job states and ISO 22400-2 their
times; the words are those of Odoo's buttons.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from .report import ReportError, digest, read_time

_UUID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": "string", "format": "date-time"}

STATES = ("started", "paused", "resumed")

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "State of an operation",
    "description": "Work on an operation began, was interrupted, or went on.",
    "type": "object",
    "additionalProperties": False,
    "required": ["workorder", "sequence", "state", "at"],
    "properties": {
        "order": {**_UUID, "description": "UUID of the production order"},
        "workorder": {**_UUID, "description": "UUID of the operation"},
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each of these messages about this operation",
        },
        "state": {"enum": list(STATES)},
        "at": {**_TIME, "description": "When that was"},
        "operator": {**_TEXT, "description": "Who works on it"},
        "reason": {**_TEXT, "description": "Why it paused"},
        "reported_at": {**_TIME, "description": "When it was sent; not part of its content"},
    },
}

Interval: TypeAlias = tuple[datetime, datetime | None]
"""Work from when until when; None: it goes on."""


class Verdict(str, Enum):
    """What to do with a message."""

    APPLY = "apply"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Transition:
    """A message as read: aware time, digest of its content."""

    order: str
    workorder: str
    sequence: int
    state: str
    at: datetime
    operator: str
    reason: str
    digest: str


def parse(document: Mapping[str, Any], *, now: datetime) -> Transition:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: the time is no time, or in the future
    """
    at = read_time(document, "at", now)
    if at is None:
        raise ReportError("at is missing.", "/at")
    return Transition(
        order=document.get("order", "").lower(),
        workorder=document["workorder"].lower(),
        sequence=document["sequence"],
        state=document["state"],
        at=at,
        operator=document.get("operator", ""),
        reason=document.get("reason", ""),
        digest=digest(document),
    )


def decide(new: Transition, known_digest: str | None) -> Verdict:
    """Whether a message counts, beside the one that had its number (None: there was none)."""
    if known_digest is None:
        return Verdict.APPLY
    return Verdict.DUPLICATE if known_digest == new.digest else Verdict.CONFLICT


def intervals(
    transitions: Iterable[tuple[int, str, datetime]], end: datetime | None = None
) -> tuple[Interval, ...]:
    """When work was done.

    A start while work goes on, and a pause while it does not, change nothing. A time before the
    one that its predecessor states is taken for that one: time does not run backwards.

    :param transitions: ``(number, state, when)``, in any order
    :param end: when the operation was finished; nothing lasts longer

    >>> from datetime import datetime as at
    >>> [(a.hour, b and b.hour) for a, b in intervals(
    ...     [(3, "resumed", at(2026, 1, 5, 9)), (1, "started", at(2026, 1, 5, 6)),
    ...      (2, "paused", at(2026, 1, 5, 8))])]
    [(6, 8), (9, None)]
    """
    found: list[Interval] = []
    since: datetime | None = None
    latest: datetime | None = None
    for _number, state, when in sorted(transitions):
        latest = when if latest is None else max(latest, when)
        if state == "paused":
            if since is not None:
                found.append((since, latest))
                since = None
        elif since is None:
            since = latest
    if since is not None:
        found.append((since, None))
    return tuple(_clipped(found, end))


def _clipped(found: Iterable[Interval], end: datetime | None) -> Iterable[Interval]:
    for since, until in found:
        if end is not None:
            until = end if until is None else min(until, end)  # noqa: PLW2901
        if until is None or since < until:
            yield since, until
