"""Whether two parts of two schemas say the same, annotations aside."""

from .schema import ENFORCED_FORMATS
from .schema_limits import canonical, has
from .schema_parts import HOLDS_LIST, HOLDS_NAMED, HOLDS_ONE, Part, SchemaTree

CONSTRAINTS = frozenset(
    {
        "$dynamicRef", "$ref", "additionalProperties", "allOf", "anyOf", "const", "contains",
        "dependentRequired", "dependentSchemas", "else", "enum", "exclusiveMaximum",
        "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength",
        "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties",
        "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
        "properties", "propertyNames", "required", "then", "type", "unevaluatedItems",
        "unevaluatedProperties", "uniqueItems",
    }
)  # fmt: skip
"""Keywords that decide what is valid; every other one is an annotation."""

_UNORDERED = frozenset({"enum", "required", "type"})


class Sameness:
    """Compares parts of one tree with parts of another."""

    __slots__ = ("_one", "_other")

    def __init__(self, one: SchemaTree, other: SchemaTree):
        self._one, self._other = one, other

    def at_keyword(self, narrow: Part, wide: Part, keyword: str) -> bool:
        return has(narrow, keyword) and self._same_keyword(narrow, wide, keyword, frozenset())

    def parts(self, narrow: Part, wide: Part, assumed: frozenset = frozenset()) -> bool:
        """Tell whether two parts differ in annotations only, also behind their references."""
        key = (narrow.place, wide.place)
        if key in assumed:
            return True
        one, other = ({} if part.schema is True else part.schema for part in (narrow, wide))
        if not isinstance(one, dict) or not isinstance(other, dict):
            return one is other
        keywords = _deciding(one)
        return keywords == _deciding(other) and all(
            self._same_keyword(narrow, wide, keyword, assumed | {key}) for keyword in keywords
        )

    def _same_keyword(self, narrow: Part, wide: Part, keyword: str, assumed: frozenset) -> bool:
        one, other = narrow.schema[keyword], wide.schema[keyword]
        if keyword in ("$ref", "$dynamicRef"):
            targets = self._one.target(one), self._other.target(other)
            return self.parts(*targets, assumed)
        if keyword in HOLDS_ONE:
            return self.parts(narrow.at(keyword), wide.at(keyword), assumed)
        if keyword in HOLDS_LIST or keyword in HOLDS_NAMED:
            names = range(len(one)) if keyword in HOLDS_LIST else one
            if len(one) != len(other) or (keyword in HOLDS_NAMED and one.keys() != other.keys()):
                return False
            return all(
                self.parts(narrow.at(keyword, name), wide.at(keyword, name), assumed)
                for name in names
            )
        if keyword in _UNORDERED and isinstance(one, list) and isinstance(other, list):
            return set(map(canonical, one)) == set(map(canonical, other))
        return canonical(one) == canonical(other)


def _deciding(schema: dict) -> set[str]:
    keywords = CONSTRAINTS.intersection(schema)
    if schema.get("format") not in ENFORCED_FORMATS:
        keywords -= {"format"}
    return set(keywords)
