"""The machine state message: what a machine does at this moment, and what its counters show.

Each message states all of it as it is now, numbered by the sender: the highest number says
everything. The states are those that PackML and MTConnect have in common, in plain words; a state
blocks nothing, which a downtime does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .report import ReportError, digest, read_time

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": "string", "format": "date-time"}

STATES = ("running", "setup", "idle", "down", "off")
MOST_COUNTERS = 100

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "State of a machine",
    "description": "What a machine does now, and what its counters show.",
    "type": "object",
    "additionalProperties": False,
    "required": ["workcenter", "sequence", "state", "at"],
    "properties": {
        "workcenter": {**_TEXT, "description": "Code of the work center, or your own id of it"},
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each message about this work center",
        },
        "state": {"enum": list(STATES)},
        "at": {**_TIME, "description": "When that was seen"},
        "counters": {
            "type": "object",
            "maxProperties": MOST_COUNTERS,
            "description": "By name, e.g. parts, hours, energy; as the machine shows them",
            "propertyNames": {"minLength": 1, "maxLength": 64},
            "additionalProperties": {"type": "number"},
        },
        "reported_at": {**_TIME, "description": "When it was sent; not part of its content"},
    },
}


@dataclass(frozen=True, slots=True)
class MachineState:
    """A message as read: aware time, digest of its content."""

    workcenter: str
    sequence: int
    state: str
    at: datetime
    counters: Mapping[str, float]
    digest: str


def parse(document: Mapping[str, Any], *, now: datetime) -> MachineState:
    """Read a document that is valid against ``SCHEMA``.

    :param now: aware time of the receiving system
    :raises ReportError: the time is no time, or in the future
    """
    at = read_time(document, "at", now)
    if at is None:
        raise ReportError("at is missing.", "/at")
    return MachineState(
        workcenter=document["workcenter"],
        sequence=document["sequence"],
        state=document["state"],
        at=at,
        counters=dict(document.get("counters", {})),
        digest=digest(document),
    )
