"""Latency from commit to arrival, at a steady pace."""

import random
import time
from collections.abc import Callable

from .figures import percentile
from .payload import token
from .receiver_process import Receiver

PER_SECOND = 20
JITTER = 0.4
"""How far an event may be off its time, as a part of the interval: a strict beat could fall into
step with somebody's poll."""
ARRIVAL_SECONDS = 120


def latencies(
    emit: Callable[[str], float], receiver: Receiver, count: int, *, seed: int
) -> list[float]:
    """Milliseconds from the commit of each of ``count`` events to its arrival.

    One event is sent before and waited for: whoever sleeps has woken up, connections are there.

    :param emit: commits one event with this token and returns when the commit returned, in seconds
        by the monotonic clock
    :raises NotInTime: an event did not arrive
    """
    receiver.reset()
    emit(token(count))
    receiver.wait_for(1, ARRIVAL_SECONDS)
    rng = random.Random(seed)
    interval = 1 / PER_SECOND
    start = time.monotonic() + interval
    committed = {}
    for number in range(count):
        due = start + interval * (number + rng.uniform(-JITTER, JITTER))
        time.sleep(max(due - time.monotonic(), 0))
        committed[token(number)] = emit(token(number))
    receiver.wait_for(count + 1, ARRIVAL_SECONDS)
    arrived = receiver.arrivals()
    return [(arrived[name] - at) * 1000 for name, at in committed.items()]


def p50(values: list[float]) -> float:
    return percentile(values, 50)


def p99(values: list[float]) -> float:
    return percentile(values, 99)
