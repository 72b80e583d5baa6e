"""JSON Schema: what is published must be usable, and problems must be readable."""

import copy
import socket

import pytest
import referencing
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from odoo.addons.mfg_integration_base.tools.problem import FieldError
from odoo.addons.mfg_integration_base.tools.schema import (
    DIALECT,
    MAX_ERRORS,
    SchemaError,
    Validator,
    check_schema,
    compile_schema,
)

REPORT = {
    "$schema": DIALECT,
    "$id": "urn:mfg:schema:production.report.v1",
    "type": "object",
    "required": ["order", "good"],
    "additionalProperties": False,
    "properties": {
        "order": {"type": "string", "format": "uuid"},
        "good": {"type": "number", "minimum": 0},
        "at": {"type": "string", "format": "date-time"},
        "day": {"type": ["string", "null"], "format": "date"},
        "clock": {"format": "time"},
        "state": {"enum": ["run", "stop"]},
        "version": {"const": 1},
        "note": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]*$"},
        "lots": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/$defs/lot"}},
        "who": {"anyOf": [{"type": "integer"}, {"$ref": "#person"}]},
        "share": {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.25},
        "extra": {"minProperties": 1, "maxProperties": 2, "patternProperties": {"^x": {}},
                  "additionalProperties": False},
    },
    "$defs": {
        "lot": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "person": {"$anchor": "person", "type": "object", "required": ["badge"]},
    },
}  # fmt: skip
GOOD = {"order": "0192f0c1-2345-7abc-8def-0123456789ab", "good": 5}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"at": "2026-11-23T20:51:00Z", "day": "2026-11-23", "clock": "20:51:00.5+01:00"},
        {"day": None, "state": "run", "version": 1, "note": "ok", "lots": [{"name": "L1"}]},
        {"who": 7, "share": 0.5, "extra": {"x1": 1}},
        {"who": {"badge": 7}},
        {"good": 5.0, "clock": 9},  # format says nothing about other types
    ],
)
def test_valid(extra):
    validator = compile_schema(REPORT)
    assert validator.errors({**GOOD, **extra}) == []
    assert validator.is_valid({**GOOD, **extra})


@pytest.mark.parametrize(
    ("extra", "pointer", "message"),
    [
        ({"good": "5"}, "/good", "must be of type number, but is string"),
        ({"good": True}, "/good", "must be of type number, but is boolean"),
        ({"good": -1}, "/good", "must be at least 0"),
        ({"order": None}, "/order", "must be of type string, but is null"),
        ({"order": "WH/MO/1"}, "/order", "must be a valid uuid"),
        ({"at": "2026-11-23"}, "/at", "must be a valid date-time"),
        ({"day": "20261123"}, "/day", "must be a valid date"),
        ({"day": "2026-02-30"}, "/day", "must be a valid date"),
        ({"day": 1}, "/day", "must be of type string or null, but is integer"),
        ({"clock": "25:00:00Z"}, "/clock", "must be a valid time"),
        ({"state": "idle"}, "/state", "must be one of 'run', 'stop'"),
        ({"version": 2}, "/version", "must be 1"),
        ({"note": "a"}, "/note", "must have at least 2 characters"),
        ({"note": "abcdef"}, "/note", "must have at most 5 characters"),
        ({"note": "AB"}, "/note", "must match the pattern ^[a-z]*$"),
        ({"lots": []}, "/lots", "must have at least 1 items"),
        ({"lots": [{"name": "1"}] * 3}, "/lots", "must have at most 2 items"),
        ({"lots": [{"name": "1"}, {}]}, "/lots/1/name", "is missing"),
        ({"lots": [{"name": "1"}, []]}, "/lots/1", "must be of type object, but is array"),
        ({"share": 0}, "/share", "must be more than 0"),
        ({"share": 1}, "/share", "must be less than 1"),
        ({"share": 0.3}, "/share", "must be a multiple of 0.25"),
        ({"extra": {}}, "/extra", "must have at least 1 members"),
        ({"extra": {"x": 1, "a/b~": 2}}, "/extra/a~1b~0", "is not expected here"),
        ({"unknown": 1}, "/unknown", "is not expected here"),
        # Only one alternative is an object, so that one is meant.
        ({"who": {}}, "/who/badge", "is missing"),
        ({"who": "x"}, "/who", "fits none of the alternatives"),
    ],
)  # fmt: skip
def test_one_problem(extra, pointer, message):
    [problem] = compile_schema(REPORT).errors({**GOOD, **extra})
    assert problem.pointer == pointer
    assert problem.message.startswith(message)
    assert not compile_schema(REPORT).is_valid({**GOOD, **extra})


