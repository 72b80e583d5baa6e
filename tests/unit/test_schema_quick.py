"""The quick check of a schema never takes what the thorough one refuses."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.schema import Validator

from tests.unit.test_schema_compat import DOCUMENTS, is_usable, schemas

FORMATS = ("date-time", "date", "time", "uuid")
TEXTS = [
    "2026-01-02T03:04:05Z", "2026-01-02t03:04:05z", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
    "2026-02-30T03:04:05Z", "2026-01-02T23:59:60Z", "2026-01-02T03:04:05+25:00", "2026-01-02",
    "20260102", "2026-02-29", "2024-02-29", "2026-W01-1", "03:04:05Z", "03:04:05", "3:4:5Z",
    "01932f5a-7b40-7a1b-9c2d-3e4f5a6b7c8d", "01932F5A-7B40-7A1B-9C2D-3E4F5A6B7C8D",
    "01932f5a7b407a1b9c2d3e4f5a6b7c8d", "", "x", "\u0662026-01-02",
]  # fmt: skip


@given(schemas())
@example({"multipleOf": 0.1})
@example({"pattern": r"\d\w", "format": "date"})
@example({"const": 1, "enum": [1.0, True]})
def test_any_schema(schema):
    if not is_usable(schema):
        return
    validator = Validator(schema)
    if validator._quick is None:
        return
    for document in DOCUMENTS:
        if validator._quick.is_valid(document):
            problems = [error.message for error in validator.errors(document)]
            # A schema that only refers to itself says nothing: one calls that valid, one endless.
            assert [text for text in problems if "refer to themselves" not in text] == []


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", TEXTS)
def test_formats_are_the_same(name, text):
    validator = Validator({"format": name})
    assert validator._quick.is_valid(text) == (validator.errors(text) == [])


@given(st.sampled_from(FORMATS), st.text(max_size=40))
def test_any_text(name, text):
    validator = Validator({"format": name})
    assert validator._quick.is_valid(text) == (validator.errors(text) == [])


def test_formats_that_only_annotate_refuse_nobody():
    validator = Validator({"format": "email"})
    assert not validator._quick.is_valid("no address")
    assert validator.is_valid("no address", shallow=True)


@pytest.mark.parametrize(
    "schema", [{"pattern": r"(?P<x>a)(?P=x)"}, {"$ref": "https://example.com/s"}]
)
def test_what_it_cannot_take_is_left_to_the_other(schema):
    assert Validator(schema)._quick is None


@pytest.mark.parametrize(
    "document", [10**400, -(10**30), 1e308, "\ud800", {"\ud800": 1}, [[[]]] * 1000]
)
def test_strange_values_are_decided(document):
    validator = Validator({"type": ["number", "string", "object", "array"]})
    assert validator.is_valid(document, shallow=True) == (validator.errors(document) == [])


def test_as_deep_as_a_body_may_be():
    document = []
    for _ in range(200):
        document = [document]
    schema = {"$defs": {"d": {"items": {"$ref": "#/$defs/d"}}}, "$ref": "#/$defs/d"}
    assert Validator(schema).is_valid(document, shallow=True)


def test_too_deep_for_anybody():
    document = []
    for _ in range(100_000):
        document = [document]
    schema = {"$defs": {"d": {"items": {"$ref": "#/$defs/d"}}}, "$ref": "#/$defs/d"}
    assert Validator(schema).is_valid(document) in (True, False)
