"""The breaker as a table of stories, and the properties that no story may break."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.breaker import (
    BreakerRule,
    BreakerRuleError,
    BreakerState,
    Phase,
    after_outcome,
    after_result,
    cool_down,
    may_send,
    probing,
    sign_of_life,
)
from odoo.addons.mfg_integration_base.tools.classify import FAILURES, from_failure, from_status
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
RULE = BreakerRule(threshold=3, cool_down=10, max_cool_down=60, factor=2)
PATIENCE = 70


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def play(story):
    """Return the state after (what, second) pairs.

    ``ok`` delivered, ``no`` rejected, ``down`` transport failure, ``probe`` a message was taken.
    """
    state = BreakerState()
    for what, second in story:
        if what == "probe":
            assert may_send(state, at(second)).allowed == 1
            state = probing(state, now=at(second), patience=PATIENCE)
        else:
            state = after_result(
                state,
                RULE,
                succeeded=what == "ok",
                transport_failure=what == "down",
                now=at(second),
            )
    return state


OPENED = [("down", 0), ("down", 1), ("down", 2)]  # until 12

STORIES = [
    # story -> phase, failures, until
    ([], "closed", 0, None),
    ([("ok", 0)], "closed", 0, None),
    ([("down", 0)], "closed", 1, None),
    ([("down", 0), ("down", 1)], "closed", 2, None),
    ([("down", 0), ("down", 1), ("ok", 2)], "closed", 0, None),
    ([("down", 0), ("down", 1), ("no", 2)], "closed", 0, None),
    ([("down", 0), ("down", 1), ("no", 2), ("down", 3), ("down", 4)], "closed", 2, None),
    (OPENED, "open", 3, 12),
    # in flight when it opened
    ([*OPENED, ("down", 3), ("down", 11)], "open", 3, 12),
    ([*OPENED, ("ok", 3)], "closed", 0, None),
    ([*OPENED, ("no", 3)], "closed", 0, None),
    ([*OPENED, ("probe", 12)], "half_open", 3, 82),
    ([*OPENED, ("probe", 12), ("ok", 13)], "closed", 0, None),
    ([*OPENED, ("probe", 12), ("no", 13)], "closed", 0, None),
    ([*OPENED, ("probe", 12), ("down", 13)], "open", 4, 33),
    ([*OPENED, ("probe", 12), ("down", 13), ("down", 32)], "open", 4, 33),
    # the probe's answer got lost
    ([*OPENED, ("probe", 12), ("probe", 82)], "half_open", 3, 152),
    ([*OPENED, ("probe", 12), ("probe", 82), ("down", 90)], "open", 4, 110),
    # a late failure after the cool-down is as good as a failed probe
    ([*OPENED, ("down", 12)], "open", 4, 32),
    ([*OPENED, ("probe", 12), ("down", 13), ("probe", 33), ("down", 34)], "open", 5, 74),
    ([*OPENED, ("probe", 12), ("down", 13), ("probe", 33), ("ok", 34), *OPENED], "open", 3, 12),
]


@pytest.mark.parametrize(("story", "phase", "failures", "until"), STORIES)
def test_stories(story, phase, failures, until):
    state = play(story)
    assert (state.phase, state.failures) == (phase, failures)
    assert state.until == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("state", "second", "allowed", "again"),
    [
        (BreakerState(), 0, None, None),
        (BreakerState(Phase.CLOSED, 2), 0, None, None),
        (BreakerState(Phase.OPEN, 3, at(10)), 9.999, 0, 10),
        (BreakerState(Phase.OPEN, 3, at(10)), 10, 1, None),
        (BreakerState(Phase.OPEN, 3, at(10)), 99, 1, None),
        (BreakerState(Phase.HALF_OPEN, 3, at(10)), 9.999, 0, 10),
        (BreakerState(Phase.HALF_OPEN, 3, at(10)), 10, 1, None),
        # a row that somebody edited must not hold messages for ever
        (BreakerState(Phase.OPEN, 3, None), 0, 1, None),
    ],
)
def test_what_may_be_sent(state, second, allowed, again):
    permission = may_send(state, at(second))
    assert permission.allowed == allowed
    assert permission.again_at == (None if again is None else at(again))


def test_one_probe_at_a_time():
    state = play(OPENED)
    assert may_send(state, at(12)).allowed == 1
    taken = probing(state, now=at(12), patience=PATIENCE)
    assert may_send(taken, at(12)).allowed == 0
    assert may_send(taken, at(81.9)).allowed == 0
    assert may_send(taken, at(82)).allowed == 1


def test_a_closed_breaker_has_no_probes():
    state = BreakerState(Phase.CLOSED, 2)
    assert probing(state, now=T0, patience=PATIENCE) == state


def test_cool_downs_grow_to_the_cap_and_do_not_overflow():
    assert [cool_down(RULE, n) for n in (3, 4, 5, 6, 10**9)] == [10, 20, 40, 60, 60]
    for factor in (1.5, 2.0, 100.0):
        assert cool_down(BreakerRule(3, 10.0, 60.0, factor), 10**9) == 60
    assert cool_down(RULE, 0) == 10  # the threshold was raised meanwhile
    steady = BreakerRule(threshold=3, cool_down=10, max_cool_down=60, factor=1)
    assert cool_down(steady, 10**6) == 10


def test_a_sharper_rule_does_not_begin_with_the_longest_wait():
    state = BreakerState(Phase.CLOSED, 40)
    opened = after_result(state, RULE, succeeded=False, transport_failure=True, now=T0)
    assert opened == BreakerState(Phase.OPEN, 3, at(10))


def test_success_and_failure_exclude_each_other():
    with pytest.raises(ValueError, match="cannot succeed and fail"):
        after_result(BreakerState(), RULE, succeeded=True, transport_failure=True, now=T0)


@pytest.mark.parametrize(
    ("status", "alive"),
    [
        *[(status, True) for status in (200, 202, 301, 400, 401, 404, 409, 410, 422, 425, 499)],
        *[(status, False) for status in (0, 101, 408, 429, 500, 502, 503, 599, 600, 999)],
    ],
)
def test_statuses(status, alive):
    assert sign_of_life(from_status(status)) is alive


@pytest.mark.parametrize("kind", FAILURES)
def test_failures(kind):
    silent = kind in ("interrupted", "blocked_address", "redirect", "prepare")
    assert sign_of_life(from_failure(kind)) is (None if silent else False)


@pytest.mark.parametrize(
    ("outcome", "alive"),
    [
        (Delivered(), True),  # a transport without statuses
        *[(Retry(reason), False) for reason in ("server_error", "rate_limited", "bad_response")],
        (Retry("partner_busy", status=422), True),  # a rule's reading of a rejection
        (Reject("rejected_by_partner", status=503), False),
        (Delivered(503), False),
        (Reject("rejected_by_partner"), None),
        (Reject("prepare_failed"), None),
        (Retry("interrupted"), None),
    ],
)
def test_outcomes(outcome, alive):
    assert sign_of_life(outcome) is alive


def test_what_says_nothing_changes_nothing():
    state = BreakerState(Phase.HALF_OPEN, 3, at(10))
    assert after_outcome(state, RULE, Reject("prepare_failed"), now=at(5)) == state
    assert after_outcome(state, RULE, Retry("interrupted"), now=at(5)) == state


def test_outcomes_move_the_breaker():
    state = BreakerState()
    for _ in range(3):
        state = after_outcome(state, RULE, from_failure("connect"), now=T0)
    assert state.phase == Phase.OPEN
    assert after_outcome(state, RULE, from_status(422), now=T0) == BreakerState()
    assert after_outcome(state, RULE, from_status(204), now=T0) == BreakerState()
    assert after_outcome(state, RULE, Delivered(503), now=T0) == state


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 0),
        ("threshold", 10_001),
        ("cool_down", 0.9),
        ("cool_down", 86401),
        ("cool_down", float("nan")),
        ("max_cool_down", 5),
        ("max_cool_down", 86401),
        ("factor", 0.5),
        ("factor", 101),
        ("factor", float("nan")),
    ],
)
def test_a_rule_out_of_range_names_the_field(field, value):
    with pytest.raises(BreakerRuleError, match=f"^{field}:"):
        BreakerRule(**{field: value})


def test_the_limits_of_a_rule_are_allowed():
    BreakerRule(threshold=1, cool_down=1, max_cool_down=1, factor=1)
    BreakerRule(threshold=10_000, cool_down=86400, max_cool_down=86400, factor=100)


_rules = st.builds(
    BreakerRule,
    threshold=st.integers(1, 20),
    cool_down=st.floats(1, 60),
    max_cool_down=st.floats(60, 3600),
    factor=st.floats(1, 10),
)
_steps = st.lists(st.tuples(st.sampled_from(["ok", "no", "down"]), st.floats(0, 100)), max_size=60)


@given(_rules, _steps)
def test_properties(rule, steps):
    """However answers and claims meet: probes go one by one, and the wait has an end."""
    state, now, in_a_row = BreakerState(), T0, 0
    for what, pause in steps:
        now += timedelta(seconds=pause)
        permission = may_send(state, now)
        if permission.allowed == 1:
            state = probing(state, now=now, patience=PATIENCE)
            assert may_send(state, now).allowed == 0
        before = state
        state = after_result(
            state, rule, succeeded=what == "ok", transport_failure=what == "down", now=now
        )
        in_a_row = in_a_row + 1 if what == "down" else 0
        assert (state.phase == Phase.CLOSED) == (in_a_row < rule.threshold)
        assert (state.until is None) == (state.phase == Phase.CLOSED)
        if state.phase == Phase.OPEN and before.phase != Phase.OPEN:
            wait = (state.until - now).total_seconds()
            assert rule.cool_down - 1e-5 <= wait <= rule.max_cool_down + 1e-5
            assert may_send(state, state.until).allowed == 1
