"""One document for the events of a window: JSON Lines, CSV or a CloudEvents batch.

Each event is its CloudEvents JSON form (see ``envelope``): in JSON Lines one to a line, in CSV one
to a row, with columns that point into it. The control totals go beside the document, not into it,
so that every line is an event and the digest covers all bytes: as HTTP headers, or as a JSON
document next to a file.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Context, Decimal, DecimalException, InvalidOperation, Rounded
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeAlias

from . import csv_cells, json_pointer
from .envelope import BATCH_CONTENT_TYPE, SEQUENCE_DIGITS, EventRecord, encode_structured

CONTENT_TYPES = MappingProxyType(
    {
        "jsonl": "application/jsonl",
        "csv": "text/csv; charset=utf-8; header=present",
        "cloudevents": BATCH_CONTENT_TYPE,
    }
)
"""Layout -> content type. The layout is a file's extension too, but for ``cloudevents``: json."""

Extension: TypeAlias = tuple[str, str | int | bool]

MAX_COLUMNS = 200
# Sums are exact or an error. So many digits hold any amount that a business can mean.
_SUMS = Context(prec=60, traps=[Rounded, InvalidOperation])


class ColumnError(ValueError):
    """The columns cannot be; the message names the line."""


class BatchError(ValueError):
    """Some events cannot be part of the document; without them the others can.

    :ivar problems: ``{event id: sentence}``
    """

    def __init__(self, problems: Mapping[str, str]):
        super().__init__("\n".join(problems.values()))
        self.problems = dict(problems)


