"""Compatibility of schemas: what is called compatible must be; the usual breaks have names."""

import copy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from odoo.addons.mfg_integration_base.tools.schema import SchemaError, Validator
from odoo.addons.mfg_integration_base.tools.schema_compat import MESSAGES, breaking_changes
from odoo.addons.mfg_integration_base.tools.schema_sameness import CONSTRAINTS

TREE = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "parts": {"type": "array", "items": {"$ref": "#"}},
    },
}


def with_part(schema, place, value):
    changed = copy.deepcopy(schema)
    *steps, last = place
    target = changed
    for step in steps:
        target = target[step]
    target[last] = value
    return changed


WIDER_TREE = with_part(TREE, ("properties", "name", "maxLength"), 9)


def prop(schema, **more):
    return {"type": "object", "properties": {"a": schema}, **more}


CLOSED = {"additionalProperties": False}
LOT = {"$defs": {"lot": {"type": "string", "minLength": 1}}}

# narrow, wide: every document of the first one is one of the second one.
CONTAINED = [
    ({}, True),
    (True, {}),
    (False, {"type": "integer"}),
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "integer"}, {"type": ["integer", "null"]}),
    ({"type": ["integer", "number"]}, {"type": "number"}),
    ({"enum": [1, 2]}, {"enum": [1, 2, 3]}),
    ({"enum": ["a", 7]}, {"type": ["string", "integer"]}),
    ({"const": 1}, {"enum": [1.0]}),
    ({"const": {"x": 1}}, {"required": ["x"]}),
    ({"enum": ["a", 7], "type": "string"}, {"const": "a"}),
    ({"type": "boolean"}, {"enum": [True, False]}),
    ({"enum": ["2026-11-23"]}, {"format": "date"}),
    ({"minimum": 5}, {"minimum": 4}),
    ({"exclusiveMinimum": 4}, {"minimum": 4}),
    ({"minimum": 4.5}, {"exclusiveMinimum": 4}),
    ({"maximum": 4}, {"exclusiveMaximum": 5}),
    ({"type": "string"}, {"minimum": 5}),
    ({"type": "integer"}, {"maxLength": 5, "pattern": "x", "format": "date", "minItems": 1}),
    ({"multipleOf": 6}, {"multipleOf": 3}),
    ({"multipleOf": 0.25}, {"multipleOf": 0.25}),
    ({"type": "integer"}, {"multipleOf": 1}),
    ({"minLength": 1, "maxLength": 5}, {"minLength": 0, "maxLength": 6}),
    ({"pattern": "^a", "title": "x"}, {"pattern": "^a"}),
    ({"format": "date"}, {"format": "date"}),
    ({}, {"format": "email", "title": "t", "default": 1, "examples": [1], "deprecated": True}),
    ({}, {"$comment": "c", "description": "d", "readOnly": True, "x-own": {"type": "string"}}),
    ({"required": ["a", "b"]}, {"required": ["b"]}),
    ({"required": ["a"]}, {"dependentRequired": {"b": ["a"]}}),
    ({"dependentRequired": {"b": ["a", "c"]}}, {"dependentRequired": {"b": ["a"]}}),
    ({"minProperties": 2}, {"minProperties": 1}),
    (prop({"type": "integer"}), prop({"type": "number"})),
    (prop({}, **CLOSED), {"type": "object"}),
    (prop({}, **CLOSED), {"properties": {"a": {}, "b": {"type": "integer"}}, **CLOSED}),
    ({"properties": {"x1": {}}, **CLOSED}, {"patternProperties": {"^x": {}}, **CLOSED}),
    ({"patternProperties": {"^x": {}}, **CLOSED}, {"patternProperties": {"^x": {}, "y": {}},
                                                   **CLOSED}),
    ({"patternProperties": {"^x": {"minimum": 2}}}, {"patternProperties": {"^x": {"minimum": 1}}}),
    ({"additionalProperties": {"type": "integer"}}, {"patternProperties":
                                                     {"^x": {"type": "number"}}}),
    ({"additionalProperties": {"type": "integer"}}, {"additionalProperties": {"type": "number"}}),
    ({"propertyNames": {"maxLength": 2}}, {"propertyNames": {"maxLength": 3, "minimum": 9}}),
    ({}, {"propertyNames": {"type": "string"}}),
    ({"items": {"type": "integer"}}, {"items": {"type": "number"}}),
    ({"items": {"type": "integer"}}, {"prefixItems": [{"type": "number"}, {}]}),
    ({"prefixItems": [{"type": "integer"}], "items": False}, {"items": {"type": "integer"}}),
    ({"maxItems": 1, "items": {"minimum": 1}}, {"prefixItems": [{"minimum": 0}], "items": False}),
    ({"maxItems": 0}, {"items": {"type": "integer"}}),
    ({"uniqueItems": True}, {"uniqueItems": True}),
    ({"maxItems": 1}, {"uniqueItems": True}),
    ({}, {"uniqueItems": False}),
    ({"contains": {"title": "x", "const": 1}}, {"contains": {"const": 1}}),
    ({"contains": {"const": 1}, "minContains": 2}, {"contains": {"const": 1}}),
    ({}, {"contains": {"const": 1}, "minContains": 0}),
    ({"anyOf": [{"type": "integer", "title": "t"}]}, {"anyOf": [{"type": "integer"}]}),
    ({"oneOf": [{}], "not": {"const": 1}}, {"not": {"const": 1.0}}),
    ({"not": {"required": ["a", "b"]}}, {"not": {"required": ["b", "a"]}}),
    ({"if": {}, "then": {"minimum": 1}, "else": False}, {"if": {}, "then": {"minimum": 1}}),
    ({}, {"if": {"const": 1}}),
    ({}, {"then": False}),
    ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"dependentSchemas":
                                                        {"a": {"required": ["b"]}}}),
    ({"allOf": [{"minimum": 5}, {"type": "integer"}]}, {"type": "number", "minimum": 4}),
    ({"type": "integer", "minimum": 5}, {"allOf": [{"type": "integer"}, {"minimum": 4}]}),
    ({"$ref": "#/$defs/lot", **LOT}, {"type": "string"}),
    ({"type": "string", "minLength": 2}, {"$ref": "#/$defs/lot", **LOT}),
    ({"$ref": "#/$defs/lot", "maxLength": 3, **LOT}, {"$ref": "#/$defs/lot", **LOT}),
    ({"$ref": "#l", "$defs": {"l": {"$anchor": "l", "const": 1}}}, {"const": 1}),
    ({"$dynamicRef": "#l", "$defs": {"l": {"$dynamicAnchor": "l", "const": 1}}}, {"const": 1}),
    ({"not": {"$ref": "#/$defs/lot"}, **LOT}, {"not": {"$ref": "#/$defs/a"},
                                               "$defs": {"a": LOT["$defs"]["lot"]}}),
    (TREE, WIDER_TREE),
    ({"unevaluatedProperties": False, "properties": {"a": {}}},) * 2,
    ({"unevaluatedItems": False, "prefixItems": [{}]},) * 2,
]  # fmt: skip


