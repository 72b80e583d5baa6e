"""Every status and every failure has one meaning."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.classify import (
    FAILURES,
    from_failure,
    from_status,
    parse_retry_after,
)
from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("statuses", "kind", "reason"),
    [
        (range(200, 300), Delivered, None),
        ([408], Retry, "timeout"),
        ([425], Retry, "server_error"),
        ([429], Retry, "rate_limited"),
        (range(500, 600), Retry, "server_error"),
        (range(300, 400), Reject, "redirected"),
        ([401, 407], Reject, "auth"),
        ([410], Reject, "gone"),
        ([400, 402, 403, 404, 405, 409, 411, 413, 415, 422, 451, 499], Reject,
         "rejected_by_partner"),
        ([-1, 0, 99, 100, 101, 199, 600, 999, 10**6], Retry, "bad_response"),
    ],
)  # fmt: skip
def test_statuses(statuses, kind, reason):
    for status in statuses:
        outcome = from_status(status, body="answer")
        assert type(outcome) is kind
        assert getattr(outcome, "reason", None) == reason
        assert (outcome.status, outcome.response) == (status, "answer")


@given(st.integers())
def test_every_number_has_a_meaning(status):
    from_status(status)


def test_only_410_pauses():
    pausing = [s for s in range(100, 600) if getattr(from_status(s), "pause", False)]
    assert pausing == [410]


def test_retry_after_is_handed_on():
    assert from_status(429, retry_after=7.5).after == 7.5
    assert from_status(503, retry_after=7.5).after == 7.5
    assert from_status(503).after is None


@pytest.mark.parametrize(
    ("status", "detail"),
    [(404, "Answered 404 (Not Found)"), (599, "Answered 599"), (999, "Answered 999")],
)
def test_the_detail_is_readable(status, detail):
    assert from_status(status).detail == detail


@pytest.mark.parametrize("kind", FAILURES)
def test_failures(kind):
    outcome = from_failure(kind)
    final = kind in ("blocked_address", "redirect", "prepare")
    assert type(outcome) is (Reject if final else Retry)
    assert outcome.reason in REASONS
    assert outcome.status is None
    assert outcome.detail.endswith(".")
    assert from_failure(kind, "10.0.0.1").detail.endswith(": 10.0.0.1")


def test_an_unknown_failure_is_an_error():
    with pytest.raises(KeyError):
        from_failure("gremlins")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        # The three forms of RFC 9110 section 5.6.7
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30),
        ("Sun Nov  6 08:49:37 1994", 30),
        ("Sun, 06 Nov 1994 08:48:37 GMT", 0),  # past
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("\u0663", None),  # a digit, but not ASCII
        ("9" * 5000, None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"\A\w{3}, \d\d \w{3} \d{1,9} \d\d:\d\d:\d\d [+-]?\w{3,5}\Z"))
def test_no_retry_after_raises(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


def test_a_zone_other_than_utc_counts():
    shifted = NOW.astimezone(timezone(timedelta(hours=5)))
    assert parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", shifted) == 30
