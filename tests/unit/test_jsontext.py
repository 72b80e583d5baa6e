"""JSON: what the reader refuses, and that equal values are written equally."""

import enum
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.jsontext import JsonError, canonical_json, loads

_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_values)
def test_what_we_write_we_read(value):
    assert loads(canonical_json(value).encode(), max_depth=1000) == value


@given(_values)
def test_reads_like_the_standard_library_otherwise(value):
    assert loads(json.dumps(value).encode(), max_depth=1000) == value


@given(st.dictionaries(_texts, st.integers()))
def test_equal_values_give_equal_text(value):
    backwards = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(backwards)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_value_or_a_json_error(body):
    try:
        value = loads(body)
    except JsonError as error:
        assert str(error)
    else:
        canonical_json(value).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b"[1] x", "Extra data"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ('{"a": 1}'.encode("utf-16"), "Not UTF-8"),
        (b'"\xff"', "byte 1"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "too large"),
        (b"[-1e999]", "too large"),
        (b"9" * 5000, "too many digits"),
        (rb'["\ud800"]', "surrogate"),
        (rb'{"\uDFFF": 1}', "surrogate"),
        (rb'{"a": {"b": ["\u0000"]}}', "U+0000"),
        (b'["\0"]', "control character"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" * 200_000, "deeper than 64|Expecting value"),
    ],
)
def test_refused(body, said):
    with pytest.raises(JsonError) as refused:
        loads(body)
    assert any(part in str(refused.value) for part in said.split("|"))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'["\ud83d\ude00"]', ["\N{GRINNING FACE}"]),
        (rb'["\\u0000"]', [r"\u0000"]),
        (b'["[[[[[[["]', ["[[[[[[["]),
        (b"[" * 64 + b"]" * 64, None),
        (b"[[],[],[],[]]", [[], [], [], []]),
    ],
)
def test_not_refused(body, value):
    read = loads(body)
    assert value is None or read == value


@pytest.mark.parametrize(
    ("limit", "body", "accepted"),
    [(0, b"1", True), (0, b"[]", False), (1, b"[1]", True), (1, b"[[],[]]", False)],
)
def test_depth_counts_arrays_and_objects(limit, body, accepted):
    if accepted:
        loads(body, max_depth=limit)
    else:
        with pytest.raises(JsonError, match="deeper"):
            loads(body, max_depth=limit)


class _Unit(str, enum.Enum):
    PIECE = "C62"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ("Grüße", '"Grüße"'),
        (Decimal("5.50"), "5.5"),
        (Decimal("5.00"), "5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0"), "0"),
        (Decimal("0.1"), "0.1"),
        (Decimal(1) / Decimal(3), "0.3333333333333333"),
        (Decimal("12345678901234567890"), "1.2345678901234567e+19"),
        (datetime(2026, 11, 23, 20, 51, 0, 5), '"2026-11-23T20:51:00.000005Z"'),  # noqa: DTZ001
        (
            datetime(2026, 11, 23, 20, 51, tzinfo=timezone(timedelta(hours=2))),
            '"2026-11-23T18:51:00Z"',
        ),
        (date(2026, 11, 23), '"2026-11-23"'),
        (UUID(int=0), '"00000000-0000-0000-0000-000000000000"'),
        (_Unit.PIECE, '"C62"'),
    ],
)
def test_written(value, text):
    assert canonical_json(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), Decimal("NaN"), "\ud800"])
def test_no_such_json_value(value):
    with pytest.raises(ValueError, match=r"JSON|surrogate"):
        canonical_json([value])


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j])
def test_no_such_json_type(value):
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        canonical_json({"x": value})


def test_a_circle_is_refused():
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        canonical_json(circle)