@pytest.mark.parametrize(("narrow", "wide"), CONTAINED)
def test_compatible(narrow, wide):
    assert breaking_changes(narrow, wide, role="write") == []
    assert breaking_changes(wide, narrow, role="read") == []


# narrow, wide; where and what writers are told (wide is new), readers are told (narrow is new).
BROKEN = [
    ({}, False, "", "What was allowed here is not", "", "What was never sent"),
    ({"type": "number"}, {"type": "integer"}, "/type", "Values of type number are no longer",
     "/type", "Values of type number may come"),
    ({}, {"type": ["integer", "string", "array", "object", "boolean"]}, "/type",
     "Values of type null or number are", "/type", "Values of type null or number may"),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, "/enum", 'The value "b" is no longer allowed',
     "/enum", 'The value "b" may come now'),
    ({"const": 1}, {"const": True}, "/const", "The value 1 is no", "/const", "The value 1 may"),
    ({"const": "x"}, {"minLength": 2}, "", 'The value "x" is', "", 'The value "x" may'),
    ({"enum": ["23.11.2026"]}, {"format": "date"}, "", "The value", "", "The value"),
    ({}, {"enum": [1]}, "/enum", "Only listed", "/enum", "Values that are not listed"),
    ({}, {"const": 1}, "/const", "Only listed", "/const", "Values that are not listed"),
    ({"minimum": 0}, {"minimum": 5}, "/minimum", "The limit minimum is tightened from 0 to 5.",
     "/minimum", "The limit minimum is loosened from 5 to 0."),
    ({"minimum": 5}, {"exclusiveMinimum": 5}, "/exclusiveMinimum",
     "The limit exclusiveMinimum is tightened from 5 to 5", "/exclusiveMinimum", "The limit"),
    ({}, {"maximum": 5}, "/maximum", "The limit maximum is tightened from none to 5.",
     "/maximum", "The limit maximum is loosened from 5 to none."),
    ({"multipleOf": 3}, {"multipleOf": 6}, "/multipleOf", "The limit", "/multipleOf", "The limit"),
    ({"multipleOf": 0.5}, {"multipleOf": 0.25}, "/multipleOf", "The limit", "/multipleOf", "The"),
    ({"type": "number"}, {"type": "number", "multipleOf": 1}, "/multipleOf", "The limit",
     "/multipleOf", "The limit"),
    ({"maxLength": 9}, {"maxLength": 5}, "/maxLength", "The limit", "/maxLength", "The limit"),
    ({}, {"minItems": 1}, "/minItems", "The limit", "/minItems", "The limit"),
    ({}, {"maxProperties": 1}, "/maxProperties", "The limit", "/maxProperties", "The limit"),
    ({"pattern": "a"}, {"pattern": "b"}, "/pattern", "Texts have to match the pattern b",
     "/pattern", "Texts are no longer sure to match the pattern b"),
    ({"format": "email"}, {"format": "uuid"}, "/format", "Texts have to be a valid uuid",
     "/format", "Texts are no longer sure to be a valid uuid"),
    ({}, {"uniqueItems": True}, "/uniqueItems", "The items have to", "/uniqueItems", "The items"),
    (prop({}), prop({}, required=["a"]), "/required", "The member “a” is required now.",
     "/required", "The member “a” is no longer sure to come."),
    ({}, {"dependentRequired": {"a": ["b"]}}, "/dependentRequired", "The member “b” is required "
     "now where “a”", "/dependentRequired", "The member “b” is no longer sure to come with “a”"),
    (prop({"type": "number"}), prop({"type": "integer"}), "/properties/a/type", "Values of",
     "/properties/a/type", "Values of"),
    (prop({"type": "integer"}, **CLOSED), {"type": "object", **CLOSED}, "/additionalProperties",
     "The member “a” is no longer allowed", "/properties/a", "The member “a” is new"),
    (prop({}), prop({}, **CLOSED), "/additionalProperties", "Members that the schema does not name "
     "are", "/additionalProperties", "Members that the schema does not name may"),
    ({"type": "object"}, prop({"type": "integer"}), "/properties/a", "The member “a” could hold",
     "/properties/a", "The member “a” is no longer described"),
    ({"type": "object"}, {"patternProperties": {"^x": {"type": "null"}}},
     "/patternProperties/^x/type", "Values", "/patternProperties/^x/type", "Values"),
    ({"patternProperties": {"x$": {}}, **CLOSED}, {"patternProperties": {"^x": {}}, **CLOSED},
     "/additionalProperties", "Members", "/patternProperties/x$", "Members"),
    ({}, {"propertyNames": {"maxLength": 3}}, "/propertyNames/maxLength", "The limit",
     "/propertyNames/maxLength", "The limit"),
    ({"items": {}}, {"items": {"type": "null"}}, "/items/type", "Values", "/items/type", "Values"),
    ({"maxItems": 2}, {"prefixItems": [{}, {"const": 1}]}, "/prefixItems/1/const", "Only",
     "/prefixItems/1/const", "Values"),
    ({}, {"contains": {}}, "/contains", "contains differs", "/contains", "contains differs"),
    ({"contains": {"const": 1}}, {"contains": {"const": 1}, "maxContains": 2}, "/contains",
     "contains differs", "/contains", "contains differs"),
    ({"anyOf": [{"type": "null"}]}, {"anyOf": [{"type": "string"}]}, "/anyOf", "anyOf differs, and",
     "/anyOf", "anyOf differs, and"),
    ({}, {"oneOf": [{"type": "null"}]}, "/oneOf", "oneOf differs", "/oneOf", "oneOf differs"),
    ({}, {"not": {"type": "null"}}, "/not", "not differs", "/not", "not differs"),
    ({"if": {"const": 1}, "then": {"minimum": 1}}, {"if": {"const": 1}, "then": {"minimum": 2}},
     "/if", "if differs", "/if", "if differs"),
    ({}, {"dependentSchemas": {"a": {}}}, "/dependentSchemas", "dependentSchemas differs",
     "/dependentSchemas", "dependentSchemas differs"),
    ({"properties": {"a": {}, "b": {}}, "unevaluatedProperties": False},
     {"properties": {"a": {}}, "unevaluatedProperties": False},
     "/unevaluatedProperties", "unevaluatedProperties differs",
     "/unevaluatedProperties", "unevaluatedProperties differs"),
    ({}, {"unevaluatedItems": False}, "/unevaluatedItems", "unevaluatedItems differs",
     "/unevaluatedItems", "unevaluatedItems differs"),
    ({"type": "string"}, {"$ref": "#/$defs/lot", **LOT}, "/$defs/lot/minLength", "The limit",
     "/$defs/lot/minLength", "The limit"),
    ({"type": "string"}, {"allOf": [{"minLength": 3}]}, "/allOf/0/minLength", "The limit",
     "/allOf/0/minLength", "The limit"),
    (WIDER_TREE, TREE, "/properties/name/maxLength", "The limit maxLength is tightened from 9 to 5",
     "/properties/name/maxLength", "The limit maxLength is loosened from 5 to 9"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, {}, "", "The schemas refer",
     "", "The schemas refer"),
]  # fmt: skip


