"""The state of one lane's sending in one thread, and the settings it works with."""

import queue
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

import psycopg2

from ..const import EXCERPT_CHARS
from ..tools.outcome import Answer, Reject
from ..tools.redact import excerpt
from .mfg_message_queue import Claimed
from .mfg_transport import Prepared

SETTINGS_TTL = 1.0
"""How long settings read from the database are believed, in seconds."""


@dataclass(slots=True)
class Flight:
    """A message on its way: claimed, perhaps prepared, not yet settled."""

    claim: Claimed
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """How messages of one connector are prepared and sent; or why they cannot be."""

    prepare: object = None  # Outgoing -> Prepared
    sender: object = None
    fault: str = ""


class Settings:
    """What a lane, its connectors and subscriptions say; read once in a while, not per message."""

    def __init__(self, env, lane_id):
        lane = env["mfg.lane"].browse(lane_id)
        self.batch_size = lane.batch_size
        self.concurrency = lane.concurrency
        self.fingerprint = env["mfg.environment"]._fingerprint_here()
        self._until = time.monotonic() + SETTINGS_TTL
        self._routes = {}
        self._policies = {}

    @property
    def stale(self):
        return time.monotonic() >= self._until

    def route(self, env, connector_id):
        """The ``Route`` of a connector; its fault, if any, is that of each of its messages."""
        route = self._routes.get(connector_id)
        if route is None:
            try:
                connector = env["mfg.connector"].browse(connector_id)
                transport = env["mfg.transport"]._mfg_resolve(connector.transport)
                route = Route(transport._preparer(connector=connector), transport._sender())
            except psycopg2.Error:
                raise  # the database's fault, not the connector's: nothing is buried for it
            except Exception:  # noqa: BLE001 - one connector's fault must not stop the others
                route = Route(fault=last_lines())
            self._routes[connector_id] = route
        return route

    def policy(self, env, subscription_id):
        """``(schedule, whether a dead message parks its key)`` of a subscription."""
        policy = self._policies.get(subscription_id)
        if policy is None:
            subscription = env["mfg.subscription"].browse(subscription_id).exists()
            if subscription:
                schedule = subscription.retry_policy_id._schedule()
                policy = (schedule, subscription.on_dead == "park")
            else:
                policy = (env["mfg.retry.policy"]._default_schedule(), False)
            self._policies[subscription_id] = policy
        return policy


@dataclass(slots=True)
class Pump:
    """What is on its way, and what has come back."""

    lane_id: int
    worker: str
    in_flight: dict = field(default_factory=dict)  # attempt id -> Flight
    answers: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)  # (attempt id, Answer)
    results: dict = field(default_factory=dict)  # connector id -> (succeeded, detail), the last
    results_due: float = 0.0  # monotonic time
    settings: Settings | None = None
    claimed: list = field(default_factory=list)  # (Claimed, Outgoing or fault), not yet launched
    settling: list = field(default_factory=list)  # Claimed, come back, not yet settled
    backlog: bool = False  # the last claim took all the room there was
    sent: int = 0

    def free(self):
        """How many more messages may start now."""
        return min(self.settings.batch_size, self.settings.concurrency - len(self.in_flight))

    def quotas(self, owners, free):
        """How many messages each subscription may start, within its connector's limit."""
        busy = Counter(flight.claim.connector_id for flight in self.in_flight.values())
        quotas = {}
        for owner in owners:
            quota = min(free, owner.max_in_flight - busy[owner.connector_id])
            if quota > 0:
                quotas[owner.id] = quota
                busy[owner.connector_id] += quota
        return quotas

    def launch(self, claim, outgoing, route):
        """Prepare one message and hand it to its sender; a fault becomes its answer."""
        flight = self.in_flight[claim.attempt_id] = Flight(claim)
        attempt_id, answers = claim.attempt_id, self.answers
        try:
            fault = route.fault or (outgoing if isinstance(outgoing, str) else "")
            if fault:
                return self._unsent(attempt_id, fault)
            flight.prepared = route.prepare(outgoing)
        except Exception:  # noqa: BLE001 - one message's fault must not stop the others
            return self._unsent(attempt_id, last_lines())
        route.sender.submit(flight.prepared.call, lambda answer: answers.put((attempt_id, answer)))
        return None

    def _unsent(self, attempt_id, detail):
        self.answers.put((attempt_id, Answer(Reject("prepare_failed", detail))))

    def land(self, landed):
        """These have come back and are being settled: their slots are free."""
        for flight, _answer in landed:
            del self.in_flight[flight.claim.attempt_id]
        self.settling = [flight.claim for flight, _answer in landed]

    def settled(self):
        """What has landed is settled; the claims whose leases end with it."""
        claims, self.settling = self.settling, []
        self.sent += len(claims)
        return claims

    def abandon(self):
        """Give everything up after an error; the claims whose leases shall run out."""
        claims = [flight.claim for flight in self.in_flight.values()] + self.settling
        claims += [claim for claim, _outgoing in self.claimed]
        self.in_flight.clear()
        return claims

    def gather(self, poll, linger):
        """Wait up to ``poll`` seconds for an answer, then ``linger`` for more.

        :return: list of ``(Flight, Answer)``, still counted as in flight
        """
        landed = []
        wait_until = time.monotonic() + poll
        while len(landed) < len(self.in_flight):
            try:
                item = self.answers.get(timeout=max(wait_until - time.monotonic(), 0))
            except queue.Empty:
                break
            if item is None:  # woken: there may be something new to send
                break
            attempt_id, answer = item
            landed.append((self.in_flight[attempt_id], answer))
            if len(landed) == 1:
                wait_until = time.monotonic() + linger
        return landed

    def wake(self):
        """From another thread: do not wait for answers only, look for new messages."""
        if self.answers.empty():
            self.answers.put(None)


def last_lines():
    """The end of the current exception's traceback, for the attempt."""
    return excerpt(traceback.format_exc(limit=-6), EXCERPT_CHARS)
