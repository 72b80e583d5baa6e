"""Is a lane well? Green, yellow or red from a few facts, and why."""

from typing import NamedTuple

RUNNER_SECONDS = 120
"""A lane with something due has to have seen a runner within this time, in seconds."""
DEAD_SECONDS = 24 * 3600
"""Dead messages older than this turn the lane red, in seconds."""
TARGET_SECONDS = 60
"""Target time of messages whose flow names none, in seconds."""


class Facts(NamedTuple):
    """Of one lane, all times in seconds, sizes in bytes. None: there is none."""

    waiting: int
    cap: int
    size: float
    size_cap: float
    due: bool  # something could be claimed now
    runner_age: float | None  # since a runner was last seen; 0 while one runs
    dead_age: float | None  # of the oldest dead message
    late: bool  # the oldest waiting message is over its flow's target time
    cron_threads_short: bool


class Verdict(NamedTuple):
    status: str  # "green", "yellow", "red"
    reason: str  # see ``judge``; "" when green


def judge(facts):
    """The first of these that holds, the worst first.

    ``over_cap``, ``over_size``, ``no_runner``, ``old_dead`` (red); ``late``, ``half_cap``,
    ``half_size``, ``cron_threads`` (yellow).
    """
    runner_lost = facts.runner_age is None or facts.runner_age > RUNNER_SECONDS
    rules = (
        ("red", "over_cap", facts.waiting > facts.cap),
        ("red", "over_size", facts.size > facts.size_cap),
        ("red", "no_runner", facts.due and runner_lost),
        ("red", "old_dead", facts.dead_age is not None and facts.dead_age > DEAD_SECONDS),
        ("yellow", "late", facts.late),
        ("yellow", "half_cap", facts.waiting * 2 > facts.cap),
        ("yellow", "half_size", facts.size * 2 > facts.size_cap),
        ("yellow", "cron_threads", facts.cron_threads_short),
    )
    for status, reason, holds in rules:
        if holds:
            return Verdict(status, reason)
    return Verdict("green", "")
