"""Writing JSON: one text for equal values (RFC 8259); ``json_reader`` is its counterpart."""

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from . import rfc3339


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
