"""What a bad network makes of messages: late, doubled, and out of their order."""

import random
from dataclasses import dataclass

LATEST = 6.0
"""Longest delay, in seconds."""


@dataclass(frozen=True)
class Fate:
    """When a message goes out, in seconds after it was said.

    :param anew: under an id of its own, as by a sender that forgot it had sent it
    """

    after: float
    anew: bool = False


class UnrulyNetwork:
    """:param late: share of messages that wait for up to ``LATEST`` seconds
    :param doubled: share that goes out twice under one id
    :param forgotten: share that goes out once more under another id
    """

    def __init__(
        self, seed: int, *, late: float = 0.2, doubled: float = 0.15, forgotten: float = 0.1
    ):
        self._draw = random.Random(seed)
        self._late = late
        self._doubled = doubled
        self._forgotten = forgotten

    def fates(self) -> list[Fate]:
        """Of one message; the first is itself."""
        first = Fate(self._delay() if self._draw.random() < self._late else 0.0)
        fates = [first]
        if self._draw.random() < self._doubled:
            fates.append(Fate(first.after + self._delay()))
        if self._draw.random() < self._forgotten:
            fates.append(Fate(first.after + self._delay(), anew=True))
        return fates

    def _delay(self) -> float:
        return self._draw.uniform(0.2, LATEST)
