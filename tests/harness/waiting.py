"""Waiting for something that another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05


class NotInTime(AssertionError):
    """What was waited for did not happen before the deadline; says what and what was seen last."""


def wait_for(
    condition: Callable[[], T],
    deadline: float,
    what: str,
    *,
    poll: float = POLL_SECONDS,
    seen: Callable[[], object] | None = None,
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    :param deadline: seconds from now; the condition is tried at least once
    :param what: completes the sentence "Waited 5 s for ..."
    :param poll: seconds between two tries
    :param seen: what to show of the other side when time is up; default: the last falsy value
    :raises NotInTime: the condition was still false at the deadline
    """
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            last = seen() if seen else value
            raise NotInTime(f"Waited {deadline:g} s for {what}. Last seen: {last!r}")
        time.sleep(poll)
