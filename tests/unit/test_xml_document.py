"""XML as the document that the same message would be in JSON."""

import json
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from odoo.addons.mfg_integration_base.tools.xml_document import document_of
from odoo.addons.mfg_integration_base.tools.xml_reader import XmlError, read_xml

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def read(text, schema=True):
    return document_of(read_xml(text.encode(), 64), schema)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("<r/>", ""),
        ("<r> 5 </r>", "5"),
        ("<r><good>5</good></r>", {"good": "5"}),
        ("<r><good/></r>", {"good": ""}),
        ("<r><l>1</l><l>2</l></r>", {"l": ["1", "2"]}),
        ("<r><l>1</l><m/><l>2</l></r>", {"l": ["1", "2"], "m": ""}),
        ('<r id="7"><q uom="kg">3</q></r>', {"@id": "7", "q": {"@uom": "kg", "#text": "3"}}),
        ('<r><q uom="kg"/></r>', {"q": {"@uom": "kg"}}),
        ('<r xmlns="urn:a" xmlns:b="urn:b"><b:q>1</b:q></r>', {"q": "1"}),
        (f'<r {XSI}><q xsi:nil="true"/><t xsi:type="x">1</t></r>', {"q": None, "t": "1"}),
        (f'<r {XSI} xsi:schemaLocation="urn:a a.xsd"><q>1</q></r>', {"q": "1"}),
        ("<r>\n  <q>two  words</q>\n</r>", {"q": "two  words"}),
        ("<r><q><![CDATA[<b>]]></q></r>", {"q": "<b>"}),
    ],
)
def test_without_a_schema_all_is_text(text, document):
    assert read(text) == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<r>text<q/></r>", "r (line 1): Text stands between elements."),
        ("<r>\n<q><a/>text</q></r>", "r/q (line 2): Text stands between elements."),
        ('<r xmlns:b="urn:b"><q/><b:q/></r>', "q stands here in two namespaces"),
        ('<r xmlns:b="urn:b" q="1" b:q="2"/>', "The attribute q stands here in two namespaces"),
    ],
)
def test_what_has_no_place_in_a_document(text, words):
    with pytest.raises(XmlError) as refused:
        read(text)
    assert words in str(refused.value)


SCHEMA = {
    "type": "object",
    "$defs": {"amount": {"type": "number"}},
    "properties": {
        "good": {"$ref": "#/$defs/amount"},
        "count": {"type": "integer"},
        "code": {"type": ["string", "null"]},
        "flag": {"type": "boolean"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "lots": {"type": "array", "items": {"type": "object", "properties": {
            "name": {"type": "string"}, "qty": {"type": "number"}}}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        "@id": {"type": "integer"},
        "box": {"type": "object"},
    },
    "additionalProperties": {"type": "integer"},
    "allOf": [{"properties": {"late": {"type": "boolean"}}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("inner", "member", "value"),
    [
        ("<good>5</good>", "good", 5),
        ("<good>5.50</good>", "good", 5.5),
        ("<good>-.5e1</good>", "good", -5.0),
        ("<good>NaN</good>", "good", "NaN"),
        ("<good>1e999</good>", "good", "1e999"),
        ("<good>5,5</good>", "good", "5,5"),
        ("<count>5.0</count>", "count", "5.0"),
        ("<count>007</count>", "count", 7),
        (f"<count>{2**63}</count>", "count", str(2**63)),
        ("<count>٣</count>", "count", "٣"),
        ("<code>007</code>", "code", "007"),
        ("<flag>true</flag>", "flag", True),
        ("<flag>0</flag>", "flag", False),
        ("<flag>yes</flag>", "flag", "yes"),
        ("<maybe/>", "maybe", None),
        ("<maybe>3</maybe>", "maybe", 3),
        ("<lots><name>L1</name><qty>2</qty></lots>", "lots", [{"name": "L1", "qty": 2}]),
        (
            "<lots><name>1</name></lots><lots><qty>1</qty></lots>",
            "lots",
            [{"name": "1"}, {"qty": 1}],
        ),
        ("<pair>1</pair><pair>1</pair>", "pair", ["1", 1]),
        ("<box/>", "box", {}),
        ("<other>9</other>", "other", 9),
    ],
)
def test_types_and_arrays_are_what_the_schema_expects(inner, member, value):
    document = read(f'<r id="7">{inner}</r>', SCHEMA)
    assert document["@id"] == 7
    assert document[member] == value
    assert type(document[member]) is type(value)


def test_members_of_a_part_that_belongs_to_all():
    assert read("<r><late>1</late></r>", SCHEMA)["late"] in (1, True)


def test_a_schema_that_refers_to_itself_ends():
    schema = {
        "properties": {"part": {"$ref": "#"}, "qty": {"type": "number"}},
        "allOf": [{"$ref": "#"}],
    }
    text = "<r><part><part><qty>1</qty></part></part></r>"
    assert read(text, schema) == {"part": {"part": {"qty": 1}}}


def test_what_does_not_fit_is_told_by_the_schema_with_its_pointer():
    document = read("<r><count>many</count></r>", SCHEMA)
    [error] = Draft202012Validator(SCHEMA).iter_errors(document)
    assert list(error.absolute_path) == ["count"]


TYPED = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "number"},
        "whole": {"type": "integer"},
        "flag": {"type": "boolean"},
        "lines": {"type": "array", "items": {"$ref": "#"}},
    },
}
words = st.text(
    st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Cn", "Zs", "Zl", "Zp"]),
    max_size=10,
)
documents = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "text": words,
            "number": st.floats(-1e15, 1e15).map(lambda value: float(f"{value:.6g}")),
            "whole": st.integers(-(2**63) + 1, 2**63 - 1),
            "flag": st.booleans(),
        },
    ),
    lambda inner: st.tuples(inner, st.lists(inner, min_size=1, max_size=3)).map(
        lambda pair: pair[0] | {"lines": pair[1]}
    ),
    max_leaves=8,
)


def write(name, value):
    if isinstance(value, dict):
        return f"<{name}>{''.join(write(key, each) for key, each in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(write(name, each) for each in value)
    text = value if isinstance(value, str) else json.dumps(value)
    return f"<{name}>{escape(text)}</{name}>"


@given(documents)
def test_a_document_written_as_xml_comes_back(document):
    assert read(write("r", document), TYPED) == document


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), words))
def test_attributes_come_back_as_they_were(attributes):
    inner = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    expected = {f"@{name}": value for name, value in attributes.items()} or ""
    assert read(f"<r {inner}/>") == expected
