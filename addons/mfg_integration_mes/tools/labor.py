"""The labour message: when somebody worked on an operation.

Each message states all of one operator's times on one operation, numbered by the sender: the
highest number says everything, so that repetition and order of arrival do no harm. (ISA-95 part 2:
personnel actual; ISO 22400-2: actual personnel work time.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Any

from .report import ReportError, digest, read_time

_UUID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": "string", "format": "date-time"}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Labor time",
    "description": "All times that one operator worked on one operation.",
    "type": "object",
    "additionalProperties": False,
    "required": ["workorder", "sequence", "operator", "entries"],
    "properties": {
        "order": {**_UUID, "description": "UUID of the production order"},
        "workorder": {**_UUID, "description": "UUID of the operation"},
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each message about this operator on this operation",
        },
        "operator": {**_TEXT, "description": "Name or badge"},
        "entries": {
            "type": "array",
            "maxItems": 1000,
            "description": "All times so far; none: the operator did not work on it after all",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["started_at", "ended_at"],
                "properties": {"started_at": _TIME, "ended_at": _TIME},
            },
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


@dataclass(frozen=True, slots=True)
class Labor:
    """A message as read: aware times in order, digest of its content."""

    order: str
    workorder: str
    sequence: int
    operator: str
    entries: tuple[tuple[datetime, datetime], ...]
    digest: str


def parse(document: Mapping[str, Any], *, now: datetime) -> Labor:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: a time is no time, reversed, in the future, or in two entries
    """
    entries = []
    for index, entry in enumerate(document["entries"]):
        try:
            started_at, ended_at = (read_time(entry, n, now) for n in ("started_at", "ended_at"))
        except ReportError as error:
            raise ReportError(str(error), f"/entries/{index}{error.pointer}") from None
        if ended_at < started_at:
            raise ReportError("ended_at is before started_at.", f"/entries/{index}/ended_at")
        entries.append((started_at, ended_at, index))
    entries.sort()
    for (_start, end, _index), (start, _end, index) in pairwise(entries):
        if start < end:
            raise ReportError(
                "This entry overlaps another one of the same operator.", f"/entries/{index}"
            )
    return Labor(
        order=document.get("order", "").lower(),
        workorder=document["workorder"].lower(),
        sequence=document["sequence"],
        operator=document["operator"],
        entries=tuple((start, end) for start, end, _index in entries),
        digest=digest(document),
    )


def decide(sequence: int, content: str, known: int, known_digest: str) -> Verdict:
    """Whether a message counts, beside the last one that did (number 0: there is none).

    :param content: digest of the message
    """
    if sequence < known:
        return Verdict.STALE
    if sequence == known:
        return Verdict.DUPLICATE if content == known_digest else Verdict.CONFLICT
    return Verdict.APPLY