def test_all_problems_in_the_order_of_their_places():
    document = {"zzz": 1, "lots": [{} for _n in range(12)], "good": "x"}
    places = [problem.pointer for problem in compile_schema(REPORT).errors(document)]
    assert places == [
        "/good",
        "/lots",
        *[f"/lots/{n}/name" for n in range(12)],
        "/order",
        "/zzz",
    ]


def test_problems_are_bounded():
    validator = compile_schema({"items": {"type": "integer"}})
    problems = validator.errors(["x"] * 10_000)
    assert [problem.pointer for problem in problems] == [f"/{n}" for n in range(MAX_ERRORS)]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"enum": ["y" * 5000]},
        {"const": "y" * 5000},
        {"pattern": "^y*$"},
        {"maxLength": 5},
        {"not": {}},
        {"format": "uuid"},
        {"anyOf": [{"type": "integer"}, {"not": {}}]},
        {"oneOf": [{}, {}]},
        False,
        {"$ref": "#/$defs/a", "$defs": {"a": False}},
    ],
)
def test_messages_do_not_echo_large_values(schema):
    [problem] = compile_schema(schema).errors("x" * 100_000)
    assert problem.message
    assert problem.message.count("x") <= 200
    assert len(problem.message) < 300


def test_an_alternative_may_be_false():
    validator = compile_schema({"anyOf": [False, {"type": "integer", "minimum": 3}]})
    assert validator.errors(1) == [FieldError("", "must be at least 3")]
    assert validator.errors("x") == [FieldError("", "fits none of the alternatives")]
    assert not compile_schema({"oneOf": [False]}).is_valid(1)


def test_pointers_are_bounded():
    [problem] = compile_schema({"additionalProperties": False}).errors({"x" * 100_000: 1})
    assert len(problem.pointer) < 300


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*REPORT["properties"], "name", "badge"]), inner)
    ),
    max_leaves=10,
)


@given(_json)
def test_agrees_with_jsonschema(document):
    """Formats aside, which jsonschema does not enforce by itself."""

    def without_formats(part):
        if isinstance(part, dict):
            return {k: without_formats(v) for k, v in part.items() if k != "format"}
        return part

    schema = without_formats(REPORT)
    validator = compile_schema(schema)
    assert validator.is_valid(document) == Draft202012Validator(schema).is_valid(document)


def test_a_schema_without_end_is_a_problem_not_a_crash():
    [problem] = compile_schema({"$ref": "#"}).errors(1)
    assert "too deeply" in problem.message


# -- schemas


@pytest.mark.parametrize("schema", [{}, True, False, REPORT, {"$schema": DIALECT + "#"},
                                    {"$ref": "#/properties/a~1b", "properties": {"a/b": {}}},
                                    {"$ref": "#/$defs/with%20space", "$defs": {"with space": {}}},
                                    {"properties": {"$ref": {}, "$id": {}, "default": {}}},
                                    {"const": {"$ref": "http://elsewhere"}},
                                    {"examples": [{"$id": "x", "$ref": "y"}]},
                                    {"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n"}}},
                                    ])  # fmt: skip
def test_usable(schema):
    before = copy.deepcopy(schema)
    check_schema(schema)
    assert schema == before


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "A schema is a JSON object."),
        ("x", "A schema is a JSON object."),
        (None, "A schema is a JSON object."),
        ({"type": "strnig"}, "/type: "),
        ({"properties": {"a": {"minimum": "0"}}}, "/properties/a/minimum: "),
        ({"required": "a"}, "/required: "),
        ({"items": []}, "/items: "),
        ({"pattern": "("}, "/pattern: "),
        ({"patternProperties": {"(": {}}}, "/patternProperties"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema: "),
        ({"$ref": "https://example.com/schema.json"}, "/$ref: "),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "/properties/a/$ref: "),
        ({"allOf": [{"$dynamicRef": "other"}]}, "/allOf/0/$dynamicRef: "),
        ({"$ref": "#/$defs/missing"}, "/$ref: there is no '#/$defs/missing'"),
        ({"$ref": "#missing"}, "/$ref: there is no '#missing'"),
        ({"$defs": {"a": {"$id": "urn:x"}}}, "/$defs/a/$id: "),
        ({"properties": {"default": {"$ref": "http://x"}}}, "/properties/default/$ref: "),
    ],
)
def test_unusable(schema, said):
    with pytest.raises(SchemaError) as refused:
        check_schema(schema)
    assert str(refused.value).startswith(said), str(refused.value)
    with pytest.raises(SchemaError):
        compile_schema(schema)


def test_nothing_is_fetched(monkeypatch):
    """Not even for a schema that was never checked."""
    connections = []
    monkeypatch.setattr(socket.socket, "connect", lambda *args: connections.append(args))
    with pytest.raises(referencing.exceptions.Unresolvable):
        Validator({"$ref": "http://127.0.0.1:9/x"}).errors(1)
    assert connections == []