@pytest.mark.parametrize(("narrow", "wide", "w_place", "w_said", "r_place", "r_said"), BROKEN)
def test_breaking(narrow, wide, w_place, w_said, r_place, r_said):
    [write] = breaking_changes(narrow, wide, role="write")
    [read] = breaking_changes(wide, narrow, role="read")
    assert write.pointer == w_place
    assert write.message.startswith(w_said)
    assert read.pointer == r_place
    assert read.message.startswith(r_said)


def test_the_table_has_every_kind_of_message():
    said = "\n".join(row[3] for row in BROKEN)
    for for_writers, _for_readers in MESSAGES.values():
        start = for_writers.partition("{0}")[0]
        assert start in said or "differs" in said, start


def test_all_changes_in_the_order_of_their_places():
    new = {**prop({"type": "integer", "minimum": 1}), "required": ["a", "b"]}
    found = breaking_changes({}, new, role="write")
    assert [error.pointer for error in found] == [
        "/properties/a",
        "/required",
        "/required",
        "/type",
    ]


@pytest.mark.parametrize("schema", [{"type": "whole"}, {"$ref": "#/$defs/none"}, {"$ref": "x:y"}])
def test_unusable_schemas_are_refused(schema):
    for pair in itertools.permutations([schema, {}]):
        with pytest.raises(SchemaError):
            breaking_changes(*pair, role="write")


