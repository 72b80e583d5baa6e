"""When work was done follows from the set of transitions, and from nothing else."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_mes.tools.labor import parse as parse_labor
from odoo.addons.mfg_integration_mes.tools.operation_state import (
    STATES,
    Verdict,
    decide,
    intervals,
    parse,
)
from odoo.addons.mfg_integration_mes.tools.report import ReportError

NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
BASE = datetime(2026, 11, 20, tzinfo=timezone.utc)


def at(minutes):
    return BASE + timedelta(minutes=minutes)


def minutes(found):
    return [
        tuple(m and int((m - BASE).total_seconds() // 60) for m in interval) for interval in found
    ]


@pytest.mark.parametrize(
    ("stated", "end", "found"),
    [
        ("", None, []),
        ("s6", None, [(6, None)]),
        ("s6 p8", None, [(6, 8)]),
        ("s6 p8 r9", None, [(6, 8), (9, None)]),
        ("s6 p8 r9", 10, [(6, 8), (9, 10)]),
        ("s6 s7 p8", None, [(6, 8)]),
        ("s6 p8 p9", None, [(6, 8)]),
        ("p5 s6", None, [(6, None)]),
        ("r6 p7", None, [(6, 7)]),
        ("s6 p5", None, []),
        ("s6 p8 r7 p9", None, [(6, 8), (8, 9)]),
        ("s6 p8 r9 p12", 10, [(6, 8), (9, 10)]),
        ("s6 p8 r9", 7, [(6, 7)]),
    ],
)
def test_table(stated, end, found):
    words = {state[0]: state for state in STATES}
    transitions = [
        (number, words[each[0]], at(int(each[1:]))) for number, each in enumerate(stated.split(), 1)
    ]
    assert minutes(intervals(transitions, end and at(end))) == found


TRANSITIONS = st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 1000)), max_size=12).map(
    lambda rows: [(n, state, at(when)) for n, (state, when) in enumerate(rows, 1)]
)


@given(TRANSITIONS, st.randoms(use_true_random=False), st.integers(0, 1000) | st.none())
def test_order_of_arrival_does_not_matter(transitions, draw, end):
    shuffled = list(transitions)
    draw.shuffle(shuffled)
    end = at(end) if end is not None else None
    assert intervals(transitions, end) == intervals(shuffled, end)


@given(TRANSITIONS, st.integers(0, 1000) | st.none())
def test_intervals_do_not_overlap_and_end_at_the_end(transitions, end):
    end = at(end) if end is not None else None
    found = intervals(transitions, end)
    for (_a, until), (since, _b) in pairwise(found):
        assert until is not None
        assert until <= since
    for since, until in found:
        assert until is None or since < until
        assert end is None or (until is not None and until <= end)


def test_the_same_number_again():
    document = {"workorder": "W", "sequence": 1, "state": "started", "at": "2026-11-20T06:00:00Z"}
    known = parse(document, now=NOW)
    assert decide(known, None) == Verdict.APPLY
    again = parse({**document, "reported_at": "2026-11-20T07:00:00Z"}, now=NOW)
    assert decide(again, known.digest) == Verdict.DUPLICATE
    assert decide(parse({**document, "state": "paused"}, now=NOW), known.digest) == Verdict.CONFLICT


@pytest.mark.parametrize(
    ("entries", "pointer"),
    [
        ([("06:00", "07:00"), ("06:59", "08:00")], "/entries/1"),
        ([("07:00", "08:00"), ("06:00", "07:01")], "/entries/0"),
        ([("07:00", "06:00")], "/entries/0/ended_at"),
    ],
)
def test_labor_that_cannot_be(entries, pointer):
    document = {
        "workorder": "W",
        "sequence": 1,
        "operator": "Pat",
        "entries": [
            {"started_at": f"2026-11-20T{a}:00Z", "ended_at": f"2026-11-20T{b}:00Z"}
            for a, b in entries
        ],
    }
    with pytest.raises(ReportError) as raised:
        parse_labor(document, now=NOW)
    assert raised.value.pointer == pointer
