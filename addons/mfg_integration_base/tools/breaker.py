"""The circuit breaker of a connector: a partner that is down is probed, not hammered.

    closed      everything is sent; failures in a row are counted
    open        nothing is sent until the cool-down ends, then one probe
    half_open   the probe is on its way; should its answer get lost, another may go in the end

    closed --- threshold failures in a row ---> open
    open ----- cool-down over, a probe goes --> half_open
    half_open -- the probe fails -------------> open, with a longer cool-down
    any -------- any sign of life ------------> closed

A state is three plain values, made to be three columns of a row: ``phase``, ``failures`` and
``until``. What may be sent then is: no limit where the phase is closed, else one message where
``until`` is past, else none. Whoever takes that one message calls ``probing`` and writes the
result in the same transaction, so that nobody else sends a second probe.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from .lifecycle import Word
from .outcome import Delivered, Outcome, Retry

_MAX_COOL_DOWN = 86400
_NO_ANSWER = frozenset(
    {"unreachable", "timeout", "server_error", "rate_limited", "bad_response", "tls"}
)


class BreakerRuleError(ValueError):
    """A rule that cannot be; the message names the field."""


class Phase(Word):
    """Where a breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens, and for how long.

    :param threshold: failures in a row that open it
    :param cool_down: seconds until the first probe
    :param max_cool_down: seconds; no cool-down is longer
    :param factor: after each failed probe the cool-down is this many times the one before
    :raises BreakerRuleError: a value out of range
    """

    threshold: int = 5
    cool_down: float = 15.0
    max_cool_down: float = 300.0
    factor: float = 2.0

    def __post_init__(self):
        if not 1 <= self.threshold <= 10_000:
            raise BreakerRuleError("threshold: not between 1 and 10000 failures.")
        if not 1 <= self.cool_down <= _MAX_COOL_DOWN:
            raise BreakerRuleError(f"cool_down: not between 1 and {_MAX_COOL_DOWN} seconds.")
        if not self.cool_down <= self.max_cool_down <= _MAX_COOL_DOWN:
            raise BreakerRuleError(
                f"max_cool_down: not between the cool-down and {_MAX_COOL_DOWN} seconds."
            )
        if not 1 <= self.factor <= 100:
            raise BreakerRuleError("factor: not between 1 and 100.")


@dataclass(frozen=True, slots=True)
class BreakerState:
    """One breaker.

    :param failures: in a row; beyond the threshold each one is a probe that failed
    :param until: when the next probe may go, with a zone; None while closed
    """

    phase: Phase = Phase.CLOSED
    failures: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be sent now.

    :param allowed: number of messages; None: as many as there are
    :param again_at: when to ask again, if nothing is allowed
    """

    allowed: int | None
    again_at: datetime | None = None


def may_send(state: BreakerState, now: datetime) -> Permission:
    """Return how many messages may be sent to the partner."""
    if state.phase == Phase.CLOSED:
        return Permission(None)
    if state.until is None or now >= state.until:
        return Permission(1)
    return Permission(0, state.until)


def probing(state: BreakerState, *, now: datetime, patience: float) -> BreakerState:
    """Return the state after a message was taken that ``may_send`` allowed.

    :param patience: seconds after which the probe counts as lost: longer than a call may take
    """
    if state.phase == Phase.CLOSED:
        return state
    return BreakerState(Phase.HALF_OPEN, state.failures, now + timedelta(seconds=patience))


def after_result(
    state: BreakerState,
    rule: BreakerRule,
    *,
    succeeded: bool,
    transport_failure: bool,
    now: datetime,
) -> BreakerState:
    """Return the state after an attempt.

    :param succeeded: the partner took the message
    :param transport_failure: the partner did not answer, or not as a working system does. Neither
        of both is a rejection, which only a living partner can give: it closes the breaker too.
    :raises ValueError: both at once
    """
    if succeeded and transport_failure:
        raise ValueError("An attempt cannot succeed and fail.")
    if not transport_failure:
        return BreakerState()
    if state.phase == Phase.OPEN and state.until is not None and now < state.until:
        # Sent before it opened, as hundreds may be: known already, and no reason to wait longer.
        return state
    failures = state.failures + 1
    if state.phase == Phase.CLOSED:
        if failures < rule.threshold:
            return BreakerState(Phase.CLOSED, failures)
        failures = rule.threshold  # more only where the rule was sharpened meanwhile
    wait = timedelta(seconds=cool_down(rule, failures))
    return BreakerState(Phase.OPEN, failures, now + wait)


def after_outcome(
    state: BreakerState, rule: BreakerRule, outcome: Outcome, *, now: datetime
) -> BreakerState:
    """Return the state after the outcome of an attempt; see ``sign_of_life``."""
    alive = sign_of_life(outcome)
    if alive is None:
        return state
    succeeded = isinstance(outcome, Delivered)
    return after_result(
        state, rule, succeeded=succeeded and alive, transport_failure=not alive, now=now
    )


def sign_of_life(outcome: Outcome) -> bool | None:
    """Tell whether an outcome shows a working partner; None: it says nothing about the partner.

    The status decides where there is one, whatever a rule made of the answer: 408, 429 and 5xx
    come from a partner in trouble, and so does what HTTP does not know. Without a status, a
    failure counts if it happened on the way to the partner; a message that could not be prepared,
    or a call that our own stop cut off, does not.
    """
    status = outcome.status
    if status is not None:
        return 200 <= status < 500 and status not in (408, 429)
    if isinstance(outcome, Delivered):
        return True
    return False if isinstance(outcome, Retry) and outcome.reason in _NO_ANSWER else None


def cool_down(rule: BreakerRule, failures: int) -> float:
    """Return the seconds until the next probe, after so many failures in a row.

    >>> [cool_down(BreakerRule(3, 10, 60, 2), failures) for failures in (3, 4, 5, 6, 7)]
    [10, 20, 40, 60, 60]
    """
    failed_probes = max(0, failures - rule.threshold)
    if rule.factor > 1:
        # The cap is found by logarithm: the power itself overflows after some hundred probes.
        steps = math.log(rule.max_cool_down / rule.cool_down) / math.log(rule.factor)
        if failed_probes >= steps:
            return rule.max_cool_down
    return min(rule.cool_down * rule.factor**failed_probes, rule.max_cool_down)
