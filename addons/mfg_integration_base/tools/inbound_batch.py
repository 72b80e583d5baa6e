"""Several messages in one request: which bytes are which message.

Each message keeps the very bytes in which it came: they are what it is recognised by, and evidence.
"""

import json
from typing import NamedTuple

from .http_body import media_type
from .json_reader import JsonError, read_json

MAX_MESSAGES = 1000
CLOUDEVENTS_BATCH = "application/cloudevents-batch+json"
CLOUDEVENT = "application/cloudevents+json"
LINES = frozenset({"application/jsonl", "application/x-ndjson", "application/ndjson"})
_WHITESPACE = " \t\r\n"
_decoder = json.JSONDecoder()


class BatchBodyError(ValueError):
    """The request as a whole cannot be taken.

    ``code``: ``malformed``, ``empty``, ``too_many``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Part(NamedTuple):
    """One message of a batch.

    :param content_type: what its bytes are
    :param place: where it stands, for a person
    :param message_id: what its sender calls it, where only the whole says so
    """

    body: bytes
    content_type: str
    place: str
    message_id: str = ""


def split(content_type: str, body: bytes, *, max_depth: int) -> list[Part] | None:
    """Return the messages of a batch in their order; None if the Content-Type says it is none.

    A CloudEvents batch is a JSON array of envelopes (CloudEvents 1.0.2, JSON format section 4);
    JSON Lines has a JSON value a line, empty lines aside.

    :raises BatchBodyError: not what the Content-Type says, without messages, or too many
    """
    kind = media_type(content_type)
    if kind == CLOUDEVENTS_BATCH:
        parts = _array(body, max_depth)
    elif kind in LINES:
        parts = [
            Part(line.strip(), "application/json", f"line {number}")
            for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
            if line.strip()
        ]
    else:
        return None
    if not parts:
        raise BatchBodyError("empty", "The batch holds no message.")
    return limited(parts)


def limited(parts: list[Part] | None) -> list[Part] | None:
    """Return the messages of a batch, if any, as they are.

    :raises BatchBodyError: too many
    """
    if parts and len(parts) > MAX_MESSAGES:
        raise BatchBodyError(
            "too_many", f"The batch holds {len(parts)} messages, more than {MAX_MESSAGES}."
        )
    return parts


def _array(body: bytes, max_depth: int) -> list[Part]:
    try:
        # One level more: that of the array.
        items = read_json(body, max_depth + 1)
    except JsonError as error:
        raise BatchBodyError("malformed", str(error)) from None
    if not isinstance(items, list):
        raise BatchBodyError("malformed", "A CloudEvents batch is a JSON array of events.")
    text = body.decode("utf-8-sig")
    parts, at = [], text.index("[") + 1
    for number in range(len(items)):
        at = _skip(text, at)
        _value, end = _decoder.raw_decode(text, at)
        parts.append(Part(text[at:end].encode(), CLOUDEVENT, f"/{number}"))
        at = _skip(text, end) + 1  # past the comma, or the bracket at the end
    return parts


def _skip(text: str, at: int) -> int:
    while text[at] in _WHITESPACE:
        at += 1
    return at
