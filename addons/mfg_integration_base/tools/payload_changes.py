"""What a person changed in a payload, in short: evidence that does not copy the whole of it."""

import difflib
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from . import redact
from .json_writer import canonical_json

MAX_CHANGES = 200
"""How many changed values are kept; the digests tell of the rest."""

_DEPTH = 64


def changes(before: str, after: str) -> tuple[str, str]:
    """Return what was and what is now, each as JSON text.

    Of two JSON documents the values that differ, by JSON pointer; of other texts the lines that
    went and those that came. Values that look like secrets are masked. Either side has the
    SHA-256 of the whole text.

    >>> changes('{"qty": 5, "unit": "kg"}', '{"qty": 7, "unit": "kg"}')[1].partition(',"sha')[0]
    '{"changed":{"/qty":7}'
    """
    try:
        was, now = _read(before), _read(after)
    except ValueError:
        gone, come = _lines(before, after)
    else:
        pairs = list(_differences(was, now, "", _DEPTH))[:MAX_CHANGES]
        gone = {place: _masked(place, old) for place, old, _new in pairs if old is not _ABSENT}
        come = {place: _masked(place, new) for place, _old, new in pairs if new is not _ABSENT}
    return _text(gone, before), _text(come, after)


_ABSENT = object()


def _read(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _masked(place: str, value: Any) -> Any:
    return redact.MASK if redact.is_sensitive(place) else redact.value(value)


def _differences(was: Any, now: Any, place: str, depth: int) -> Iterator[tuple[str, Any, Any]]:
    if depth and isinstance(was, dict) and isinstance(now, dict):
        for name in sorted(was.keys() | now.keys()):
            yield from _differences(
                was.get(name, _ABSENT), now.get(name, _ABSENT), _below(place, name), depth - 1
            )
    elif depth and isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (old, new) in enumerate(zip(was, now, strict=True)):
            yield from _differences(old, new, _below(place, index), depth - 1)
    elif type(was) is not type(now) or was != now:  # True equals 1 in Python, not in JSON
        yield place, was, now


def _below(place: str, name: str | int) -> str:
    return f"{place}/" + str(name).replace("~", "~0").replace("/", "~1")


def _lines(before: str, after: str) -> tuple[list[str], list[str]]:
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    gone = [redact.text(line[1:]) for line in found if line.startswith("-")]
    come = [redact.text(line[1:]) for line in found if line.startswith("+")]
    return gone[:MAX_CHANGES], come[:MAX_CHANGES]


def _text(changed: Any, whole: str) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    return canonical_json({"changed": changed, "sha256": digest})
