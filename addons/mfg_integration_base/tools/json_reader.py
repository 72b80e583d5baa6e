"""Reading JSON that strangers sent (RFC 8259), stricter than ``json.loads`` and with a position.

What two readers may understand differently, or what no handler could store, is refused here at
the door: duplicate names, NaN and Infinity, numbers that do not fit, lone surrogates, U+0000,
nesting without end. A byte order mark in front is skipped (RFC 8259 section 8.1 allows it, and
some Windows clients send it).
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

MAX_INTEGER = 2**63 - 1
"""Largest magnitude of an integer, that of a PostgreSQL ``bigint``."""

_BOM = b"\xef\xbb\xbf"
# A string is matched as a whole, so that what is inside it is never taken for structure. One
# without an end reaches to the end of the text: nothing is left to try again, the scan is linear.
_STRING = r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*"?'
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}}:,]|[^\s\"\[\]{{}}:,]+", re.DOTALL)
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
# Escapes that may stand for what no UTF-8 text or PostgreSQL value can hold.
_SUSPICIOUS_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class JsonError(ValueError):
    """The body is not JSON that we accept.

    :ivar message: what is wrong, without the place
    :ivar line: line of the place, from 1
    :ivar column: column of the place in characters, from 1
    """

    def __init__(self, message: str, line: int, column: int):
        super().__init__(f"{message} (line {line}, column {column}).")
        self.message = message
        self.line = line
        self.column = column


def read_json(raw: bytes, max_depth: int) -> Any:
    """Read one JSON value.

    :param raw: UTF-8, a byte order mark in front is allowed
    :param max_depth: how many arrays and objects may be inside each other
    :raises JsonError: anything that is not one such value; says where

    >>> read_json(b'{"good": 5}', 8)
    {'good': 5}
    """
    raw = raw.removeprefix(_BOM)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        raise _error("Not UTF-8", before, len(before)) from None
    # The parser recurses, so depth is checked before it runs; most bodies have too few brackets
    # to be too deep, and counting them costs next to nothing.
    if text.count("[") + text.count("{") > max_depth:
        _check_depth(text, max_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except json.JSONDecodeError as error:
        raise _error(error.msg, text, error.pos) from None
    except _Refused as refused:
        raise _error(refused.message, text, refused.find(text)) from None
    if _SUSPICIOUS_ESCAPE.search(text):
        _check_storable(text)
    return value


class _Refused(Exception):
    """Raised by the parser's hooks, which do not know where they are."""

    def __init__(self, message: str, token: str = ""):
        super().__init__(message)
        self.message = message
        self.token = token

    def find(self, text: str) -> int:
        # What follows the token has not been parsed yet and may be stuck to it.
        return next(m.start() for m in _TOKEN.finditer(text) if m[0].startswith(self.token))


class _Duplicate(_Refused):
    def find(self, text: str) -> int:
        return next(_duplicates(text))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        name = next(name for name, _value in pairs if name in seen or seen.add(name))
        # json.dumps escapes what a message could not be written with, such as lone surrogates.
        raise _Duplicate(f"The name {json.dumps(name[:60])} is given twice")
    return found


def _refuse_constant(token: str) -> None:
    raise _Refused(f"{token} is not a JSON value", token)


def _finite(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise _Refused(f"The number {token[:20]} is too large", token)
    return number


def _bounded(token: str) -> int:
    # By length first: converting a million digits takes seconds, or is refused by Python.
    if len(token) > 20 or abs(number := int(token)) > MAX_INTEGER:
        raise _Refused(f"The number {token[:20]} is too large", token)
    return number


def _duplicates(text: str) -> Iterator[int]:
    """Yield the position of each name that its object already has; the text is valid JSON."""
    names: list[set[str] | None] = []  # one entry an open object or array; None is an array
    is_name = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "{":
            names.append(set())
            is_name = True
        elif token == "[":
            names.append(None)
            is_name = False
        elif token in "]}":
            names.pop()
            is_name = False
        elif token == ",":
            is_name = names[-1] is not None
        elif token == ":":
            is_name = False
        elif is_name:
            name = json.loads(token)
            if name in names[-1]:
                yield match.start()
            names[-1].add(name)


def _check_depth(text: str, max_depth: int) -> None:
    depth = 0
    for match in _BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > max_depth:
                raise _error(f"Nested deeper than {max_depth} levels", text, match.start())
        elif match[0] in "]}":
            depth -= 1


def _check_storable(text: str) -> None:
    for match in _TOKEN.finditer(text):
        if not match[0].startswith('"') or not _SUSPICIOUS_ESCAPE.search(match[0]):
            continue
        value = json.loads(match[0])
        if "\0" in value:
            raise _error("A text holds the character U+0000", text, match.start())
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _error("A text holds half of a surrogate pair", text, match.start()) from None


def _error(message: str, text: str, position: int) -> JsonError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return JsonError(message, line, column)
