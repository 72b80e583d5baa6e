"""When to try again: a schedule of waiting times, jitter, and the partner's Retry-After."""

import math
import random
import re
from dataclasses import dataclass, replace

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_MAX_PARTS = 100
_MAX_DELAY = 30 * 86400


class ScheduleError(ValueError):
    """A schedule that cannot be; the message names the part that is wrong."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to wait after each failed attempt.

    :param base: seconds to wait after the first attempt
    :param factor: each wait is this many times the one before
    :param cap: seconds; no wait of the schedule is longer
    :param max_attempts: how many attempts in all
    :param jitter: random share added to each wait, 0 (none) to 1 (up to twice as long)
    :param delays: seconds to wait after the first, second, ... attempt. Given, they replace base,
        factor and cap; the last one repeats when there are more attempts than delays.
    :raises ScheduleError: a value out of range
    """

    base: float = 2.0
    factor: float = 2.0
    cap: float = 3600.0
    max_attempts: int = 15
    jitter: float = 0.1
    delays: tuple[float, ...] = ()

    def __post_init__(self):
        for name in ("base", "cap"):
            if not 0 < getattr(self, name) <= _MAX_DELAY:
                raise ScheduleError(f"{name}: not between 0 and {_MAX_DELAY} seconds.")
        if not 1 <= self.factor <= 100:
            raise ScheduleError("factor: not between 1 and 100.")
        if self.max_attempts < 1:
            raise ScheduleError("max_attempts: at least 1 is needed.")
        if not 0 <= self.jitter <= 1:
            raise ScheduleError("jitter: not between 0 and 1.")
        for position, seconds in enumerate(self.delays, 1):
            if not 0 < seconds <= _MAX_DELAY:
                raise ScheduleError(f"part {position}: not between 0 and {_MAX_DELAY} seconds.")


def delay(
    schedule: Schedule, attempt: int, *, rng: random.Random, retry_after: float | None = None
) -> float | None:
    """Return the seconds to wait after a failed attempt, or None when it was the last.

    A partner's ``retry_after`` moves the wait within [planned, 2 x planned]: asking for less does
    not make us hurry, asking for more cannot hold a message for a day. Jitter is added on top, so
    that messages that failed together do not return together, and never sooner than asked.

    :param attempt: which attempt failed, from 1
    :param rng: source of the jitter
    :param retry_after: seconds, from ``classify.parse_retry_after``
    :raises ValueError: ``attempt`` is below 1

    >>> steady = Schedule(base=10, factor=3, cap=60, max_attempts=4, jitter=0)
    >>> [delay(steady, n, rng=random.Random(1)) for n in (1, 2, 3, 4)]
    [10, 30, 60, None]
    >>> delay(steady, 1, rng=random.Random(1), retry_after=3600)
    20
    """
    if attempt < 1:
        raise ValueError(f"attempt: {attempt} is below 1.")
    if attempt >= schedule.max_attempts:
        return None
    seconds = _planned(schedule, attempt)
    if retry_after is not None and not math.isnan(retry_after):
        seconds = min(max(seconds, retry_after), 2 * seconds)
    return seconds * (1 + schedule.jitter * rng.random()) if schedule.jitter else seconds


def _planned(schedule: Schedule, attempt: int) -> float:
    if schedule.delays:
        return schedule.delays[min(attempt, len(schedule.delays)) - 1]
    if schedule.base >= schedule.cap:
        return schedule.cap
    # The cap is found by logarithm: the power itself overflows after some hundred attempts.
    if schedule.factor > 1:
        steps = math.log(schedule.cap / schedule.base) / math.log(schedule.factor)
        if attempt - 1 >= steps:
            return schedule.cap
    return min(schedule.base * schedule.factor ** (attempt - 1), schedule.cap)


def parse_schedule(text: str, *, jitter: float = 0.1) -> Schedule:
    """Read waiting times such as ``"5s 30s 2m 1h 12h"``: one attempt more than there are parts.

    Units: s, m, h, d. Parts are separated by spaces or commas; no part may be shorter than the
    one before it.

    :raises ScheduleError: names the part that is wrong

    >>> parse_schedule("1s 30s 2m").delays
    (1.0, 30.0, 120.0)
    """
    parts = text.replace(",", " ").split()
    if not parts:
        raise ScheduleError("The schedule is empty; write for example “5s 30s 2m 1h”.")
    if len(parts) > _MAX_PARTS:
        raise ScheduleError(f"The schedule has {len(parts)} parts; {_MAX_PARTS} are the most.")
    delays: list[float] = []
    for position, part in enumerate(parts, 1):
        where = f"Part {position}, “{part[:20]}”"
        match = _PART.fullmatch(part)
        if not match:
            raise ScheduleError(f"{where}: write a number and s, m, h or d, for example 30s.")
        seconds = float(match[1]) * _UNITS[match[2]]
        if not 0 < seconds <= _MAX_DELAY:
            raise ScheduleError(f"{where}: must be more than 0 and at most 30d.")
        if delays and seconds < delays[-1]:
            raise ScheduleError(f"{where}: is shorter than the part before it.")
        delays.append(seconds)
    return replace(Schedule(jitter=jitter), delays=tuple(delays), max_attempts=len(delays) + 1)
