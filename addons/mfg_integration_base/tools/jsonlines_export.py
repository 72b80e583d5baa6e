"""Dead letters as a file that people can read, edit and bring back: JSON Lines.

Each line is one message and says itself what it is, so that lines may be deleted, and files put
together, with any editor::

    {"format": "mfg.dead-letter", "version": 1, "message_id": "0193...", "direction": "out",
     "connector": "line4-mes", "type": "mfg.production.order.completed.v1",
     "created_at": "2026-11-23T20:51:00Z", "reason": "rejected_by_partner", "detail": "...",
     "ordering_key": "mrp.production:0192...",
     "attempts": {"count": 3, "last_at": "2026-11-23T21:04:10Z", "last_status": 422},
     "event": {"specversion": "1.0", ...}}

An outgoing message holds its event in CloudEvents form. An inbound one holds ``external_id``,
``content_type`` and ``body``: the text as it came, or, where ``body_encoding`` says so, a text in
ISO 8859-1 (EDI messages often are) or the hexadecimal digits of what is no text at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import envelope, rfc3339
from .json_reader import JsonError, read_json
from .payload_text import ENCODINGS, body_bytes, body_text

FORMAT = "mfg.dead-letter"
VERSION = 1
CONTENT_TYPE = "application/jsonl"
MAX_PROBLEMS = 50
_MAX_DEPTH = 70  # an event's own 64 levels, and those around it
_DIRECTIONS = ("out", "in")


class LettersError(ValueError):
    """The file cannot be imported; nothing of it is.

    :ivar problems: (line, sentence) of each problem, the first MAX_PROBLEMS of them
    """

    def __init__(self, problems: Iterable[tuple[int, str]]):
        self.problems = tuple(problems)
        super().__init__("\n".join(f"Line {line}: {message}" for line, message in self.problems))


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried, in short.

    :param last_status: HTTP status of the last attempt, if it was answered
    """

    count: int = 0
    last_at: datetime | None = None
    last_status: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of the error queue.

    :param direction: ``out`` or ``in``
    :param connector: its code
    :param type: event type, or message type of the route
    :param created_at: with a zone
    :param reason: reason code
    :param event: outgoing: the event in its CloudEvents JSON form
    :param external_id: inbound: the partner's id
    :param body: inbound: the bytes as they came
    """

    message_id: str
    direction: str
    connector: str
    type: str
    created_at: datetime
    reason: str = ""
    detail: str = ""
    ordering_key: str = ""
    attempts: Attempts = Attempts()
    event: Mapping[str, Any] | None = None
    external_id: str = ""
    content_type: str = ""
    body: bytes | None = None


def encode(letters: Iterable[DeadLetter]) -> bytes:
    """Return the file of some messages.

    :raises ValueError: a direction without its event or body, or a time without a zone
    """
    return b"".join(_line(letter) for letter in letters)


def decode(raw: bytes) -> list[DeadLetter]:
    """Read a file; empty lines are passed over.

    :raises LettersError: names every line that is wrong, and what is wrong with it
    """
    return [letter for _line_number, letter in decode_lines(raw)]


def decode_lines(raw: bytes) -> list[tuple[int, DeadLetter]]:
    """Read a file as ``decode`` does; each message with the number of its line, from 1."""
    found: dict[str, tuple[int, DeadLetter]] = {}
    problems: list[tuple[int, str]] = []
    # At line feeds only: a text may hold other characters at which str.splitlines would split.
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            letter = _letter(_Record(read_json(line, _MAX_DEPTH)))
            if letter.message_id in found:
                raise _Wrong("message_id", f"is that of line {found[letter.message_id][0]} as well")
        except JsonError as error:
            problems.append((number, f"Column {error.column}: {error.message}."))
        except _Wrong as error:
            problems.append((number, str(error)))
        else:
            found[letter.message_id] = number, letter
    if problems:
        raise LettersError(problems[:MAX_PROBLEMS])
    return list(found.values())


def _line(letter: DeadLetter) -> bytes:
    attempts = letter.attempts
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "message_id": letter.message_id,
        "direction": letter.direction,
        "connector": letter.connector,
        "type": letter.type,
        "created_at": rfc3339.format_utc(letter.created_at),
        "reason": letter.reason,
        "detail": letter.detail,
        "ordering_key": letter.ordering_key,
        "attempts": {
            "count": attempts.count,
            "last_at": rfc3339.format_utc(attempts.last_at) if attempts.last_at else None,
            "last_status": attempts.last_status,
        },
    }
    if letter.direction == "out" and letter.event is not None:
        record["event"] = letter.event
    elif letter.direction == "in" and letter.body is not None:
        record["external_id"] = letter.external_id
        record["content_type"] = letter.content_type
        record["body"], record["body_encoding"] = body_text(letter.body)
    else:
        raise ValueError(f"Message {letter.message_id} has no content for its direction.")
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


class _Wrong(Exception):
    """What is wrong with one member of a line."""

    def __init__(self, name: str, message: str):
        super().__init__(f"“{name}” {message}.")


class _Record:
    """The members of one line, or of an object inside it."""

    def __init__(self, document: Any, prefix: str = ""):
        if not isinstance(document, dict):
            raise _Wrong("the line", "is not a JSON object")
        self._members = document
        self._prefix = prefix

    def get(self, name: str, kind: type, default: Any = None, *, required: bool = False) -> Any:
        value = self._members.get(name)
        if value is None:
            if required:
                raise _Wrong(self._prefix + name, "is missing")
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _Wrong(self._prefix + name, f"is not {_KINDS[kind]}")
        if required and value in ("", {}):
            raise _Wrong(self._prefix + name, "is empty")
        return value

    def time(self, name: str, *, required: bool = False) -> datetime | None:
        text = self.get(name, str, required=required)
        try:
            return None if text is None else rfc3339.parse(text)
        except ValueError as error:
            raise _Wrong(self._prefix + name, f"is not a time: {error}".rstrip(".")) from None


_KINDS = {str: "a text", int: "a whole number", dict: "an object"}


def _letter(record: _Record) -> DeadLetter:
    if record.get("format", str, required=True) != FORMAT:
        raise _Wrong("format", f"is not {FORMAT}: the line comes from somewhere else")
    version = record.get("version", int, required=True)
    if version != VERSION:
        raise _Wrong("version", f"is {version}; only version {VERSION} can be read here")
    direction = record.get("direction", str, required=True)
    if direction not in _DIRECTIONS:
        raise _Wrong("direction", f"is not one of {', '.join(_DIRECTIONS)}")
    attempts = _Record(record.get("attempts", dict, {}), "attempts/")
    content = _event(record) if direction == "out" else _inbound(record)
    message_type = record.get("type", str, required=True)
    if direction == "out" and message_type != content["event"]["type"]:
        raise _Wrong("type", "is not that of the event")
    return DeadLetter(
        message_id=record.get("message_id", str, required=True),
        direction=direction,
        connector=record.get("connector", str, required=True),
        type=message_type,
        created_at=record.time("created_at", required=True),
        reason=record.get("reason", str, ""),
        detail=record.get("detail", str, ""),
        ordering_key=record.get("ordering_key", str, ""),
        attempts=Attempts(
            count=attempts.get("count", int, 0),
            last_at=attempts.time("last_at"),
            last_status=attempts.get("last_status", int),
        ),
        **content,
    )


def _event(record: _Record) -> dict[str, Any]:
    event = record.get("event", dict, required=True)
    try:
        envelope.from_json(event)
    except envelope.EnvelopeError as error:
        raise _Wrong(f"event{error.pointer}", error.message) from None
    return {"event": event}


def _inbound(record: _Record) -> dict[str, Any]:
    encoding = record.get("body_encoding", str, "utf-8")
    if encoding not in ENCODINGS:
        raise _Wrong("body_encoding", f"is not one of {', '.join(ENCODINGS)}")
    text = record.get("body", str)
    if text is None:
        raise _Wrong("body", "is missing")
    try:
        body = body_bytes(text, encoding)
    except ValueError:
        raise _Wrong("body", f"cannot be what “body_encoding” says, {encoding}") from None
    return {
        "external_id": record.get("external_id", str, required=True),
        "content_type": record.get("content_type", str, ""),
        "body": body,
    }
