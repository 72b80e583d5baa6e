"""Waiting times: the table, the bounds that always hold, and readable errors."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.backoff import (
    Schedule,
    ScheduleError,
    delay,
    parse_schedule,
)

_schedules = st.builds(
    Schedule,
    base=st.floats(0.1, 100),
    factor=st.floats(1, 10),
    cap=st.floats(0.1, 86400),
    max_attempts=st.integers(1, 5000),
    jitter=st.floats(0, 1),
    delays=st.just(()) | st.lists(st.floats(0.1, 86400), min_size=1, max_size=9).map(tuple),
)
_retry_afters = st.none() | st.floats(allow_nan=True, allow_infinity=True)


def _rng():
    return random.Random(7)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(base=1, factor=2, cap=5, max_attempts=5, jitter=0), [1, 2, 4, 5, None]),
        (Schedule(base=10, factor=2, cap=5, max_attempts=3, jitter=0), [5, 5, None]),
        (Schedule(base=3, factor=1, cap=5, max_attempts=3, jitter=0), [3, 3, None]),
        (Schedule(max_attempts=1), [None, None]),
        (Schedule(delays=(1, 7), max_attempts=4, jitter=0), [1, 7, 7, None]),
        (Schedule(delays=(1, 7), max_attempts=2, jitter=0), [1, None, None]),
    ],
)
def test_table(schedule, expected):
    waits = [delay(schedule, attempt, rng=_rng()) for attempt in range(1, len(expected) + 1)]
    assert waits == expected


@pytest.mark.parametrize(("base", "cap"), [(1, 1), (2, 1), (1, 60), (0.1, 86400)])
@pytest.mark.parametrize("factor", [1.000001, 8, 100])
def test_late_attempts_do_not_overflow(base, cap, factor):
    schedule = Schedule(base=base, factor=factor, cap=cap, max_attempts=10**9, jitter=0)
    assert delay(schedule, 10**8, rng=_rng()) == cap


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (None, 10),
        (0, 10),
        (10, 10),
        (15, 15),
        (20, 20),
        (86400, 20),
        (math.inf, 20),
        (math.nan, 10),
        (-5, 10),
    ],
)
def test_retry_after_stays_within_once_and_twice_the_plan(retry_after, expected):
    schedule = Schedule(delays=(10,), max_attempts=9, jitter=0)
    assert delay(schedule, 1, rng=_rng(), retry_after=retry_after) == expected


@given(_schedules, st.integers(1, 10_000), _retry_afters, st.randoms())
def test_bounds(schedule, attempt, retry_after, rng):
    wait = delay(schedule, attempt, rng=rng, retry_after=retry_after)
    if attempt >= schedule.max_attempts:
        assert wait is None
        return
    limit = max(schedule.delays) if schedule.delays else schedule.cap
    assert 0 < wait <= limit * 2 * (1 + schedule.jitter) * (1 + 1e-9)


@given(st.floats(0, 1), st.integers(1, 9), st.floats(0, 100), st.randoms())
def test_jitter_only_adds(jitter, attempt, retry_after, rng):
    plain = Schedule(base=1, cap=60, max_attempts=10, jitter=0)
    shaken = Schedule(base=1, cap=60, max_attempts=10, jitter=jitter)
    planned = delay(plain, attempt, rng=rng, retry_after=retry_after)
    wait = delay(shaken, attempt, rng=rng, retry_after=retry_after)
    assert planned <= wait <= planned * (1 + jitter) * (1 + 1e-9)


@given(_schedules)
def test_waits_never_shrink_without_jitter(schedule):
    steady = Schedule(schedule.base, schedule.factor, schedule.cap, 60, jitter=0)
    waits = [delay(steady, attempt, rng=_rng()) for attempt in range(1, 60)]
    assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(waits))


def test_jitter_comes_from_the_given_source():
    schedule = Schedule(base=1, cap=10, max_attempts=3, jitter=1)
    assert delay(schedule, 1, rng=random.Random(3)) == delay(schedule, 1, rng=random.Random(3))
    assert delay(schedule, 1, rng=random.Random(3)) != delay(schedule, 1, rng=random.Random(4))


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt):
    with pytest.raises(ValueError, match="attempt"):
        delay(Schedule(), attempt, rng=_rng())


@pytest.mark.parametrize(
    ("text", "delays"),
    [
        ("1s 5s 30s 2m 10m 1h", (1, 5, 30, 120, 600, 3600)),
        ("0.5s,1s, 1.5m", (0.5, 1, 90)),
        (" 1d\n30d ", (86400, 2592000)),
        ("5s 5s", (5, 5)),
    ],
)
def test_parse(text, delays):
    schedule = parse_schedule(text)
    assert schedule.delays == delays
    assert schedule.max_attempts == len(delays) + 1


def test_parse_takes_the_jitter():
    assert parse_schedule("1s", jitter=0.5).jitter == 0.5
    assert parse_schedule("1s").jitter == 0.1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("1s 5 30s", "Part 2, “5”"),
        ("1s 5x", "Part 2, “5x”"),
        ("5m30s", "Part 1, “5m30s”"),
        ("-5s", "Part 1"),
        ("0s 1s", "Part 1, “0s”: must be more"),
        ("1s 31d", "Part 2, “31d”: must be more than 0 and at most 30d"),
        ("1m 30s", "Part 2, “30s”: is shorter"),
        ("1s " * 101, "101 parts"),
        ("\uff11s", "Part 1"),
        ("1" * 400 + "d", "Part 1"),
    ],
)
def test_parse_names_what_is_wrong(text, named):
    with pytest.raises(ScheduleError) as refused:
        parse_schedule(text)
    assert named in str(refused.value)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", 0),
        ("base", math.nan),
        ("base", math.inf),
        ("factor", 0.5),
        ("cap", -1),
        ("max_attempts", 0),
        ("jitter", 1.5),
        ("jitter", -0.1),
        ("jitter", math.nan),
    ],
)
def test_a_schedule_out_of_range_names_the_field(field, value):
    with pytest.raises(ScheduleError, match=field):
        Schedule(**{field: value})


def test_delays_out_of_range_name_the_part():
    with pytest.raises(ScheduleError, match="part 2"):
        Schedule(delays=(1, 0))
