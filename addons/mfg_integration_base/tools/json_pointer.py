"""JSON pointers (RFC 6901): one place in a JSON document."""

import re
from typing import Any

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


class PointerError(LookupError):
    """The document has nothing at this place."""


def parse(pointer: str) -> list[str]:
    """Return the names on the way to a place; none for the whole document.

    :raises ValueError: not a JSON pointer
    """
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer[:60]!r} is not a JSON pointer: it does not start with “/”.")
    if re.search("~(?![01])", pointer):
        raise ValueError(f"{pointer[:60]!r} is not a JSON pointer: “~” without 0 or 1.")
    return [name.replace("~1", "/").replace("~0", "~") for name in pointer[1:].split("/")]


def resolve(document: Any, pointer: str) -> Any:
    """Return the value that ``pointer`` names.

    :param pointer: empty for the whole document, else it starts with ``/``
    :raises PointerError: nothing is there
    :raises ValueError: not a JSON pointer

    >>> resolve({"order": {"lines": [{"qty": 3}]}}, "/order/lines/0/qty")
    3
    """
    value = document
    for name in parse(pointer):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise PointerError(pointer)
    return value
