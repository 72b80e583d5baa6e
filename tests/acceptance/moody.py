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
        self.taken: list[str] = []
        """Ids of the messages, in the order in which they were taken, repeats included."""
        self.first: dict[str, None] = {}
        """The same, each only the first time."""
        self.in_doubt: dict[str, int] = defaultdict(int)
        """How often a message was taken without a whole answer that says so."""
        self.asked: dict[str, int] = defaultdict(int)
        """How often a message arrived, taken or not."""
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        """Digests of what arrived under an id."""
        self.script(then=self._answer)

    @property
    def repeats(self) -> int:
        return len(self.taken) - len(self.first)

    def _next(self, request: Request) -> Behaviour:
        return self._answer  # twenty thousand requests are not kept

    def _answer(self, partner: Partner, connection: socket.socket, request: Request) -> bool:
        with self._diary:
            (mood,) = self._rng.choices(MOODS, [mood.share for mood in MOODS])
            name = request.message_id
            self.asked[name] += 1
            self.bodies[name].add(hashlib.sha256(request.body).digest())
            if mood.takes:
                self.taken.append(name)
                self.first[name] = None
                self.in_doubt[name] += not mood.says_so
        return mood.behaviour(partner, connection, request)
