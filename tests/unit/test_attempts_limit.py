"""Failed authentications: the schedule of waits, forgetting, and a bounded memory."""

import doctest
import threading
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import attempts_limit
from odoo.addons.mfg_integration_base.tools.attempts_limit import (
    AttemptsRule,
    Failing,
    Failures,
    refused,
    source_of,
)

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
RULE = AttemptsRule(free=3, first_wait=2, max_wait=10, forget_after=60)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def statuses(*seconds, rule=RULE):
    """Fail at these seconds and return (status, Retry-After) of each."""
    failing, answers = None, []
    for second in seconds:
        refusal = refused(failing, rule, now=at(second))
        failing = refusal.failing
        answers.append((refusal.status, refusal.retry_after))
    return answers


def test_examples():
    assert doctest.testmod(attempts_limit).failed == 0


ANSWERED = (401, None)


@pytest.mark.parametrize(
    ("seconds", "last"),
    [
        ([0], ANSWERED),
        ([0, 0, 0, 0], ANSWERED),
        ([0, 0, 0, 0, 0], (429, 2)),
        ([0, 0, 0, 0, 0.5], (429, 2)),
        ([0, 0, 0, 0, 1.5], (429, 1)),
        ([0, 0, 0, 0, 2], ANSWERED),
        ([0, 0, 0, 0, 1, 1, 1, 2], ANSWERED),  # what failed during the wait did not prolong it
        ([0, 0, 0, 0, 2, 2], (429, 4)),
        ([0, 0, 0, 0, 2, 6, 6], (429, 8)),
        ([0, 0, 0, 0, 2, 6, 14, 14], (429, 10)),
        ([0, 0, 0, 0, 2, 6, 14, 24, 24], (429, 10)),
        ([0, 0, 0, 0, 62, 62], (429, 2)),  # one forgotten after the wait of 2 s
        ([0, 0, 0, 0, 302, 302, 302], ANSWERED),  # all forgotten
        ([0, 60, 120, 180, 240, 300, 360, 420], ANSWERED),  # no faster than they are forgotten
        ([0, 0, 0, 0, -100], (429, 2)),  # the clock was put back: no longer than the rule says
    ],
)
def test_the_schedule(seconds, last):
    assert statuses(*seconds)[-1] == last


def test_long_waits_do_not_shorten_the_next():
    """Forgetting takes less time than a wait, and begins only behind it."""
    rule = AttemptsRule(free=0, first_wait=100, max_wait=400, forget_after=1)
    assert statuses(0, 100, 300, 700, 700, rule=rule)[-1] == (429, 400)


def test_everything_is_forgotten_in_bounded_time():
    failing = None
    for step in range(1000):
        failing = refused(failing, RULE, now=at(step * 10)).failing
    assert failing.failures == RULE.most == 7
    assert refused(failing, RULE, now=at(10_000 + 7 * 60)).failing.failures == 1


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_an_attacker_gets_no_more_answers_than_the_schedule_has(gaps):
    """However the failures lie, n answers take as long as the waits between them."""
    failing, now, answered, waited = None, 0.0, 0, 0.0
    rule = AttemptsRule(free=2, first_wait=1, max_wait=8, forget_after=1e4)
    for gap in gaps:
        now += gap
        refusal = refused(failing, rule, now=at(now))
        failing = refusal.failing
        assert 0 <= refusal.wait <= rule.max_wait
        if refusal.status == 401:
            assert now + 1e-3 >= waited
            answered += 1
            waited = now + rule.wait_after(failing.failures)
            assert failing.failures <= rule.most
    assert answered >= 1


def test_a_fraction_of_a_second_is_a_whole_one_in_the_header():
    failing = Failing(4.0, T0, at(0.25))
    refusal = refused(failing, RULE, now=T0)
    assert (refusal.wait, refusal.retry_after, refusal.status) == (0.25, 1, 429)


def test_very_many_failures_have_a_wait():
    assert RULE.wait_after(1e300) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"free": -1},
        {"free": 1001},
        {"first_wait": 0},
        {"first_wait": 11, "max_wait": 10},
        {"max_wait": 86401},
        {"forget_after": 0},
        {"forget_after": float("nan")},
        {"first_wait": float("nan")},
    ],
)
def test_rules_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="not between"):
        AttemptsRule(**wrong)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_sources(address, source):
    assert source_of(address) == source


def test_failures_are_kept_apart():
    failures = Failures(AttemptsRule(free=0))

    def status(connector, address):
        return failures.refused(connector, address, now=T0).status

    assert [status("a", "192.0.2.1"), status("a", "192.0.2.1")] == [401, 429]
    assert status("b", "192.0.2.1") == status("a", "192.0.2.2") == 401
    assert [status("a", "2001:db8::1"), status("a", "2001:db8::2")] == [401, 429]
    assert [status("\ud800", ""), status("\ud800", "?")] == [401, 429]
    assert len(failures) == 5


def test_the_one_that_failed_longest_ago_is_forgotten():
    failures = Failures(AttemptsRule(free=0), size=2)
    for connector in ("a", "b", "a", "c"):  # b goes
        failures.refused(connector, "192.0.2.1", now=T0)
    assert len(failures) == 2
    answers = [failures.refused(c, "192.0.2.1", now=T0).status for c in ("a", "c", "b")]
    assert answers == [429, 429, 401]


def test_size():
    with pytest.raises(ValueError, match="size: 0 is below 1"):
        Failures(RULE, size=0)


def test_what_a_stranger_sends_is_not_kept():
    failures = Failures(RULE)
    failures.refused("x" * 100_000, "192.0.2.1", now=T0)
    assert {len(key) for key in failures._known} == {16}


def test_many_threads_count_each_failure_once():
    rule = AttemptsRule(free=1000)
    failures = Failures(rule, size=3)

    def fail():
        for number in range(200):
            failures.refused("a", "192.0.2.1", now=T0)
            failures.refused(f"b{number % 2}", "192.0.2.1", now=T0)

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures.refused("a", "192.0.2.1", now=T0).failing.failures == 801
