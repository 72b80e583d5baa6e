"""What the plant has to say, on its way to Odoo: when its time comes, until it is answered."""

import heapq
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .production_lines import Said
from .sender import Sender
from .unruly_network import UnrulyNetwork

ANSWER_SECONDS = 180
"""How long a message is repeated until Odoo takes it."""
THREADS = 6


class Outgoing:
    """A queue with a few senders; nothing is given up before ``ANSWER_SECONDS``."""

    def __init__(self, sender: Sender, network: UnrulyNetwork):
        self._sender = sender
        self._network = network
        self._due: list[tuple[float, int, str, str, str]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._busy = 0
        self._statuses: Counter[str] = Counter()
        self._said = 0
        self._sent = 0
        self._refused: list[str] = []

    def start(self) -> None:
        for _n in range(THREADS):
            threading.Thread(target=self._run, daemon=True).start()

    def say(self, messages: list[Said]) -> None:
        """Take messages over; the network decides when and how often each goes out."""
        now = time.monotonic()
        with self._changed:
            for message in messages:
                body, message_id = json.dumps(message.document), str(uuid.uuid4())
                self._said += 1
                for fate in self._network.fates():
                    own_id = str(uuid.uuid4()) if fate.anew else message_id
                    heapq.heappush(
                        self._due,
                        (now + fate.after, next(self._number), message.type, own_id, body),
                    )
                    self._sent += 1
            self._changed.notify_all()

    def state(self) -> dict[str, Any]:
        """``said`` messages, ``requests`` made of them, ``waiting`` ones, ``statuses`` of the
        answers, and what was ``refused``."""
        with self._changed:
            return {
                "said": self._said,
                "requests": self._sent,
                "waiting": len(self._due) + self._busy,
                "statuses": dict(self._statuses),
                "refused": list(self._refused),
            }

    def send_now(self, message_type: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """One message, past the queue; status and answer."""
        answer = self._sender.post_until_answered(
            message_type, str(uuid.uuid4()), json.dumps(document), ANSWER_SECONDS
        )
        return {"status": answer.status, "answer": json.loads(answer.body)}

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(wait)
                _at, _n, message_type, message_id, body = heapq.heappop(self._due)
                self._busy += 1
            try:
                answer = self._sender.post_until_answered(
                    message_type, message_id, body, ANSWER_SECONDS
                )
                status, text = str(answer.status), answer.body
            except TimeoutError as error:
                status, text = "none", str(error)
            with self._changed:
                self._busy -= 1
                self._statuses[status] += 1
                if not status.startswith("2"):
                    self._refused.append(f"{message_type} {status}: {text[:300]}")
