"""JSON text: strict when read, canonical when written (RFC 8259)."""

import json
import math
import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from . import rfc3339

# Escapes that may stand for what no UTF-8 text or PostgreSQL value can hold.
_SUSPICIOUS_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class JsonError(ValueError):
    """The text is not JSON that we accept; the message says where and why."""


def loads(body: bytes, *, max_depth: int = 64) -> Any:
    """Read one JSON value.

    Stricter than ``json.loads``: UTF-8 only, no NaN or Infinity (also not by overflow such as
    ``1e999``), no lone surrogates, no NUL characters (PostgreSQL stores neither), no more than
    ``max_depth`` arrays and objects inside each other.

    :raises JsonError: anything else than one such value
    """
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except UnicodeDecodeError as error:
        raise JsonError(f"Not UTF-8: byte {error.start} cannot be read.") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise JsonError(f"Nested deeper than {max_depth} levels.") from None
    except JsonError:
        raise
    except ValueError:  # an integer of more digits than Python is willing to convert
        raise JsonError("A number has too many digits.") from None
    # Counting brackets costs next to nothing, walking the value does not.
    if body.count(b"[") + body.count(b"{") > max_depth and _deeper_than(value, max_depth):
        raise JsonError(f"Nested deeper than {max_depth} levels.")
    if _SUSPICIOUS_ESCAPE.search(body):
        _check_storable(value)
    return value


def canonical_json(value: Any) -> str:
    """Write a value compactly, with sorted keys, so that equal values give equal text.

    Beside JSON's own types: ``datetime`` (UTC, RFC 3339; one without zone is taken as UTC, as
    Odoo's are), ``date`` (ISO 8601), ``UUID`` and ``Decimal``. A Decimal becomes the number that
    JSON readers will see: an integer when it is one, else the nearest double (RFC 8259 section
    6); what needs more digits than a double has belongs into a string.

    :raises ValueError: NaN or Infinity, text that UTF-8 cannot hold, or a circular value
    :raises TypeError: a type that is not listed above

    >>> canonical_json({"qty": Decimal("5.50"), "good": True})
    '{"good":true,"qty":5.5}'
    """
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("A text holds a lone surrogate, which UTF-8 cannot express.") from None
    return text


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=timezone.utc)
        return rfc3339.format_utc(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a JSON number.")
        # 2**53: from there on a double no longer holds every integer.
        whole = abs(value) < 2**53 and value == value.to_integral_value()
        return int(value) if whole else float(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"A value of type {type(value).__name__} cannot be written as JSON.")


_encode = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_to_json,
).encode


def _refuse_constant(name: str) -> None:
    raise JsonError(f"{name} is not a JSON value.")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonError(f"The number {text[:20]} is too large.")
    return number


def _nested(value: Any) -> list[Any]:
    """Return the arrays and objects directly inside an array or object."""
    children = value.values() if isinstance(value, dict) else value
    return [child for child in children if isinstance(child, (dict, list))]


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _depth in range(limit):
        level = [child for parent in level for child in _nested(parent)]
    return bool(level)


def _check_storable(value: Any) -> None:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise JsonError("A text holds the character U+0000.")
            try:
                item.encode()
            except UnicodeEncodeError:
                raise JsonError("A text holds half of a surrogate pair.") from None
        elif isinstance(item, dict):
            rest.extend(item)
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
