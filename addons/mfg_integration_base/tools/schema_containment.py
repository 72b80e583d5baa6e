"""Whether every document that one JSON Schema allows is allowed by another, too.

Sound, not complete: where nothing is reported it is so; what is reported may still be harmless.
"""

import itertools
import math
from collections.abc import Iterable, Iterator

from .schema_limits import Gap, Node, canonical, gap, has, largest, limit_gaps, node_types
from .schema_nodes import ANYTHING, TEXT, Side, is_unnamed, unlisted
from .schema_parts import Part, Schema, pointer
from .schema_sameness import Sameness

_MAX_OPTIONS = 64


def gaps(narrow: Schema, wide: Schema, *, named_only: bool = False) -> list[Gap]:
    """Return where ``narrow`` may allow what ``wide`` does not; empty if it is contained.

    :param narrow: as ``schema.check_schema`` accepts it; ``wide`` likewise
    :param named_only: take it that no document of ``narrow`` holds members that it does not name
    :raises RecursionError: a schema refers to itself without end
    """
    comparison = _Comparison(narrow, wide, named_only)
    return list(dict.fromkeys(comparison.run()))


class _Comparison:
    def __init__(self, narrow: Schema, wide: Schema, named_only: bool):
        self._narrow, self._wide = Side(narrow), Side(wide)
        self._same = Sameness(self._narrow.tree, self._wide.tree)
        self._named_only = named_only
        self._found: dict[tuple, list[Gap]] = {}

    def run(self) -> list[Gap]:
        return self._compare(
            self._narrow.node(self._narrow.tree.top), self._wide.node(self._wide.tree.top)
        )

    def _compare(self, narrow: Node, wide: Node) -> list[Gap]:
        """Return the gaps between two nodes.

        A pair that is met again inside of itself is taken for contained there: the document that
        it would be about is smaller each time, so a difference shows at some depth without it.
        That is sound because every gap, wherever it is found, reaches the result.
        """
        key = tuple(part.place for part in narrow), tuple(part.place for part in wide)
        if key not in self._found:
            self._found[key] = []
            self._found[key] = list(self._node_gaps(narrow, wide))
        return self._found[key]

    def _node_gaps(self, narrow: Node, wide: Node) -> Iterator[Gap]:
        types = node_types(narrow)
        values = self._values(narrow, types)
        for part in wide:
            if part.schema is True or not types or values == []:
                continue
            if part.schema is False:
                yield Gap("nothing", narrow[0].place, part.place)
            elif values is not None:
                yield from self._value_gaps(narrow, part, values)
            else:
                yield from limit_gaps(narrow, part, types)
                yield from self._combination_gaps(narrow, part)
                if "object" in types:
                    yield from self._member_gaps(narrow, part)
                    yield from self._name_gaps(narrow, part)
                if "array" in types:
                    yield from self._item_gaps(narrow, part)
                    yield from self._contains_gaps(narrow, part)

    # -- few values

    def _values(self, node: Node, types: frozenset[str]) -> list | None:
        """Return all values that a node allows, if they are listed."""
        lists = [part.schema["enum"] for part in node if has(part, "enum")]
        lists += [[part.schema["const"]] for part in node if has(part, "const")]
        if types <= {"boolean", "null"}:
            lists.append([None, False, True])
        if not lists:
            return None
        return [
            value
            for value in min(lists, key=len)
            if all(self._narrow.allows(part, value) for part in node)
        ]

    def _value_gaps(self, narrow: Node, wide: Part, values: list) -> Iterator[Gap]:
        keyword = next((name for name in ("enum", "const", "type") if has(wide, name)), "")
        for value in values:
            if not self._wide.allows(wide, value):
                shown = canonical(value)
                shown = shown if len(shown) <= 80 else shown[:79] + "…"
                if keyword:
                    yield gap("value", narrow, wide, keyword, shown)
                else:
                    yield Gap("value", narrow[-1].place, wide.place, (shown,))

    # -- objects

    def _member_gaps(self, narrow: Node, wide: Part) -> Iterator[Gap]:
        if not any(
            has(wide, k) for k in ("properties", "patternProperties", "additionalProperties")
        ):
            return
        holders = [part for part in narrow if has(part, "properties")]
        known = {name: part for part in reversed(holders) for name in part.schema["properties"]}
        for name in dict.fromkeys([*known, *wide.schema.get("properties", ())]):
            members = self._narrow.member(narrow, name)
            allowed = self._wide.member((wide,), name)
            if self._named_only and name not in known and is_unnamed(narrow, name):
                continue
            found = self._compare(members, allowed)
            listed = name in wide.schema.get("properties", ())
            if found and name in known and not listed and allowed[0].schema is False:
                place = pointer("properties", name)
                holder = wide.place + pointer("additionalProperties")
                found = [Gap("closed_for", known[name].place + place, holder, (name,))]
            elif found and listed and name not in known and is_unnamed(narrow, name):
                place = pointer("properties", name)
                found = [Gap("described", narrow[-1].place + place, wide.place + place, (name,))]
            yield from found
        patterns = wide.schema.get("patternProperties", {})
        for pattern in patterns:
            yield from self._unlisted_gaps(
                narrow, wide.at("patternProperties", pattern), pattern=pattern
            )
        if has(wide, "additionalProperties"):
            yield from self._unlisted_gaps(
                narrow, wide.at("additionalProperties"), without=patterns
            )

    def _unlisted_gaps(
        self,
        narrow: Node,
        wide: Part,
        *,
        pattern: str | None = None,
        without: Iterable[str] = (),
    ) -> Iterator[Gap]:
        """Yield gaps of members that neither side lists.

        :param pattern: the names match this one
        :param without: the names match none of these
        """
        options = [unlisted(part, pattern, without) for part in narrow]
        if math.prod(map(len, options)) > _MAX_OPTIONS:
            options = [found if len(found) == 1 else [(ANYTHING, True)] for found in options]
        allowed = self._wide.node(wide)
        for option in itertools.product(*options):
            if self._named_only and not any(is_named for _part, is_named in option):
                continue
            found = self._compare(self._narrow.node(*(part for part, _named in option)), allowed)
            if found and wide.schema is False:
                found = [Gap("closed", option[0][0].place, wide.place)]
            yield from found

    def _name_gaps(self, narrow: Node, wide: Part) -> Iterator[Gap]:
        if has(wide, "propertyNames"):
            names = [part.at("propertyNames") for part in narrow if has(part, "propertyNames")]
            allowed = self._wide.node(wide.at("propertyNames"))
            yield from self._compare((*self._narrow.node(*names), TEXT), allowed)

    # -- arrays

    def _item_gaps(self, narrow: Node, wide: Part) -> Iterator[Gap]:
        if not has(wide, "items") and not has(wide, "prefixItems"):
            return
        lengths = [len(p.schema["prefixItems"]) for p in (*narrow, wide) if has(p, "prefixItems")]
        # One more stands for all that follow.
        count = min(max(lengths, default=0) + 1, largest(narrow, "maxItems"))
        for index in range(int(count)):
            yield from self._compare(
                self._narrow.item(narrow, index), self._wide.item((wide,), index)
            )

    def _contains_gaps(self, narrow: Node, wide: Part) -> Iterator[Gap]:
        if not has(wide, "contains"):
            return
        least, most = _how_often(wide)
        if least == 0 and most == math.inf:
            return
        for part in narrow:
            if has(part, "contains") and self._same.parts(part.at("contains"), wide.at("contains")):
                at_least, at_most = _how_often(part)
                if at_least >= least and at_most <= most:
                    return
        yield gap("undecided", narrow, wide, "contains", "contains")

    # -- what is compared as a whole

    def _combination_gaps(self, narrow: Node, wide: Part) -> Iterator[Gap]:
        for keyword in ("anyOf", "not", "oneOf"):
            if has(wide, keyword) and not any(
                self._same.at_keyword(part, wide, keyword) for part in narrow
            ):
                yield gap("undecided", narrow, wide, keyword, keyword)
        branches = [keyword for keyword in ("then", "else") if has(wide, keyword)]
        if has(wide, "if") and branches:
            group = ("if", *branches)
            if not any(all(self._same.at_keyword(part, wide, k) for k in group) for part in narrow):
                yield gap("undecided", narrow, wide, "if", "if")
        for trigger in wide.schema.get("dependentSchemas", ()):
            dependent = wide.at("dependentSchemas", trigger)
            if not any(
                has(part, "dependentSchemas")
                and trigger in part.schema["dependentSchemas"]
                and self._same.parts(part.at("dependentSchemas", trigger), dependent)
                for part in narrow
            ):
                yield gap("undecided", narrow, wide, "dependentSchemas", "dependentSchemas")
        for keyword in ("unevaluatedItems", "unevaluatedProperties"):
            # It depends on everything beside it.
            if has(wide, keyword) and not any(self._same.parts(part, wide) for part in narrow):
                yield gap("undecided", narrow, wide, keyword, keyword)


def _how_often(part: Part) -> tuple[int, float]:
    return part.schema.get("minContains", 1), part.schema.get("maxContains", math.inf)
