"""A payload as text, and back without a change that nobody made."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.payload_text import (
    body_bytes,
    body_text,
    compact_json,
    indent_json,
    newlines,
    with_newlines,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(st.binary())
def test_every_body_comes_back(body):
    assert body_bytes(*body_text(body)) == body


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"plain", "utf-8"),
        ("Größe".encode(), "utf-8"),
        (b"Gr\xf6\xdfe", "iso-8859-1"),
        (b"\0", "hex"),
    ],
)
def test_how_a_body_is_read(body, encoding):
    assert body_text(body)[1] == encoding


def test_what_an_encoding_cannot_express_is_refused():
    with pytest.raises(ValueError):
        body_bytes("漢", "iso-8859-1")
    with pytest.raises(ValueError, match="not one of"):
        body_bytes("x", "ebcdic")


@given(JSON, st.sampled_from([None, 0, 3]))
def test_layout_changes_no_value(document, indent):
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    assert json.loads(indent_json(text)) == document
    assert json.loads(compact_json(text)) == document
    assert compact_json(indent_json(text)) == compact_json(text)


def test_numbers_stay_as_they_are_written():
    text = '{"a": 1.50, "b": 1e2, "c": 12345678901234567890}'
    assert compact_json(text) == '{"a":1.50,"b":1e2,"c":12345678901234567890}'
    assert indent_json(text) == ('{\n  "a": 1.50,\n  "b": 1e2,\n  "c": 12345678901234567890\n}')


def test_empty_pairs_stay_together():
    assert indent_json('{"a":[],"b":{}}') == '{\n  "a": [],\n  "b": {}\n}'


def test_line_ends():
    assert newlines("a\r\nb\rc\nd") == {"\r\n", "\r", "\n"}
    assert newlines("a\r\nb") == {"\r\n"}
    assert with_newlines("a\nb\r\nc", "\r\n") == "a\r\nb\r\nc"
