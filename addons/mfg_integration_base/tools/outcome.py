"""What came of one attempt: the value that every transport and handler returns.

Retry is a value, not an exception: whoever tried says what happened, and only the queue's own
code turns it into a state.

    Delivered   the other side has it           running -> done
    Retry       not now, try again later        running -> retrying (dead when the policy ends)
    Reject      never as it is                  running -> dead
"""

from dataclasses import dataclass
from typing import TypeAlias

from .lifecycle import REASONS


def _check_reason(reason: str) -> None:
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is not a reason; lifecycle.REASONS lists them.")


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has accepted the message.

    :param status: HTTP status or the like, where there is one
    :param note: what a person may want to know ("same report as before")
    :param response: excerpt of the answer, already free of secrets
    """

    status: int | None = None
    note: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not work this time and may work later.

    :param reason: a key of ``lifecycle.REASONS``
    :param detail: one sentence with the particulars
    :param after: seconds the partner asks us to wait; ``backoff.delay`` keeps it within bounds
    :param status: HTTP status or the like, where there is one
    :param response: excerpt of the answer, already free of secrets
    :param delay: seconds to wait that a rule of ours sets; they stand in place of the schedule's
    :raises ValueError: unknown reason, or ``after`` or ``delay`` is negative
    """

    reason: str
    detail: str = ""
    after: float | None = None
    status: int | None = None
    response: str = ""
    delay: float | None = None

    def __post_init__(self):
        _check_reason(self.reason)
        for name in ("after", "delay"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0:
                raise ValueError(f"{name}: {seconds!r} is not a number of seconds.")


@dataclass(frozen=True, slots=True)
class Reject:
    """It will not work as it is; somebody has to look at it.

    :param reason: a key of ``lifecycle.REASONS``
    :param detail: one sentence with the particulars
    :param status: HTTP status or the like, where there is one
    :param response: excerpt of the answer, already free of secrets
    :param pause: pause the subscription as well: the partner wants no more of these
    :param pointer: JSON pointer (RFC 6901) to the value of an inbound message that is wrong
    :raises ValueError: unknown reason
    """

    reason: str
    detail: str = ""
    status: int | None = None
    response: str = ""
    pause: bool = False
    pointer: str = ""

    def __post_init__(self):
        _check_reason(self.reason)


Outcome: TypeAlias = Delivered | Retry | Reject


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender reports of one call.

    :param outcome: what came of it
    :param status: HTTP status or the like, where there is one
    :param response_excerpt: beginning of the answer, free of secrets
    :param duration_ms: how long the call took, in milliseconds
    """

    outcome: Outcome
    status: int | None = None
    response_excerpt: str = ""
    duration_ms: float = 0.0
