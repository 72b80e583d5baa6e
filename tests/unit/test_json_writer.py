"""Equal values are written equally, readably, and only what JSON can hold."""

import enum
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.json_reader import read_json
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json

_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_values)
def test_what_we_write_we_read(value):
    assert read_json(canonical_json(value).encode(), max_depth=1000) == value


@given(st.dictionaries(_texts, st.integers()))
def test_equal_values_give_equal_text(value):
    backwards = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(backwards)


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