class _EventError(Exception):
    """What is wrong with one event."""

    def __init__(self, event_id: str, message: str):
        super().__init__(f"Event {event_id}: {message}")
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a CSV document.

    :param header: its name in the first row
    :param pointer: JSON pointer into the event's CloudEvents form, such as ``/data/quantity``
    """

    header: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What the receiver checks a document by.

    :param first_id: of the first event; empty in a document without events
    :param first_sequence: of the first event, as on the wire
    :param sum: of the values that were to be added, in digits; None: none were
    :param sha256: of the document's bytes, hexadecimal
    :param size: of the document, in bytes
    """

    count: int
    first_id: str
    last_id: str
    first_sequence: str
    last_sequence: str
    sum: str | None
    sha256: str
    size: int

    def headers(self) -> dict[str, str]:
        """Return the totals as HTTP headers; the digest is that of RFC 9530."""
        digest = base64.b64encode(bytes.fromhex(self.sha256)).decode()
        found = {"content-digest": f"sha-256=:{digest}:"}
        for name, value in asdict(self).items():
            if name not in ("sha256", "size") and value not in ("", None):
                found[f"mfg-batch-{name.replace('_', '-')}"] = str(value)
        return found

    def document(self) -> dict[str, Any]:
        """Return the totals for a JSON document beside a file."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class BatchDocument:
    """A document, ready to be sent."""

    content: bytes
    content_type: str
    totals: Totals


def parse_columns(text: str) -> tuple[Column, ...]:
    """Read the columns of a CSV document: one ``header=/json/pointer`` a line.

    Empty lines are passed over. The header ends at the first ``=``.

    :raises ColumnError: names the line and what is wrong with it

    >>> parse_columns("Order=/data/order\\nQuantity=/data/good")[1].pointer
    '/data/good'
    """
    columns: dict[str, Column] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        header, separator, pointer = (part.strip() for part in line.partition("="))
        where = f"Line {number}, “{line.strip()[:40]}”"
        if not separator or not header or not pointer:
            raise ColumnError(f"{where}: write header=/json/pointer, such as Order=/data/order.")
        if csv_cells.safe_text(header) != header or not header.isprintable():
            raise ColumnError(f"{where}: a spreadsheet would not take the header for a text.")
        if header in columns:
            raise ColumnError(f"{where}: there is a column of this name before.")
        try:
            json_pointer.parse(pointer)
        except ValueError as error:
            raise ColumnError(f"{where}: {error}") from None
        columns[header] = Column(header, pointer)
    if not columns:
        raise ColumnError("There are no columns: write one a line, such as Order=/data/order.")
    if len(columns) > MAX_COLUMNS:
        raise ColumnError(f"There are {len(columns)} columns; {MAX_COLUMNS} are the most.")
    return tuple(columns.values())


def build(
    records: Iterable[EventRecord | tuple[EventRecord, Iterable[Extension]]],
    *,
    layout: str,
    columns: tuple[Column, ...] = (),
    sum_pointer: str = "",
) -> BatchDocument:
    """Return the document of some events, in their order.

    :param layout: a key of CONTENT_TYPES
    :param columns: of a CSV document. Nothing at the pointer is an empty cell.
    :param sum_pointer: JSON pointer to numbers that are added up for the totals, exactly; a number
        may be written as a text, and an event that has none counts 0
    :param records: each alone, or with extensions as for ``envelope.encode_structured``
    :raises BatchError: names every event whose data cannot be read, or has no number to be added
    :raises KeyError: unknown layout
    """
    content_type = CONTENT_TYPES[layout]
    parts: list[bytes] = []
    if layout == "csv":
        parts.append(csv_cells.row(column.header for column in columns).encode())
    total = Decimal(0)
    count, first, last = 0, None, None
    problems: dict[str, str] = {}
    for item in records:
        record, extensions = item if isinstance(item, tuple) else (item, ())
        part = encode_structured(record, extensions)
        try:
            event = _read(record.id, part) if layout == "csv" or sum_pointer else None
            if layout == "csv":
                part = _row(record.id, [_find(event, column.pointer) for column in columns])
            if sum_pointer:
                total = _add(record.id, total, _find(event, sum_pointer))
        except _EventError as error:
            problems[error.event_id] = str(error)
            continue
        if layout == "jsonl":
            # Payloads are spliced in as they are; in JSON, line breaks stand between tokens only.
            part = part.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        elif layout == "cloudevents" and count:
            part = b"," + part
        parts.append(part)
        count, first, last = count + 1, first or record, record
    if problems:
        raise BatchError(problems)
    content = b"".join([b"[", *parts, b"]"] if layout == "cloudevents" else parts)
    totals = Totals(
        count=count,
        first_id=first.id if first else "",
        last_id=last.id if last else "",
        first_sequence=_sequence(first),
        last_sequence=_sequence(last),
        sum=format(total, "f") if sum_pointer else None,
        sha256=sha256(content).hexdigest(),
        size=len(content),
    )
    return BatchDocument(content, content_type, totals)


def _sequence(record: EventRecord | None) -> str:
    return str(record.sequence).zfill(SEQUENCE_DIGITS) if record else ""


def _read(event_id: str, text: bytes) -> Any:
    try:
        # Decimals keep the digits: 5.50 stays 5.50, and sums are exact.
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, DecimalException, RecursionError) as error:
        raise _EventError(event_id, f"its data cannot be read ({error}).") from None


def _refuse(token: str) -> None:
    raise ValueError(f"{token} is not a JSON value")


def _row(event_id: str, values: list[Any]) -> bytes:
    try:
        return csv_cells.row(values).encode()
    except (ValueError, RecursionError) as error:
        raise _EventError(event_id, f"a value cannot be written as CSV ({error}).") from None


def _find(event: Any, pointer: str) -> Any:
    try:
        return json_pointer.resolve(event, pointer)
    except json_pointer.PointerError:
        return None


def _add(event_id: str, total: Decimal, value: Any) -> Decimal:
    if value is None:
        return total
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise _EventError(event_id, "what is to be added up is not a number.")
    if isinstance(value, str) and not csv_cells.NUMBER.fullmatch(value):
        raise _EventError(event_id, f"what is to be added up is not a number, but “{value[:40]}”.")
    try:
        return _SUMS.add(total, Decimal(value))
    except DecimalException:
        raise _EventError(event_id, f"the sum with it has more than {_SUMS.prec} digits.") from None
