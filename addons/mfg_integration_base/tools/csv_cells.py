"""CSV by RFC 4180, made so that no spreadsheet takes a text of ours for a formula.

A cell that begins with ``=``, ``+``, ``-``, ``@``, their full-width forms, a tab or a line break
is a formula to a spreadsheet, whatever its quotes. Such a text gets an apostrophe in front, which
spreadsheets read as "this is text"; a text that has apostrophes before such a character gets one
more, so that ``plain_text`` can take off exactly what was put on. Numbers are left as they are:
``-5`` is no danger and would no longer be a number.

All texts are quoted, so that a spreadsheet which splits at semicolons or tabs finds no cell of its
own inside them. A bare empty cell is "no value", a quoted one is an empty text.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .json_writer import canonical_json

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def row(values: Iterable[Any]) -> str:
    """Return one line, with the CRLF that ends it.

    None is an empty cell; truth values are ``true`` and ``false``; numbers are plain, a Decimal
    with all its digits; an object or array is its JSON text.

    :raises TypeError: a value that is not JSON's, or a Decimal
    :raises ValueError: NaN or Infinity

    >>> row([1, Decimal("5.50"), None, "", "a,b"]).rstrip()
    '1,5.50,,"","a,b"'
    """
    return ",".join(map(_cell, values)) + "\r\n"


def safe_text(text: str) -> str:
    """Return the text as a spreadsheet may see it.

    >>> safe_text("=1+1"), safe_text("-5"), safe_text("Bolt M8")
    ("'=1+1", '-5', 'Bolt M8')
    """
    return f"'{text}" if _FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def plain_text(cell: str) -> str:
    """Return the text that ``safe_text`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that can be written.")
        # Digits as far as a person would write them, else with an exponent.
        return format(value, "f") if abs(value.adjusted()) < 30 else str(value)
    if isinstance(value, (bool, int, float)):
        return canonical_json(value)
    text = value if isinstance(value, str) else canonical_json(value)
    return '"' + safe_text(text).replace('"', '""') + '"'
