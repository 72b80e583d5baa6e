"""A partner that answers as it likes, and remembers what it took, whatever it said of it."""

import hashlib
import random
import socket
import threading
from collections import defaultdict
from dataclasses import dataclass

from . import partner as faults
from .partner import Behaviour, Partner, Request

READ_TIMEOUT = 3
"""What the connector's read timeout should be, in seconds: a stalled request takes longer."""
STALL_SECONDS = READ_TIMEOUT + 2


@dataclass(frozen=True)
class Mood:
    """One way to answer.

    :param share: of the requests, in a thousand
    :param takes: it takes the message
    :param says_so: and the sender can know: the answer is a whole 2xx, in time
    """

    share: int
    takes: bool
    says_so: bool
    behaviour: Behaviour


def _mood(share: int, behaviour: Behaviour, *, takes: bool = False) -> Mood:
    return Mood(share, takes, False, behaviour)


MOODS = (
    Mood(700, True, True, faults.ok),
    Mood(160, True, True, faults.slow(0.02)),
    # It refuses, or breaks off before it has looked at the message ...
    _mood(25, faults.status(500)),
    _mood(20, faults.status(503)),
    _mood(20, faults.status(429, {"Retry-After": "1"})),
    _mood(15, faults.reset),
    _mood(10, faults.garbage),
    _mood(3, faults.slow(STALL_SECONDS, faults.reset)),
    # ... or takes it, and the sender does not get to know.
    _mood(15, faults.reset, takes=True),
    _mood(15, faults.reset_mid_body, takes=True),
    _mood(10, faults.garbage, takes=True),
    _mood(7, faults.slow(STALL_SECONDS), takes=True),
)
assert sum(mood.share for mood in MOODS) == 1000


class MoodyPartner(Partner):
    """Takes each message, or does not, at random.

    A message is taken before it is answered, as by a partner that commits and then answers.
    """

    def __init__(self, rng: random.Random):
        super().__init__()
        self._rng = rng
        self._diary = threading.Lock()
        self.taken: dict[str, int] = {}
        """How often each event was taken, in the order of the first times."""
        self.in_doubt: dict[str, int] = defaultdict(int)
        """How often an event was taken without a whole answer that says so."""
        self.asked: dict[str, int] = defaultdict(int)
        """How often an event arrived, taken or not."""
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        """Digests of what arrived under a message id."""
        self.script(then=self._answer)

    @property
    def repeats(self) -> int:
        return sum(self.taken.values()) - len(self.taken)

    def _next(self, request: Request) -> Behaviour:
        return self._answer  # tens of thousands of requests are not kept

    def _answer(self, partner: Partner, connection: socket.socket, request: Request) -> bool:
        document = request.event
        events = document if isinstance(document, list) else [document]
        with self._diary:
            (mood,) = self._rng.choices(MOODS, [mood.share for mood in MOODS])
            self.bodies[request.message_id].add(hashlib.sha256(request.body).digest())
            for event in events:
                self.asked[event["id"]] += 1
                if mood.takes:
                    self.taken[event["id"]] = self.taken.get(event["id"], 0) + 1
                    self.in_doubt[event["id"]] += not mood.says_so
        return mood.behaviour(partner, connection, request)
