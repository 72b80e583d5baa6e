"""How the shop floor answers, right or wrong; changed from outside while it runs."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """The default is a partner in good health.

    :param hold: book the message, then keep silent until told otherwise
    :param delay: seconds to wait before the answer
    :param status: refuse with this HTTP status, without booking
    :param times: so many refusals, then good health again; 0: until told otherwise
    """

    hold: bool = False
    delay: float = 0.0
    status: int = 0
    times: int = 0


class Conduct:
    """The behaviour in force, shared by all request threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._behaviour = Behaviour()
        self._left = 0
        self._held = 0

    def set(self, behaviour: Behaviour) -> None:
        with self._changed:
            self._behaviour = behaviour
            self._left = behaviour.times
            self._changed.notify_all()

    @property
    def held(self) -> int:
        """How many requests are booked and wait for their answer."""
        with self._changed:
            return self._held

    def refusal(self) -> int:
        """The HTTP status to refuse the next request with, or 0."""
        with self._changed:
            status = self._behaviour.status
            if status and self._behaviour.times:
                self._left -= 1
                if self._left <= 0:
                    self._behaviour = Behaviour()
            return status

    def pause(self) -> None:
        """Wait before an answer for as long as the behaviour says."""
        with self._changed:
            behaviour = self._behaviour
            if behaviour.delay:
                self._changed.wait_for(lambda: self._behaviour != behaviour, behaviour.delay)
            self._held += 1
            try:
                self._changed.wait_for(lambda: not self._behaviour.hold)
            finally:
                self._held -= 1