def test_a_new_optional_member_breaks_nobody_who_sends_named_members_only():
    new = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert breaking_changes({"type": "object"}, new, role="write", named_only=True) == []
    assert breaking_changes(new, {"type": "object"}, role="read", named_only=True) == []
    assert (
        breaking_changes({"type": "object"}, {**new, **CLOSED}, role="write", named_only=True) == []
    )


@pytest.mark.parametrize(
    "old",
    [
        {"patternProperties": {"^a": {"type": "string"}}},
        {"patternProperties": {"^a": True}},
        {"additionalProperties": {"type": "string"}},
        {"properties": {"a": {}}},
    ],
)
@pytest.mark.parametrize("new", [{"properties": {"a": {"type": "integer"}}}, CLOSED])
def test_members_that_are_named_in_another_way_still_count(old, new):
    assert breaking_changes(old, new, role="write", named_only=True)


def test_every_keyword_that_decides_is_known():
    assert set(Draft202012Validator.VALIDATORS) <= CONSTRAINTS


# -- documents decide

SCALARS = [None, True, False, 0, 1, 2, 1.5, "", "a", "ab", "2026-11-23"]
FEW = [None, 1, 2.5, "a", [], [1], {}, {"a": 1}]
DOCUMENTS = [
    *SCALARS,
    *([one] for one in [*SCALARS, [1], {"a": 1}]),
    *([one, other] for one in FEW for other in (1, "a")),
    [1, 1, 1],
    *({"a": one} for one in FEW),
    *({"b": one} for one in FEW),
    *({"a": one, "b": other} for one in FEW for other in (1, "a")),
    {"ab": 1},
    {"ab": "a", "c": 1},
    {"a": {"a": {"a": 1}}},
    {},
    [],
]

numbers = st.sampled_from([0, 1, 2, 1.5])
sizes = st.integers(0, 2)
names = st.sampled_from(["a", "b", "ab"])
patterns = st.sampled_from(["^a", "b$", "a"])
types = st.sampled_from(
    ["null", "boolean", "integer", "number", "string", "array", "object", ["integer", "string"],
     ["object", "array"], ["null", "number", "object"]]
)  # fmt: skip
references = st.sampled_from(["#", "#/$defs/x", "#/$defs/y"])
LIMITS = {
    "type": types,
    "enum": st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=3),
    "const": st.sampled_from(DOCUMENTS),
    "minimum": numbers, "maximum": numbers, "exclusiveMinimum": numbers,
    "exclusiveMaximum": numbers, "multipleOf": st.sampled_from([1, 2, 0.5]),
    "minLength": sizes, "maxLength": sizes, "minItems": sizes, "maxItems": sizes,
    "minProperties": sizes, "maxProperties": sizes, "uniqueItems": st.booleans(),
    "pattern": patterns, "format": st.sampled_from(["date", "email"]),
    "required": st.lists(names, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
    "title": st.just("t"),
}  # fmt: skip


