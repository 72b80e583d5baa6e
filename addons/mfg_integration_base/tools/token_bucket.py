"""A rate limit that any number of workers share through one row: a token bucket.

Each request costs a token. Tokens come at ``rate_per_s`` and gather up to ``burst``, so that over
any span of time at most ``burst + rate_per_s * seconds`` requests go out. The row holds two
values, ``tokens`` and ``at``; a worker locks it, calls ``take`` with the database's clock, writes
the new bucket and commits before it sends.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

# A tenth of a second at ten a second makes 0.999... tokens; that is meant to be one.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many tokens there were when somebody last looked.

    :param tokens: may have a fraction
    :param at: when that was, with a zone
    """

    tokens: float
    at: datetime


class Taken(NamedTuple):
    """What a worker got.

    :param granted: number of requests that may go out now
    :param bucket: what to write back
    :param seconds_until_next: when the next token is there; 0.0: there still is one
    """

    granted: int
    bucket: Bucket
    seconds_until_next: float


def take(
    bucket: Bucket | None, *, rate_per_s: float, burst: int, wanted: int, now: datetime
) -> Taken:
    """Take up to ``wanted`` tokens.

    :param bucket: None for a limit that is new: it starts full
    :raises ValueError: a rate that is not positive, a burst below 1, or ``wanted`` below 0

    >>> from datetime import timezone
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    >>> granted, bucket, wait = take(None, rate_per_s=2, burst=5, wanted=8, now=noon)
    >>> granted, bucket.tokens, wait
    (5, 0.0, 0.5)
    """
    if not 0 < rate_per_s < math.inf:
        raise ValueError(f"rate_per_s: {rate_per_s} is not a positive number.")
    if burst < 1:
        raise ValueError(f"burst: {burst} is below 1.")
    if wanted < 0:
        raise ValueError(f"wanted: {wanted} is below 0.")
    tokens = float(burst)
    if bucket is not None:
        # A clock that was put back refills nothing, and counts from its new time on.
        elapsed = max(0.0, (now - bucket.at).total_seconds())
        tokens = min(tokens, bucket.tokens + elapsed * rate_per_s)
    granted = min(wanted, math.floor(tokens + _ROUNDING))
    left = max(0.0, tokens - granted)
    wait = 0.0 if left + _ROUNDING >= 1 else (1 - left) / rate_per_s
    return Taken(granted, Bucket(left, now), wait)


def put_back(bucket: Bucket, unused: int, *, burst: int) -> Bucket:
    """Return the bucket after tokens were taken and not needed, as less was due than expected.

    :raises ValueError: ``unused`` is below 0
    """
    if unused < 0:
        raise ValueError(f"unused: {unused} is below 0.")
    return Bucket(min(float(burst), bucket.tokens + unused), bucket.at)
