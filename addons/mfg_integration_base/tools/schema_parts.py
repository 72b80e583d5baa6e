"""JSON Schema 2020-12 as a tree: which keywords hold schemas, and where references lead.

For schemas that ``schema.check_schema`` accepts: complete in themselves, with one ``$id`` at most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from . import json_pointer
from .schema import SchemaError

Schema = dict[str, Any] | bool

HOLDS_ONE = frozenset(
    {
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
HOLDS_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
HOLDS_NAMED = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_HOLDS_DATA = frozenset({"const", "default", "enum", "examples"})
_IDENTITY = frozenset({"$anchor", "$dynamicAnchor", "$id", "$schema", "$vocabulary"})
_REFERENCES = ("$ref", "$dynamicRef")
# What a URI fragment may hold beside letters and digits (RFC 3986 section 3.5).
_FRAGMENT_CHARS = "/~!$&'()*+,;=:@-._?"


@dataclass(frozen=True, slots=True)
class Part:
    """A schema inside a schema.

    :param place: JSON pointer from the top
    """

    place: str
    schema: Any

    def at(self, *names: str | int) -> "Part":
        """Return what stands at a place inside; ``names`` are the steps to it."""
        found = self.schema
        for name in names:
            found = found[name]
        return Part(self.place + pointer(*names), found)


class SchemaTree:
    """A whole schema, in which references can be followed."""

    __slots__ = ("_anchors", "top")

    def __init__(self, schema: Schema):
        self.top = Part("", schema)
        self._anchors: dict[str, Part] = {}
        for part in walk(self.top):
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(name := part.schema.get(keyword), str):
                    self._anchors.setdefault(name, part)

    def target(self, reference: str) -> Part:
        """Return where a ``$ref`` or ``$dynamicRef`` leads.

        Within one resource a dynamic reference leads where a plain one does (section 8.2.3.2).

        :raises SchemaError: there is no such place
        """
        name = unquote(reference[1:])
        if name in self._anchors:
            return self._anchors[name]
        try:
            return Part(name, json_pointer.resolve(self.top.schema, name))
        except (LookupError, ValueError):
            raise SchemaError(f"There is no {reference[:200]!r} in the schema.") from None


def pointer(*names: str | int) -> str:
    """Return the JSON pointer of the steps (RFC 6901 section 3).

    >>> pointer("properties", "a/b")
    '/properties/a~1b'
    """
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


def fragment(place: str) -> str:
    """Return a JSON pointer as the reference that leads there (RFC 6901 section 6)."""
    return "#" + quote(place, safe=_FRAGMENT_CHARS)


def walk(part: Part) -> Iterator[Part]:
    """Yield every schema that is an object, from the given one down."""
    if isinstance(part.schema, dict):
        yield part
        for keyword, value in part.schema.items():
            for steps in _steps(keyword, value):
                yield from walk(part.at(keyword, *steps))


def moved(schema: Schema, place: str) -> Schema:
    """Return a copy whose references still lead to its own parts when it stands at ``place``.

    In the bigger document it is no resource of its own, so ``$id`` and anchors are left out and
    references by anchor become JSON pointers.

    :param place: JSON pointer in the bigger document
    :raises SchemaError: a reference leads nowhere
    """
    return _moved(schema, SchemaTree(schema), place)


def _moved(schema: Any, tree: SchemaTree, place: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    copy: dict[str, Any] = {}
    references = []
    for keyword, value in schema.items():
        if keyword in _IDENTITY and isinstance(value, str | dict):
            continue
        if keyword in _REFERENCES and isinstance(value, str):
            references.append({"$ref": fragment(place + tree.target(value).place)})
        elif keyword in HOLDS_NAMED and isinstance(value, dict):
            copy[keyword] = {name: _moved(inner, tree, place) for name, inner in value.items()}
        elif isinstance(value, list) and _steps(keyword, value):
            copy[keyword] = [_moved(inner, tree, place) for inner in value]
        elif isinstance(value, dict) and _steps(keyword, value):
            copy[keyword] = _moved(value, tree, place)
        else:
            copy[keyword] = value
    if references:
        copy["$ref"] = references[0]["$ref"]
    if references[1:]:
        copy["allOf"] = [*copy.get("allOf", ()), *references[1:]]
    return copy


def _steps(keyword: str, value: Any) -> list[tuple[str | int, ...]]:
    """Return the steps from a keyword to each schema that its value holds.

    An unknown keyword may hold a schema that a reference leads to, so its value counts as one.
    """
    if keyword in _HOLDS_DATA:
        return []
    if keyword in HOLDS_NAMED and isinstance(value, dict):
        return [(name,) for name in value]
    if isinstance(value, list):
        return [(index,) for index, inner in enumerate(value) if isinstance(inner, dict | bool)]
    return [()] if isinstance(value, dict) else []
