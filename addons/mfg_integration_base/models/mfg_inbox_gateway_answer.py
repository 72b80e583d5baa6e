import threading
import time

from odoo import models

from ..tools.lifecycle import OPEN, State
from .cursors import own_env
from .inbox_exchange import Answer, Refused

MOST_WAITING = 8
"""How many partners one process lets wait for their results; further ones get 202 at once."""

FIRST_LOOK = 0.02
LONGEST_PAUSE = 0.25
"""Pauses between two looks at a message that is being booked, in seconds."""

_waiting = threading.BoundedSemaphore(MOST_WAITING)


class MfgInboxGateway(models.AbstractModel):
    """Routes that answer with the result: the lane's runner books, the request waits for it.

    No transaction is open while it waits, and nobody waits longer than the route says: then the
    partner gets 202, and asks later like everybody else.
    """

    _inherit = "mfg.inbox.gateway"

    def _with_result(self, answer, seconds):
        """The ``Answer`` with what came of the message, if that is known in time.

        :param answer: 202, committed
        :raises Refused: it was stored and cannot be booked
        """
        if answer.status != 202 or not _waiting.acquire(blocking=False):
            return answer
        try:
            return self._await(answer, time.monotonic() + seconds)
        finally:
            _waiting.release()

    def _await(self, answer, deadline):
        pause = FIRST_LOOK
        while True:
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            with own_env(self.env.registry) as env:
                store = env["mfg.inbox.store"]
                message = store._message(answer.document["id"])
                if message is not None and message["state"] not in OPEN:
                    return self._final(store._status_document(message), message["state"])
            if time.monotonic() >= deadline:
                return answer
            pause = min(2 * pause, LONGEST_PAUSE)

    @staticmethod
    def _final(document, state):
        if state == State.DONE:
            return Answer(200, document, {})
        problems = document.get("problems") or []
        first = problems[0] if isinstance(problems, list) and problems else {}
        detail = first.get("detail") or first.get("title") if isinstance(first, dict) else ""
        raise Refused(
            "rejected",
            detail or "A person looks at it; its status tells what becomes of it.",
            message_id=document["id"],
        )
