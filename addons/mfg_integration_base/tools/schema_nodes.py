"""What applies to a value: a schema with everything behind its references, in one list of parts."""

import re
from collections.abc import Iterable, Iterator

from .schema import Validator
from .schema_limits import Node, has
from .schema_parts import Part, Schema, SchemaTree, fragment, moved, pointer

# Their places are no JSON pointers, so they are taken for no part of a schema.
TEXT = Part("text", {"type": "string"})
ANYTHING = Part("anything", True)


class Side:
    """One of two schemas that are compared.

    :raises SchemaError: a reference leads nowhere
    """

    def __init__(self, schema: Schema):
        self.tree = SchemaTree(schema)
        self._whole = moved(schema, "/$defs/whole")
        self._validators: dict[str, Validator] = {}

    def node(self, *parts: Part) -> Node:
        """Return all parts that apply where these do: behind references and in ``allOf``.

        Of parts that allow everything one is kept if there is no other.
        """
        found = {part.place: part for part in self._apply(parts, ())}.values()
        return tuple(part for part in found if part.schema is not True) or tuple(found)[:1]

    def _apply(self, parts: tuple[Part, ...], chain: tuple[str, ...]) -> Iterator[Part]:
        for part in parts:
            if part.place in chain:
                raise RecursionError(f"{part.place or 'The schema'} refers to itself without end.")
            yield part
            if isinstance(part.schema, dict):
                inner = [
                    self.tree.target(part.schema[keyword])
                    for keyword in ("$ref", "$dynamicRef")
                    if keyword in part.schema
                ]
                inner += [
                    part.at("allOf", index) for index in range(len(part.schema.get("allOf", ())))
                ]
                yield from self._apply(tuple(inner), (*chain, part.place))

    def allows(self, part: Part, value: object) -> bool:
        if part is TEXT:
            return isinstance(value, str)
        if isinstance(part.schema, bool):
            return part.schema
        if part.place not in self._validators:
            reference = fragment("/$defs/whole" + part.place)
            schema = {"$ref": reference, "$defs": {"whole": self._whole}}
            self._validators[part.place] = Validator(schema)
        return self._validators[part.place].is_valid(value)

    def member(self, node: Node, name: str) -> Node:
        """Return what the member of that name has to satisfy."""
        return self.node(*(inner for part in node for inner in _member(part, name)))

    def item(self, node: Node, index: int) -> Node:
        """Return what the item at that index has to satisfy."""
        return self.node(*(_item(part, index) for part in node))


def _member(part: Part, name: str) -> Iterator[Part]:
    if not isinstance(part.schema, dict):
        yield Part(part.place, True)
        return
    listed = name in part.schema.get("properties", {})
    if listed:
        yield part.at("properties", name)
    patterns = [p for p in part.schema.get("patternProperties", {}) if re.search(p, name)]
    for pattern in patterns:
        yield part.at("patternProperties", pattern)
    if not listed and not patterns:
        yield _or_true(part, "additionalProperties")


def unlisted(part: Part, pattern: str | None, without: Iterable[str]) -> list[tuple[Part, bool]]:
    """Return what a member that no side lists may have to satisfy: each possibility.

    With each comes whether it says anything about the member.

    :param pattern: the names match this one
    :param without: the names match none of these
    """
    if not isinstance(part.schema, dict):
        return [(part, False)]
    patterns = part.schema.get("patternProperties", {})
    if pattern in patterns:
        return [(part.at("patternProperties", pattern), True)]
    others = [part.at("patternProperties", other) for other in patterns if other not in without]
    rest = _or_true(part, "additionalProperties")
    return [*((other, True) for other in others), (rest, rest.schema is not True)]


def is_unnamed(node: Node, name: str) -> bool:
    """Tell whether nothing but an open ``additionalProperties`` lets a member in."""
    return not any(
        inner.schema is not True or inner.place.startswith(part.place + "/patternProperties/")
        for part in node
        for inner in _member(part, name)
    )


def _item(part: Part, index: int) -> Part:
    if not isinstance(part.schema, dict):
        return Part(part.place, True)
    if has(part, "prefixItems") and index < len(part.schema["prefixItems"]):
        return part.at("prefixItems", index)
    return _or_true(part, "items")


def _or_true(part: Part, keyword: str) -> Part:
    return part.at(keyword) if has(part, keyword) else Part(part.place + pointer(keyword), True)
