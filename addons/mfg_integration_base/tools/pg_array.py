"""PostgreSQL arrays as text, for statements that are given many rows at once.

Written as ``ARRAY[1, 2, ...]``, as psycopg2 does it, each element is an expression that PostgreSQL
parses and folds; one text that it reads as an array is several times cheaper, for both sides.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any


def array(values: Iterable[Any]) -> str:
    """Return values as PostgreSQL reads an array (PostgreSQL manual, section "Array Input and
    Output Syntax"); to be cast: ``%s::int[]``.

    :param values: numbers, texts, truth values, naive datetimes, None; all but None of one kind
    :raises TypeError: another type
    :raises ValueError: a text with a NUL character, which PostgreSQL cannot store

    >>> array([1, None, 3])
    '{1,NULL,3}'
    >>> array(["a", 'say "no"'])
    '{"a","say \\\\"no\\\\""}'
    """
    try:
        return "{" + ",".join([_WRITERS[type(value)](value) for value in values]) + "}"
    except KeyError as error:
        raise TypeError(f"{error.args[0].__name__} cannot be part of an array.") from None


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("A text holds a NUL character.")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    int: int.__repr__,
    str: _text,
    type(None): lambda _none: "NULL",
    bool: lambda value: "t" if value else "f",
    float: float.__repr__,
    datetime: lambda moment: f'"{moment.isoformat(" ")}"',
}
