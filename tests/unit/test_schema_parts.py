"""Schemas inside of other documents: they have to mean the same there."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from odoo.addons.mfg_integration_base.tools import json_pointer
from odoo.addons.mfg_integration_base.tools.schema import SchemaError
from odoo.addons.mfg_integration_base.tools.schema_parts import (
    Part,
    SchemaTree,
    fragment,
    moved,
    pointer,
    walk,
)

PLACE = "/components/schemas/a b~1c"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, True),
        ({}, {}),
        ({"$id": "urn:x", "$schema": "s", "type": "null"}, {"type": "null"}),
        ({"$ref": "#"}, {"$ref": "#/components/schemas/a%20b~1c"}),
        (
            {"items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"$anchor": "here"}}},
            {"items": {"$ref": "#/components/schemas/a%20b~1c/$defs/x"}, "$defs": {"x": {}}},
        ),
        (
            {"anyOf": [{"$ref": "#here"}], "$defs": {"x": {"$anchor": "here"}}},
            {"anyOf": [{"$ref": "#/components/schemas/a%20b~1c/$defs/x"}], "$defs": {"x": {}}},
        ),
        (
            {"$ref": "#", "$dynamicRef": "#here", "$defs": {"x": {"$dynamicAnchor": "here"}}},
            {
                "$ref": "#/components/schemas/a%20b~1c",
                "allOf": [{"$ref": "#/components/schemas/a%20b~1c/$defs/x"}],
                "$defs": {"x": {}},
            },
        ),
        # Names and values that only look like keywords.
        (
            {"properties": {"$ref": {"const": {"$ref": "#"}}, "$id": {"enum": [{"$id": "x"}]}}},
            {"properties": {"$ref": {"const": {"$ref": "#"}}, "$id": {"enum": [{"$id": "x"}]}}},
        ),
        ({"default": {"$ref": "#"}, "examples": [{"$ref": "#"}]},) * 2,
        # A reference may lead below a keyword that nobody knows.
        (
            {"$ref": "#/x-own/0", "x-own": [{"$ref": "#/$defs/x"}], "$defs": {"x": {}}},
            {
                "$ref": "#/components/schemas/a%20b~1c/x-own/0",
                "x-own": [{"$ref": "#/components/schemas/a%20b~1c/$defs/x"}],
                "$defs": {"x": {}},
            },
        ),
    ],
)
def test_moved(schema, expected):
    before = copy.deepcopy(schema)
    assert moved(schema, PLACE) == expected
    assert schema == before


@pytest.mark.parametrize("reference", ["#/$defs/none", "#none", "#/~2"])
def test_references_that_lead_nowhere(reference):
    with pytest.raises(SchemaError):
        SchemaTree({}).target(reference)
    with pytest.raises(SchemaError):
        moved({"items": {"$ref": reference}}, PLACE)


@given(st.text(min_size=1), st.integers())
def test_a_moved_schema_means_the_same(name, value):
    schema = {"$ref": fragment(pointer("$defs", name)), "$defs": {name: {"type": "integer"}}}
    outer = {"$ref": fragment(PLACE), "components": {"schemas": {"a b/c": moved(schema, PLACE)}}}
    for document in (value, str(value)):
        expected = Draft202012Validator(schema).is_valid(document)
        assert Draft202012Validator(outer).is_valid(document) is expected
    assert Draft202012Validator(outer).is_valid(value)


@given(st.lists(st.text()))
def test_pointers_are_read_as_they_are_written(names):
    assert json_pointer.parse(pointer(*names)) == names


def test_walk_finds_schemas_only():
    schema = {
        "properties": {"const": {"title": "1"}, "a/b": {"items": {"title": "2"}}},
        "const": {"title": "no"},
        "allOf": [{"title": "3"}, True],
        "x-own": {"title": "4"},
    }
    found = {part.place: part.schema["title"] for part in walk(Part("", schema))
             if "title" in part.schema}  # fmt: skip
    assert found == {
        "/properties/const": "1",
        "/properties/a~1b/items": "2",
        "/allOf/0": "3",
        "/x-own": "4",
    }
