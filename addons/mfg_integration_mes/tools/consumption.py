"""The consumption message: what an order has taken so far, apart from what it has made.

Quantities are totals since the start, less what was returned: they may fall. Each message states
all of them, numbered by the sender for each order: the highest number says everything. (ISA-95 part
2: material actual with the use "consumed".)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .report import SCHEMA as REPORT
from .report import Key, digest, read_lines

_UUID = {"type": "string", "format": "uuid"}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Consumed components",
    "description": "All components that an order has taken so far, less what it returned.",
    "type": "object",
    "additionalProperties": False,
    "required": ["order", "sequence", "consumption"],
    "properties": {
        "order": {**_UUID, "description": "UUID of the production order"},
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "Increases with each of these messages about this order",
        },
        "consumption": {
            **{k: v for k, v in REPORT["properties"]["consumption"].items() if k != "default"},
            "minItems": 1,
            "description": "Totals since the start, less what was returned",
        },
        "reported_at": {
            "type": "string",
            "format": "date-time",
            "description": "When it was sent; not part of its content",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Consumption:
    """A message as read: exact quantities by product, unit and lot; digest of its content."""

    order: str
    workorder: str
    sequence: int
    lines: tuple[tuple[Key, Decimal], ...]
    digest: str


def parse(document: Mapping[str, Any]) -> Consumption:
    """Read a document that is valid against ``SCHEMA``."""
    return Consumption(
        order=document["order"].lower(),
        workorder="",
        sequence=document["sequence"],
        lines=read_lines(document["consumption"], ("product", "uom", "lot")),
        digest=digest(document),
    )
