"""From the outcome of an attempt to what the queue writes: one pure decision.

Delivered                          -> done
Retry, policy has a further delay  -> retrying, due after the delay (or the one of a rule)
Retry, policy has ended            -> dead (attempts_exhausted)
Reject                             -> dead
"""

import random
from dataclasses import dataclass

from .backoff import Schedule, delay
from .lifecycle import State, Verb, next_state
from .outcome import Delivered, Outcome, Reject, Retry


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a message that is ``running``.

    :param state: the state afterwards
    :param outcome: what the attempt says: ``delivered``, ``retry`` or ``rejected``
    :param reason: reason code, empty when done
    :param detail: one sentence for a person
    :param delay: seconds until the next attempt; None when there is none
    :param pause: the partner wants no more of these: pause the subscription
    """

    state: State
    outcome: str
    reason: str
    detail: str
    delay: float | None = None
    pause: bool = False


def decide(
    outcome: Outcome,
    *,
    schedule: Schedule,
    tries: int,
    rng: random.Random,
    partner_down: bool = False,
) -> Settlement:
    """Return what to write for ``outcome``.

    :param tries: attempts since the message was queued or a person retried it, this one included
    :param partner_down: the circuit breaker is not closed: a Retry uses up no attempt
    :raises TypeError: not an Outcome
    """
    if isinstance(outcome, Delivered):
        return Settlement(_after(Verb.DELIVER), "delivered", "", outcome.note)
    if isinstance(outcome, Reject):
        return Settlement(
            _after(Verb.BURY), "rejected", outcome.reason, outcome.detail, pause=outcome.pause
        )
    if isinstance(outcome, Retry):
        if partner_down:
            # The breaker says when the next probe may go; the schedule only spreads the rest.
            tries = max(1, min(tries, schedule.max_attempts - 1))
        wait = delay(schedule, tries, rng=rng, retry_after=outcome.after)
        if wait is None and partner_down:
            wait = schedule.base  # a schedule without a second attempt
        if wait is not None:
            if outcome.delay is not None:
                # Jitter all the same: messages that failed together must not return together.
                wait = outcome.delay * (1 + schedule.jitter * rng.random())
            reason = "breaker_open" if partner_down else outcome.reason
            return Settlement(_after(Verb.RETRY), "retry", reason, outcome.detail, wait)
        detail = f"Given up after {tries} attempts. Last: {outcome.detail or outcome.reason}"
        return Settlement(_after(Verb.BURY), "retry", "attempts_exhausted", detail)
    raise TypeError(f"{outcome!r} is not an Outcome.")


def _after(verb: Verb) -> State:
    return next_state(State.RUNNING, verb)
