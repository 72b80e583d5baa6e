"""Consumption is shared out completely, in order, and nothing is invented."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_mes.tools.allocation import allocate


def shares(parts, demands):
    return allocate(
        [(lot, Decimal(quantity)) for lot, quantity in parts],
        [Decimal(demand) for demand in demands],
    )


@pytest.mark.parametrize(
    ("parts", "demands", "expected"),
    [
        ([], [5], [[]]),
        ([("", 7)], [5], [[("", 7)]]),
        ([("", 7)], [5, 5], [[("", 5)], [("", 2)]]),
        ([("", 12)], [5, 5], [[("", 5)], [("", 7)]]),
        ([("A", 3), ("B", 4)], [5, 1], [[("A", 3), ("B", 2)], [("B", 2)]]),
        ([("A", 5), ("B", 1)], [5, 5], [[("A", 5)], [("B", 1)]]),
        ([("A", 0)], [5], [[]]),
        ([("A", 1)], [0, 5], [[], [("A", 1)]]),
        ([("A", 1)], [0, 0], [[], [("A", 1)]]),
    ],
)
def test_table(parts, demands, expected):
    assert shares(parts, demands) == expected


QUANTITIES = st.integers(0, 50)


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), QUANTITIES), max_size=6),
    st.lists(QUANTITIES, min_size=1, max_size=5),
)
def test_nothing_is_lost_and_only_the_last_gets_more(parts, demands):
    result = shares(parts, demands)
    assert len(result) == len(demands)
    for lot in "ABC":
        given_out = sum(q for share in result for name, q in share if name == lot)
        assert given_out == sum(quantity for name, quantity in parts if name == lot)
    totals = [sum(quantity for _lot, quantity in share) for share in result]
    assert all(total <= demand for total, demand in zip(totals[:-1], demands[:-1], strict=True))
    # A demand is only started on when those before it are filled.
    for index, total in enumerate(totals[1:], start=1):
        if total:
            assert totals[:index] == demands[:index]
