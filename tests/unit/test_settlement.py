"""Every outcome, at every stage of a retry policy."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.backoff import Schedule, parse_schedule
from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS, State
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry
from odoo.addons.mfg_integration_base.tools.settlement import decide

SCHEDULE = parse_schedule("2s 1m", jitter=0)


def settle(outcome, tries=1):
    return decide(outcome, schedule=SCHEDULE, tries=tries, rng=random.Random(1))


CASES = [
    # outcome, tries -> state, attempt says, reason, delay, pause
    (Delivered(), 1, State.DONE, "delivered", "", None, False),
    (Delivered(), 9, State.DONE, "delivered", "", None, False),
    (Retry("timeout"), 1, State.RETRYING, "retry", "timeout", 2, False),
    (Retry("server_error"), 2, State.RETRYING, "retry", "server_error", 60, False),
    (Retry("server_error"), 3, State.DEAD, "retry", "attempts_exhausted", None, False),
    (Retry("rate_limited", after=3), 1, State.RETRYING, "retry", "rate_limited", 3, False),
    (Retry("rate_limited", after=9999), 1, State.RETRYING, "retry", "rate_limited", 4, False),
    # what a rule of ours sets is not bounded by the schedule, but attempts count all the same
    (Retry("partner_busy", delay=9999), 1, State.RETRYING, "retry", "partner_busy", 9999, False),
    (Retry("partner_busy", delay=1), 2, State.RETRYING, "retry", "partner_busy", 1, False),
    (Retry("partner_busy", delay=9999, after=1), 1, State.RETRYING, "retry", "partner_busy", 9999,
     False),
    (Retry("partner_busy", delay=1), 3, State.DEAD, "retry", "attempts_exhausted", None, False),
    (Reject("auth"), 1, State.DEAD, "rejected", "auth", None, False),
    (Reject("gone", pause=True), 1, State.DEAD, "rejected", "gone", None, True),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "tries", "state", "says", "reason", "delay", "pause"), CASES)
def test_table(outcome, tries, state, says, reason, delay, pause):
    settlement = settle(outcome, tries)
    assert (settlement.state, settlement.outcome, settlement.reason) == (state, says, reason)
    assert (settlement.delay, settlement.pause) == (delay, pause)


@pytest.mark.parametrize("tries", [1, 2, 3, 50])
@pytest.mark.parametrize("schedule", [SCHEDULE, Schedule(max_attempts=1)])
def test_a_partner_that_is_down_uses_up_nothing(tries, schedule):
    settlement = decide(
        Retry("timeout"), schedule=schedule, tries=tries, rng=random.Random(1), partner_down=True
    )
    assert (settlement.state, settlement.reason) == (State.RETRYING, "breaker_open")
    assert settlement.delay > 0


def test_a_rejection_stands_though_the_partner_is_down():
    settlement = decide(
        Reject("auth"), schedule=SCHEDULE, tries=1, rng=random.Random(1), partner_down=True
    )
    assert (settlement.state, settlement.reason) == (State.DEAD, "auth")


def test_the_wait_of_a_rule_is_shaken():
    schedule = parse_schedule("2s 1m", jitter=0.5)
    waits = {
        decide(
            Retry("partner_busy", delay=100), schedule=schedule, tries=1, rng=random.Random(n)
        ).delay
        for n in range(9)
    }
    assert len(waits) == 9
    assert all(100 <= wait <= 150 for wait in waits)


def test_the_last_failure_is_told():
    assert settle(Retry("timeout", "No answer in 30 s."), 3).detail == (
        "Given up after 3 attempts. Last: No answer in 30 s."
    )


def test_a_note_of_success_is_kept():
    assert settle(Delivered(note="Same as before.")).detail == "Same as before."


@pytest.mark.parametrize("outcome", [None, True, "done", {"state": "done"}])
def test_only_outcomes(outcome):
    with pytest.raises(TypeError, match="not an Outcome"):
        settle(outcome)


@given(st.sampled_from(sorted(REASONS)), st.integers(1, 50), st.none() | st.floats(0, 1e9))
def test_a_retry_always_ends(reason, tries, after):
    settlement = settle(Retry(reason, after=after), tries)
    if tries > 2:
        assert settlement.state == State.DEAD
    else:
        assert settlement.state == State.RETRYING
        assert 0 < settlement.delay <= 120