def larger(inner):
    some = st.lists(inner, min_size=1, max_size=2)
    keywords = {
        **LIMITS,
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(patterns, inner, max_size=2),
        **dict.fromkeys(
            ["additionalProperties", "propertyNames", "items", "contains", "not", "if", "then",
             "else", "unevaluatedProperties", "unevaluatedItems"], inner),
        **dict.fromkeys(["prefixItems", "anyOf", "oneOf", "allOf"], some),
        "dependentSchemas": st.dictionaries(names, inner, max_size=1),
        "minContains": sizes, "maxContains": sizes,
        "$ref": references,
    }  # fmt: skip
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return st.booleans() | chosen.flatmap(
        lambda keys: st.fixed_dictionaries({key: keywords[key] for key in keys})
    )


inner_schemas = larger(larger(st.booleans() | st.fixed_dictionaries({"type": types})))


@st.composite
def schemas(draw):
    schema = draw(inner_schemas)
    schema = {} if isinstance(schema, bool) else schema
    return {**schema, "$defs": {"x": draw(inner_schemas), "y": draw(inner_schemas)}}


def dicts_of(schema):
    found = [schema] if isinstance(schema, dict) else []
    for value in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(value, dict | list):
            found += dicts_of(value)
    return found


@st.composite
def pairs(draw):
    """A schema and one made of it by few changes, some of which are compatible."""
    old = draw(schemas())
    new = copy.deepcopy(old)
    for _n in range(draw(st.integers(0, 2))):
        places = dicts_of(new)
        place = draw(st.sampled_from(places))
        if place and draw(st.booleans()):
            place.pop(draw(st.sampled_from(sorted(place))))
        else:
            extra = draw(inner_schemas)
            place.update({} if isinstance(extra, bool) else extra)
    return draw(st.permutations([old, new]))


def is_usable(schema):
    try:
        breaking_changes(schema, {}, role="write")
    except SchemaError:
        return False
    return True


def valid_under(schema):
    return [Validator(schema).is_valid(document) for document in DOCUMENTS]


@given(pairs(), st.sampled_from(["read", "write"]))
def test_what_is_called_compatible_is(pair, role):
    old, new = pair
    if not (is_usable(old) and is_usable(new)):
        return
    if breaking_changes(old, new, role=role) == []:
        narrow, wide = (old, new) if role == "write" else (new, old)
        refused = [
            document
            for document, before, after in zip(
                DOCUMENTS, valid_under(narrow), valid_under(wide), strict=True
            )
            if before and not after
        ]
        assert refused == []


@given(schemas())
def test_nothing_is_compatible_with_itself(schema):
    for role in ("read", "write"):
        said = [error.message for error in breaking_changes(schema, schema, role=role)]
        assert said == [] or "too deeply" in said[0]


# -- and documents without members that nobody named

ANY_CLOSED = {"$ref": "#/$defs/closed"}


def closed(schema):
    """The schema that a writer keeps to who sends named members only."""
    if schema is True:
        return ANY_CLOSED
    if schema is False:
        return False
    narrowed = dict(schema)
    for keyword in ("properties", "patternProperties"):
        named = schema.get(keyword, {})
        narrowed[keyword] = {name: closed(inner) for name, inner in named.items()}
    rest = schema.get("additionalProperties", True)
    narrowed["additionalProperties"] = rest is not True and closed(rest)
    narrowed["items"] = closed(schema.get("items", True))
    return narrowed


def object_schemas(inner):
    keywords = {
        "type": types,
        "required": LIMITS["required"],
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(patterns, inner, max_size=2),
        "additionalProperties": inner,
        "items": inner,
    }
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: keywords[key] for key in keys}))


small_schemas = object_schemas(st.booleans() | object_schemas(st.booleans()))


@given(small_schemas, small_schemas, st.booleans())
def test_what_is_called_compatible_is_for_named_members(old, other, extend):
    new = {**old, **other} if extend else other
    if breaking_changes(old, new, role="write", named_only=True) == []:
        everything = {"additionalProperties": False, "items": ANY_CLOSED}
        kept = {"allOf": [old, closed(old)], "$defs": {"closed": everything}}
        pairs = zip(DOCUMENTS, valid_under(kept), valid_under(new), strict=True)
        assert [document for document, before, after in pairs if before and not after] == []
