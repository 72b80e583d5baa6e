"""Whether one schema's plain limits imply another's: types, bounds, patterns, required members.

A *node* is what one value has to satisfy at once: the parts of a schema that apply to it. Each
check yields what a part of the wide schema forbids and the narrow node does not.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .schema import ENFORCED_FORMATS
from .schema_parts import Part, pointer

Node = tuple[Part, ...]

NUMBERS = frozenset({"integer", "fraction"})
ALL_TYPES = NUMBERS | {"array", "boolean", "null", "object", "string"}
"""Types that exclude each other: JSON Schema's, with ``number`` split in two."""

# Types, keywords that limit the same quantity, +1 for lower limits and -1 for upper ones.
_BOUNDS = (
    (NUMBERS, ("minimum", "exclusiveMinimum"), 1),
    (NUMBERS, ("maximum", "exclusiveMaximum"), -1),
    ({"string"}, ("minLength",), 1),
    ({"string"}, ("maxLength",), -1),
    ({"array"}, ("minItems",), 1),
    ({"array"}, ("maxItems",), -1),
    ({"object"}, ("minProperties",), 1),
    ({"object"}, ("maxProperties",), -1),
)
_LEAST_SIZE = (0, False)


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where the narrow schema may allow what the wide one does not.

    :param kind: what it is about, a key of ``schema_compat.MESSAGES``
    :param narrow: JSON pointer into the narrow schema; what it names need not exist
    :param wide: JSON pointer into the wide schema, likewise
    :param words: what the message is about, in the order of its gaps
    """

    kind: str
    narrow: str
    wide: str
    words: tuple[str, ...] = ()


def gap(kind: str, narrow: Node, wide: Part, keyword: str, *words: object) -> Gap:
    """Return the gap at a keyword of both sides."""
    holder = next((part for part in narrow if has(part, keyword)), narrow[-1])
    place = pointer(keyword)
    return Gap(kind, holder.place + place, wide.place + place, tuple(map(str, words)))


def has(part: Part, keyword: str) -> bool:
    return isinstance(part.schema, dict) and keyword in part.schema


def types_of(schema: Any) -> frozenset[str]:
    """Return the types that ``type`` lets through."""
    if isinstance(schema, bool):
        return ALL_TYPES if schema else frozenset()
    names = schema.get("type", ALL_TYPES)
    names = {names} if isinstance(names, str) else set(names)
    return frozenset(names | NUMBERS if "number" in names else names) & ALL_TYPES


def node_types(node: Node) -> frozenset[str]:
    return ALL_TYPES.intersection(*(types_of(part.schema) for part in node))


def largest(node: Node, keyword: str) -> float:
    """Return the size that an upper limit allows, infinite without one."""
    return min((part.schema[keyword] for part in node if has(part, keyword)), default=float("inf"))


def canonical(value: Any) -> str:
    """Return the same text for JSON values that JSON Schema holds equal (core, section 4.2.2)."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


def limit_gaps(narrow: Node, wide: Part, types: frozenset[str]) -> Iterator[Gap]:
    """Yield the gaps of all plain limits of ``wide``.

    :param types: that values of ``narrow`` may have
    """
    if foreign := types - types_of(wide.schema):
        names = foreign - {"integer"} if "fraction" in foreign else foreign
        names = sorted("number" if name == "fraction" else name for name in names)
        yield gap("type", narrow, wide, "type", " or ".join(names))
    types &= types_of(wide.schema)
    for keyword in ("const", "enum"):
        if has(wide, keyword):  # the narrow node has no such list, or it would not come here
            yield gap("only_values", narrow, wide, keyword)
    yield from _bound_gaps(narrow, wide, types)
    if types & NUMBERS and has(wide, "multipleOf"):
        yield from _multiple_gaps(narrow, wide, types)
    if "string" in types:
        for keyword in ("pattern", "format"):
            yield from _text_gaps(narrow, wide, keyword)
    if "array" in types and wide.schema.get("uniqueItems"):
        unique = any(has(part, "uniqueItems") and part.schema["uniqueItems"] for part in narrow)
        if not unique and largest(narrow, "maxItems") > 1:
            yield gap("unique", narrow, wide, "uniqueItems")
    if "object" in types:
        yield from _required_gaps(narrow, wide)


def _bound_gaps(narrow: Node, wide: Part, types: frozenset[str]) -> Iterator[Gap]:
    for limited, keywords, sign in _BOUNDS:
        if not types & limited:
            continue
        held = [
            (_level(part, keyword, sign), part.schema[keyword])
            for part, keyword in itertools.product(narrow, keywords)
            if has(part, keyword)
        ]
        level, shown = max(held, key=lambda item: item[0], default=(None, "none"))
        if level is None and sign > 0 and limited != NUMBERS:
            level = _LEAST_SIZE
        for keyword in keywords:
            if has(wide, keyword) and (level is None or level < _level(wide, keyword, sign)):
                yield gap("bound", narrow, wide, keyword, keyword, shown, wide.schema[keyword])


def _level(part: Part, keyword: str, sign: int) -> tuple[float, bool]:
    """Return how far a limit goes; more is stricter, and "exclusive" is stricter than not."""
    return sign * part.schema[keyword], keyword.startswith("exclusive")


def _multiple_gaps(narrow: Node, wide: Part, types: frozenset[str]) -> Iterator[Gap]:
    step = wide.schema["multipleOf"]
    held = [part.schema["multipleOf"] for part in narrow if has(part, "multipleOf")]
    if step == 1 and isinstance(step, int) and types & NUMBERS == {"integer"}:
        return
    for other in held:
        # Of fractions only the same one will do: how far a division is exact is the validator's.
        whole = isinstance(step, int) and isinstance(other, int)
        if (whole and other % step == 0) or (type(step) is type(other) and step == other):
            return
    shown = " and ".join(map(str, held)) or "none"
    yield gap("bound", narrow, wide, "multipleOf", "multipleOf", shown, step)


def _text_gaps(narrow: Node, wide: Part, keyword: str) -> Iterator[Gap]:
    expected = wide.schema.get(keyword)
    if expected is None or (keyword == "format" and expected not in ENFORCED_FORMATS):
        return
    if not any(has(part, keyword) and part.schema[keyword] == expected for part in narrow):
        yield gap(keyword, narrow, wide, keyword, expected)


def _required_gaps(narrow: Node, wide: Part) -> Iterator[Gap]:
    sure = {name for part in narrow if has(part, "required") for name in part.schema["required"]}
    for name in wide.schema.get("required", ()):
        if name not in sure:
            yield gap("required", narrow, wide, "required", name)
    for trigger, names in wide.schema.get("dependentRequired", {}).items():
        held = [
            part.schema["dependentRequired"].get(trigger, ())
            for part in narrow
            if has(part, "dependentRequired")
        ]
        for name in names:
            if name != trigger and name not in sure.union(*held):
                yield gap("dependent", narrow, wide, "dependentRequired", name, trigger)
