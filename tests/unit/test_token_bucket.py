"""The bucket never gives more than it may, and never keeps anybody waiting for ever."""

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.token_bucket import Bucket, put_back, take

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("tokens", "elapsed", "rate", "burst", "wanted", "granted", "left", "wait"),
    [
        (None, 0, 2, 5, 8, 5, 0, 0.5),
        (None, 0, 2, 5, 3, 3, 2, 0),
        (None, 0, 2, 5, 4, 4, 1, 0),
        (None, 0, 2, 5, 0, 0, 5, 0),
        (0, 0, 2, 5, 1, 0, 0, 0.5),
        (0, 0, 2, 5, 0, 0, 0, 0.5),
        (0.5, 0, 2, 5, 1, 0, 0.5, 0.25),
        (1.5, 0, 2, 5, 0, 0, 1.5, 0),
        (0, 1, 2, 5, 9, 2, 0, 0.5),
        (0, 1.25, 2, 5, 9, 2, 0.5, 0.25),
        (0, 3600, 2, 5, 9, 5, 0, 0.5),
        (4, 3600, 2, 5, 1, 1, 4, 0),
        (0, 0.1, 10, 5, 1, 1, 0, 0.1),
        (0, 10, 0.1, 5, 1, 1, 0, 10),
        (0, 20, 0.001, 1, 1, 0, 0.02, 980),
        # the clock was put back
        (3, -60, 2, 5, 9, 3, 0, 0.5),
        # the limit was lowered: what is above it is gone
        (50, 0, 2, 5, 9, 5, 0, 0.5),
    ],
)
def test_table(tokens, elapsed, rate, burst, wanted, granted, left, wait):
    bucket = None if tokens is None else Bucket(tokens, T0)
    taken = take(bucket, rate_per_s=rate, burst=burst, wanted=wanted, now=at(elapsed))
    assert taken.granted == granted
    assert taken.bucket.tokens == pytest.approx(left)
    assert taken.bucket.at == at(elapsed)
    assert taken.seconds_until_next == pytest.approx(wait)


def test_rounding_does_not_cost_a_token():
    """Ten tenths of a token are one, though floats say 0.999..."""
    bucket = Bucket(0.0, T0)
    for step in range(1, 10):
        granted, bucket, _wait = take(
            bucket, rate_per_s=1, burst=5, wanted=1, now=at(round(step * 0.1, 1))
        )
        assert granted == 0
    assert take(bucket, rate_per_s=1, burst=5, wanted=1, now=at(1)).granted == 1


def test_unused_tokens_return():
    taken = take(None, rate_per_s=1, burst=10, wanted=8, now=T0)
    assert put_back(taken.bucket, 5, burst=10) == Bucket(7.0, T0)
    assert put_back(taken.bucket, 0, burst=10) == taken.bucket
    assert put_back(taken.bucket, 50, burst=10) == Bucket(10.0, T0)


@pytest.mark.parametrize(
    ("rate", "burst", "wanted", "named"),
    [
        (0, 5, 1, "rate_per_s"),
        (-1, 5, 1, "rate_per_s"),
        (math.inf, 5, 1, "rate_per_s"),
        (math.nan, 5, 1, "rate_per_s"),
        (1, 0, 1, "burst"),
        (1, 5, -1, "wanted"),
    ],
)
def test_what_cannot_be_names_the_argument(rate, burst, wanted, named):
    with pytest.raises(ValueError, match=f"^{named}:"):
        take(None, rate_per_s=rate, burst=burst, wanted=wanted, now=T0)


def test_nothing_negative_is_put_back():
    with pytest.raises(ValueError, match="unused"):
        put_back(Bucket(1.0, T0), -1, burst=5)


_rates = st.floats(0.01, 10_000)
_bursts = st.integers(1, 1000)
_steps = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2000), st.integers(0, 50)))


@given(_rates, _bursts, _steps)
def test_never_more_than_burst_and_rate_allow(rate, burst, steps):
    """From the first look on, whatever many workers want and give back."""
    bucket, now, spent = None, T0, 0
    for pause, wanted, unused in steps:
        now += timedelta(seconds=pause)
        granted, bucket, _wait = take(bucket, rate_per_s=rate, burst=burst, wanted=wanted, now=now)
        assert 0 <= granted <= min(wanted, burst)
        returned = min(unused, granted)
        bucket = put_back(bucket, returned, burst=burst)
        spent += granted - returned
        elapsed = (now - T0).total_seconds()
        assert spent <= burst + rate * elapsed + 1e-6 * (1 + len(steps))
        assert 0 <= bucket.tokens <= burst


@given(_rates, _bursts, st.floats(0, 1000))
def test_whoever_waits_as_told_gets_one(rate, burst, tokens):
    bucket = Bucket(min(tokens, burst), T0)
    _granted, bucket, wait = take(bucket, rate_per_s=rate, burst=burst, wanted=2000, now=T0)
    assert wait > 0
    # a clock shows whole microseconds
    then = T0 + timedelta(microseconds=math.ceil(wait * 1e6))
    assert take(bucket, rate_per_s=rate, burst=burst, wanted=1, now=then).granted == 1
    early = T0 + timedelta(seconds=wait / 2)
    assert take(bucket, rate_per_s=rate, burst=burst, wanted=1, now=early).granted == 0


@given(_rates, _bursts, st.floats(0, 1000))
def test_no_wait_means_there_is_one(rate, burst, tokens):
    bucket = Bucket(min(tokens, burst), T0)
    _granted, bucket, wait = take(bucket, rate_per_s=rate, burst=burst, wanted=0, now=T0)
    granted = take(bucket, rate_per_s=rate, burst=burst, wanted=1, now=T0).granted
    assert granted == (wait == 0)
