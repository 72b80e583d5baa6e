"""The downtime message: its JSON Schema, its reading, and whether it counts.

Each message states the downtime as a whole (what, where, why, from when, until when), numbered by
the sender: the highest number says everything, so that repetition and order of arrival do no harm.
Equipment states and reasons as in ISA-95 part 2 (equipment model) and ISO 22400-2 (downtime).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from .report import ReportError, digest, read_time

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": "string", "format": "date-time"}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Downtime of a work center",
    "description": "One downtime as it is known now. Sent when it begins, changes, and ends.",
    "type": "object",
    "additionalProperties": False,
    "required": ["downtime", "sequence", "workcenter", "reason", "started_at"],
    "properties": {
        "downtime": {**_TEXT, "description": "Your id of this downtime, the same in each message"},
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each message about this downtime",
        },
        "workcenter": {**_TEXT, "description": "Code of the work center, or your own id of it"},
        "reason": {**_TEXT, "description": "Name of the loss reason, or your own id of it"},
        "started_at": {**_TIME, "description": "Since when it stands still"},
        "ended_at": {**_TIME, "description": "Until when it stood still; missing: it still does"},
        "expected_end": {**_TIME, "description": "When it is expected to run again"},
        "comment": {"type": "string", "maxLength": 2000},
        "correction": {
            "const": True,
            "description": "An end that was reported before is withdrawn or changed",
        },
        "reported_at": {**_TIME, "description": "When it was sent; not part of its content"},
    },
}


class Verdict(str, Enum):
    """What to do with a message."""

    APPLY = "apply"
    STALE = "stale"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NOT_MEANT = "not_meant"
    """It takes an end back without saying that this is meant."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A message as read: aware times, digest of its content."""

    downtime: str
    sequence: int
    workcenter: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    expected_end: datetime | None
    comment: str
    correction: bool
    digest: str


def parse(document: Mapping[str, Any], *, now: datetime) -> Statement:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: a time is no time, in the future, or before the start
    """
    started_at = read_time(document, "started_at", now)
    if started_at is None:
        raise ReportError("started_at is missing.", "/started_at")
    ended_at = read_time(document, "ended_at", now)
    expected_end = read_time(document, "expected_end", now, future=True)
    for name, until in (("ended_at", ended_at), ("expected_end", expected_end)):
        if until and until < started_at:
            raise ReportError(f"{name} is before started_at.", f"/{name}")
    return Statement(
        downtime=document["downtime"],
        sequence=document["sequence"],
        workcenter=document["workcenter"],
        reason=document["reason"],
        started_at=started_at,
        ended_at=ended_at,
        expected_end=expected_end,
        comment=document.get("comment", ""),
        correction=document.get("correction", False),
        digest=digest(document),
    )


def decide(
    new: Statement, *, sequence: int = 0, known_digest: str = "", known_end: datetime | None = None
) -> Verdict:
    """Whether a message counts, beside what the last one that counted said (0: there is none)."""
    if new.sequence < sequence:
        return Verdict.STALE
    if new.sequence == sequence:
        return Verdict.DUPLICATE if new.digest == known_digest else Verdict.CONFLICT
    if known_end and new.ended_at != known_end and not new.correction:
        return Verdict.NOT_MEANT
    return Verdict.APPLY
