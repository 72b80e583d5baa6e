"""What the gateway reads as JSON, what it refuses, and that it says where."""

import json
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.json_reader import MAX_INTEGER, JsonError, read_json

DEPTH = 8

ACCEPTED = {
    b"{}": {},
    b" [1, 2.5, -0.0, true, null] \r\n": [1, 2.5, -0.0, True, None],
    '{"müller": "ß"}'.encode(): {"müller": "ß"},
    b"\xef\xbb\xbf{}": {},  # byte order mark
    rb'"\ud83d\ude00"': "😀",  # both halves of a pair
    rb'"\\u0000"': r"\u0000",  # an escaped backslash, not an escape
    rb'["{[", "\"[{"]': ["{[", '"[{'],
    b'{"a": {"b": 1}, "c": {"b": 1}}': {"a": {"b": 1}, "c": {"b": 1}},
    b'{"a": 1, "b": ["a", "a"], "c": "a"}': {"a": 1, "b": ["a", "a"], "c": "a"},
    str(MAX_INTEGER).encode(): MAX_INTEGER,
    b"-9223372036854775807": -MAX_INTEGER,
    b"1e308": 1e308,
    b"1e-999": 0.0,
}

REFUSED = [
    # body, what it says, line, column
    (b"", "Expecting value", 1, 1),
    (b"   ", "Expecting value", 1, 4),
    (b"{", "Expecting property name", 1, 2),
    (b'{\n  "a": 1,\n}', "", None, None),
    (b'{"a": 1} x', "Extra data", 1, 10),
    (b"{'a': 1}", "Expecting property name", 1, 2),
    (b'"line\nbreak"', "Invalid control character", 1, 6),
    (b'{\n "a": NaN}', "NaN is not", 2, 7),
    (b'["NaN", Infinity]', "Infinity is not", 1, 9),
    (b'["-Infinity", -Infinity]', "-Infinity is not", 1, 15),
    (b"[1, NaNx", "NaN is not", 1, 5),
    (b'{"q": 1e999}', "The number 1e999 is too large", 1, 7),
    (b"[9223372036854775807, 9223372036854775808]", "is too large", 1, 23),
    (b"[1, -" + b"9" * 100_000 + b"]", "is too large", 1, 5),
    (b'{"a": 1, "b": 2, "a": 1}', 'The name "a" is given twice', 1, 18),
    (b'[{"a": 1},\n {"a": {"x": 1, "x": 2}}]', 'The name "x" is given twice', 2, 17),
    (rb'{"a": 1, "\u0061": 2}', 'The name "a" is given twice', 1, 10),
    (rb'{"\ud800": 1, "\ud800": 2}', r'The name "\ud800" is given twice', 1, 15),
    (b'{"a": 1, "a": 2} x', 'The name "a" is given twice', 1, 10),
    (b'{"name": "\xff"}', "Not UTF-8", 1, 11),
    (b'{\n"name": "\xc3\xa4\xe4"}', "Not UTF-8", 2, 11),
    (b"\xff\xfe{\x00}\x00", "Not UTF-8", 1, 1),  # UTF-16
    (b"\xef\xbb\xbf\xef\xbb\xbf{}", "", 1, 1),  # one byte order mark is enough
    (rb'["ok", "\u0000"]', "U+0000", 1, 8),
    (rb'{"\u0000": 1}', "U+0000", 1, 2),
    (rb'["\ud83d\ude00", "\ud83d"]', "surrogate", 1, 18),
    (b"[" * 9 + b"]" * 9, "Nested deeper than 8 levels", 1, 9),
    (b'{"a":' * 9 + b"1" + b"}" * 9, "Nested deeper than 8 levels", 1, 41),
    (b"[[],[],[[[[[[[[", "Nested deeper than 8 levels", 1, 15),
    (b"[" * 1_000_000, "Nested deeper than 8 levels", 1, 9),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=repr)
def test_accepted(body):
    value = read_json(body, DEPTH)
    assert value == ACCEPTED[body]
    assert type(value) is type(ACCEPTED[body])


@pytest.mark.parametrize(
    ("body", "says", "line", "column"), REFUSED, ids=[repr(case[0][:30]) for case in REFUSED]
)
def test_refused_and_where(body, says, line, column):
    with pytest.raises(JsonError) as refused:
        read_json(body, DEPTH)
    assert says in str(refused.value)
    if line is not None:  # where Python's versions agree
        assert (refused.value.line, refused.value.column) == (line, column)
    # The message goes into an answer: it must be text that UTF-8 can hold.
    assert str(refused.value).encode()
    assert len(str(refused.value)) < 200


def test_as_deep_as_allowed():
    assert read_json(b"[" * DEPTH + b"]" * DEPTH, DEPTH)
    # Many brackets beside each other are not deep, and brackets in texts do not count.
    assert len(read_json(b"[" + b",".join([b"[]"] * 500) + b"]", DEPTH)) == 500
    assert read_json(b'["' + b"[" * 500 + b'"]', DEPTH) == ["[" * 500]


def test_depth_is_refused_before_the_parser_recurses():
    limit = sys.getrecursionlimit()
    with pytest.raises(JsonError, match="Nested deeper than 64 levels"):
        read_json(b'{"a":[' * limit + b"]}" * limit, 64)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + rb"\"" * 250_000 + b"[" * 100,  # strings that never end
        b"[" * 7 + b'"' + b"\\" * 500_001,
        b'["' + rb"\u0000a" * 60_000 + b'"',
        b'{"a":' + b"[]," * 150_000,
    ],
    ids=["escaped quotes", "backslashes", "escapes", "brackets"],
)
def test_the_scans_are_linear(body):
    started = time.monotonic()
    with pytest.raises(JsonError):
        read_json(body, DEPTH)
    assert time.monotonic() - started < 5  # a quadratic scan takes minutes


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(values, st.booleans())
def test_reads_what_python_writes(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode(), 64) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    try:
        value = read_json(body, DEPTH)
    except JsonError:
        return
    assert json.loads(body.removeprefix(b"\xef\xbb\xbf")) == value


@given(st.text('{}[]",:\\ud80n1a \n-eINfity', max_size=60))
def test_nearly_json_is_read_or_refused(text):
    try:
        value = read_json(text.encode(), DEPTH)
    except JsonError as error:
        assert error.line <= text.count("\n") + 1
        return
    assert json.loads(text) == value
