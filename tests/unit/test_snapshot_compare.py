"""Rows against rows: by table, and by what must hold for all rows."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.snapshot_compare import Difference, compare

NOTHING = {}


def differences(here, there, tolerance=NOTHING):
    found = compare({"A": here}, {"A": there}, tolerance, complete=True)
    assert found.compared == 1
    assert not found.missing_here
    assert not found.missing_there
    return [(d.field, d.here, d.there, d.drift) for d in found.different]


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ({"q": 1}, {"q": 1.0}, []),
        ({"q": Decimal("1.10")}, {"q": 1.1}, []),
        ({"q": 0.1}, {"q": Decimal("0.1")}, []),
        ({"q": 0.1 + 0.2}, {"q": 0.3}, [("q", 0.1 + 0.2, 0.3, Decimal("-4E-17"))]),
        ({"q": 8}, {"q": 10}, [("q", 8, 10, Decimal(2))]),
        ({"q": 10}, {"q": 8}, [("q", 10, 8, Decimal(-2))]),
        ({"t": "a"}, {"t": "b"}, [("t", "a", "b", None)]),
        ({"t": "1"}, {"t": 1}, [("t", "1", 1, None)]),
        ({"f": True}, {"f": 1}, [("f", True, 1, None)]),
        ({"f": True}, {"f": False}, [("f", True, False, None)]),
        ({"t": None}, {"t": None}, []),
        ({"t": None}, {"t": 0}, [("t", None, 0, None)]),
        ({"q": 1, "t": "a"}, {"q": 1}, []),
        ({"q": 1}, {"q": 1, "t": "a"}, []),
        ({}, {}, []),
    ],
)
def test_values(here, there, found):
    assert differences(here, there) == found


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "differs"),
    [
        (10, 11, "1", False),
        (10, 11.01, "1", True),
        (11, 10, "1", False),
        (10, 10.000001, "0", True),
        (-1, 1, "2", False),
    ],
)
def test_tolerance_is_the_largest_difference_that_is_none(left, right, tolerance, differs):
    found = differences({"q": left}, {"q": right}, {"q": Decimal(tolerance)})
    assert bool(found) is differs


def test_missing_on_either_side():
    here, there = {"A": {}, "B": {}}, {"B": {}, "C": {}}
    found = compare(here, there, NOTHING, complete=True)
    assert (found.missing_here, found.missing_there, found.compared) == (("C",), ("A",), 1)
    assert not found.agrees
    part = compare(here, there, NOTHING, complete=False)
    assert (part.missing_here, part.missing_there) == (("C",), ())


def test_drift_does_not_cancel_out():
    found = compare(
        {"A": {"q": 1}, "B": {"q": 5}, "C": {"t": "x"}},
        {"A": {"q": 3}, "B": {"q": 3}, "C": {"t": "y"}},
        NOTHING,
        complete=True,
    )
    assert found.drift == 4


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN"), Decimal("-Infinity")])
def test_no_number_names_field_and_key(value):
    with pytest.raises(ValueError, match="q of A"):
        differences({"q": 1}, {"q": value})


@pytest.mark.parametrize("limit", ["-0.1", "NaN", "Infinity"])
def test_impossible_tolerance(limit):
    with pytest.raises(ValueError, match="tolerance of q"):
        differences({"q": 1}, {"q": 1}, {"q": Decimal(limit)})


def test_too_large_to_compare():
    with pytest.raises(ValueError, match="too large"):
        differences({"q": Decimal("9E+999999")}, {"q": Decimal("-9E+999999")})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.integers(-(10**12), 10**12),
    st.floats(-1e12, 1e12),
    st.decimals(-(10**12), 10**12, places=6),
)
ROWS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2), st.dictionaries(st.sampled_from("qrs"), VALUES)
)


@given(ROWS)
def test_everything_agrees_with_itself(rows):
    found = compare(rows, rows, NOTHING, complete=True)
    assert found.agrees
    assert found.compared == len(rows)
    assert found.drift == 0


@given(ROWS, ROWS)
def test_both_sides_find_the_same(here, there):
    ours = compare(here, there, NOTHING, complete=True)
    theirs = compare(there, here, NOTHING, complete=True)
    assert set(ours.missing_here) == set(theirs.missing_there) == set(there) - set(here)
    assert ours.drift == theirs.drift
    # By copy_negate: the minus sign rounds.
    mirrored = {
        Difference(
            d.key, d.field, d.there, d.here, None if d.drift is None else d.drift.copy_negate()
        )
        for d in theirs.different
    }
    assert {_plain(d) for d in ours.different} == {_plain(d) for d in mirrored}


@given(ROWS, ROWS)
def test_all_tolerated_leaves_no_quantity(here, there):
    wide = dict.fromkeys("qrs", Decimal(10**14))
    found = compare(here, there, wide, complete=True)
    assert all(d.drift is None for d in found.different)


def _plain(difference):
    # 1 and True are equal to Python, and so are 1 and 1.0; as texts they are not.
    return (
        difference.key,
        difference.field,
        repr(difference.here),
        repr(difference.there),
        difference.drift,
    )
