"""Counting what the runners of one process do, and how fast. No clock of its own."""

from contextlib import contextmanager


class Tally:
    """What one direction of one lane has done since the process started, and does now.

    Written by the lane's thread alone; others may read at any time.
    """

    def __init__(self):
        self._before = 0
        self._pump = None
        self._running = 0

    def watch(self, pump):
        """Count with a pump (``sent``, ``in_flight``) from now on; it replaces the one before."""
        self._before = self.sent
        self._pump = pump

    @contextmanager
    def one(self):
        """Around one message that is worked on in this thread: in flight, then counted."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._before += 1

    @property
    def sent(self):
        """Attempts that have ended."""
        return self._before + (self._pump.sent if self._pump else 0)

    @property
    def in_flight(self):
        """Messages that are worked on at this moment."""
        return self._running + (len(self._pump.in_flight) if self._pump else 0)


class Meter:
    """Turns growing totals into rates per second over the last interval."""

    def __init__(self, now):
        self._at = now
        self._totals = {}

    def rates(self, now, totals):
        """``{name: per second since the last call}``; a name that is new counts from zero.

        :param now: monotonic time, in seconds
        :param totals: ``{name: number}``
        """
        seconds = now - self._at
        rates = {
            name: max(total - self._totals.get(name, 0), 0) / seconds if seconds > 0 else 0.0
            for name, total in totals.items()
        }
        self._at, self._totals = now, dict(totals)
        return rates
