"""The state of one lane's sending in one thread."""

import queue
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from ..const import EXCERPT_CHARS
from ..exceptions import ConfigurationError
from ..tools.outcome import Answer, Delivered, Outcome, Reject
from ..tools.redact import excerpt
from .mfg_message_queue import Claimed, Share
from .mfg_transport import Prepared
from .outbox_settings import Policy, Settings, last_lines

MAX_RUN = 20
"""How many messages of one key are taken at once to be sent one after the other."""

MAX_CLAIM = 1000
"""How many messages one claim takes of a subscription that puts several into a request."""


class Result(NamedTuple):
    """How sending one message ended."""

    claim: Claimed
    outcome: Outcome
    answer: Answer
    policy: Policy
    prepared: Prepared | None
    shared: bool  # its attempt is that of a whole batch
    full: bool  # the request took as many messages as it may


@dataclass(slots=True)
class Pump:
    """What is on its way, and what has come back."""

    lane_id: int
    worker: str
    in_flight: dict = field(default_factory=dict)  # Flight.id -> Flight
    answers: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)  # (Flight.id, Answer)
    results: list = field(default_factory=list)  # Result, come back, not yet settled
    unsent: list = field(default_factory=list)  # Claimed, will not be tried this time
    settling: list = field(default_factory=list)  # Claimed, being settled
    claimed: list = field(default_factory=list)  # Flight, not yet launched
    health: dict = field(default_factory=dict)  # connector id -> [Outcome of each request]
    suspects: set = field(default_factory=set)  # ids of connectors that failed of late
    notes: dict = field(default_factory=dict)  # connector id -> (succeeded, detail), the last
    notes_due: float = 0.0  # monotonic time
    settings: Settings | None = None
    turns: int = 0
    backlog: bool = False  # the last claim took all the room there was
    sent: int = 0

    def free(self):
        """How many more requests may start now."""
        return min(self.settings.batch_size, self.settings.concurrency - len(self.in_flight))

    def free_by_connector(self, dues):
        """``{connector id: requests it may start}`` within its own limit and the lane's."""
        busy = Counter(flight.connector_id for flight in self.in_flight.values())
        free = self.free()
        return {
            d.connector_id: max(0, min(free, d.max_in_flight - busy[d.connector_id])) for d in dues
        }

    def shares(self, dues, permits):
        """``{subscription id: Share}`` of what may be claimed now."""
        shares = {}
        for due, requests in self._divided(dues, permits):
            if due.mode == "real_time":
                # A few keys with much behind them: some of each go one after the other. Behind a
                # limit or a probe, each request is asked for on its own.
                alone = due.conflate or due.rate or due.probe
                run = 1 if alone else max(1, min(MAX_RUN, self.settings.batch_size // requests))
                shares[due.id] = Share(requests, run, conflate=due.conflate)
            else:
                messages = min(requests * due.batch_size, max(due.batch_size, MAX_CLAIM))
                run = 1 if due.conflate else due.batch_size
                shares[due.id] = Share(messages, run, due.batch_size, messages, due.conflate)
        return shares

    def _divided(self, dues, permits):
        """``[(Due, requests)]``: the free slots over those that have something to send.

        Each gets its part first, so that one with a long backlog does not take them all, and then
        more of what others do not need. Who comes first changes from turn to turn.
        """
        if not dues:
            return []
        self.turns += 1
        first = self.turns % len(dues)
        dues = dues[first:] + dues[:first]
        left, permits, requests = self.free(), dict(permits), dict.fromkeys(dues, 0)
        for most in (max(1, left // len(dues)), left):
            for due in dues:
                more = min(most, left, permits[due.connector_id])
                if more > 0:
                    left -= more
                    permits[due.connector_id] -= more
                    requests[due] += more
        return [(due, number) for due, number in requests.items() if number]

    def launch(self, flight):
        """Prepare the next request of a flight and hand it to its sender."""
        self.in_flight[flight.id] = flight
        flight_id, answers = flight.id, self.answers
        try:
            fault = flight.prepare()
        except ConfigurationError as error:  # as in Settings.route
            flight.prepared, fault = None, excerpt(str(error), EXCERPT_CHARS)
        except Exception:  # noqa: BLE001 - one message's fault must not stop the others
            flight.prepared, fault = None, last_lines()
        if fault:
            answers.put((flight_id, Answer(Reject("prepare_failed", fault))))
        else:
            flight.route.sender.submit(
                flight.prepared.call, lambda answer: answers.put((flight_id, answer))
            )

    def gather(self, poll, linger, *, go_on=True):
        """Wait up to ``poll`` seconds for an answer, then ``linger`` for more; whether one came.

        The next message of a run is sent at once, unless it is the end (``go_on``).
        """
        came = 0
        wait_until = time.monotonic() + poll
        limit = max(1, len(self.in_flight) // 2)
        while self.in_flight and came < limit:
            try:
                item = self.answers.get(timeout=max(wait_until - time.monotonic(), 0))
            except queue.Empty:
                break
            if item is None:  # woken: there may be something new to send
                break
            self._land(*item, go_on)
            came += 1
            if came == 1:
                wait_until = time.monotonic() + linger
        return bool(came)

    def _land(self, flight_id, answer, go_on):
        flight = self.in_flight[flight_id]
        batch = flight.policy.batch
        shared = batch is not None and len(flight.claims) > 1
        full = batch is not None and len(flight.claims) >= batch.size
        outcomes = flight.outcomes(answer) if flight.prepared else self._unprepared(flight, answer)
        for claim, outcome in outcomes:
            self.results.append(
                Result(claim, outcome, answer, flight.policy, flight.prepared, shared, full)
            )
        if flight.prepared:
            self.health.setdefault(flight.connector_id, []).append(answer.outcome)
        flight.at = flight.at + 1 if batch is None else len(flight.claims)
        if flight.at < len(flight.claims) and go_on and isinstance(outcomes[0][1], Delivered):
            self.launch(flight)
            return
        self.unsent += flight.claims[flight.at :]
        del self.in_flight[flight_id]

    @staticmethod
    def _unprepared(flight, answer):
        """Nothing was sent: the fault is that of all that would have gone in the request."""
        if flight.policy.batch is None:
            return [(flight.claims[flight.at], answer.outcome)]
        return [
            (
                claim,
                Reject("prepare_failed", outgoing) if isinstance(outgoing, str) else answer.outcome,
            )
            for claim, outgoing in zip(flight.claims, flight.outgoings, strict=True)
        ]

    def take_results(self):
        """``(results, unsent, ids of the keys that the flights go on with)`` to be settled now."""
        results, self.results = self.results, []
        unsent, self.unsent = self.unsent, []
        self.settling = [result.claim for result in results] + unsent
        going_on = {c.key_id for f in self.in_flight.values() for c in f.claims}
        held = going_on & {claim.key_id for claim in self.settling}
        return results, unsent, held

    def settled(self, held):
        """What came back is settled; the claims whose leases end with it."""
        claims, self.settling = self.settling, []
        self.sent += len(claims)
        return [claim for claim in claims if claim.key_id not in held]

    def abandon(self):
        """Give everything up after an error; the claims whose leases shall run out."""
        flights = [*self.in_flight.values(), *self.claimed]
        claims = [claim for flight in flights for claim in flight.claims]
        claims += self.settling + self.unsent + [result.claim for result in self.results]
        self.in_flight.clear()
        for mine in (self.claimed, self.settling, self.unsent, self.results):
            mine.clear()
        return claims

    def pause(self, seconds):
        """Wait until woken, at most so long; only with nothing in flight."""
        try:
            self.answers.get(timeout=seconds)
        except queue.Empty:
            return

    def wake(self):
        """From another thread: do not wait for answers only, look for new messages."""
        if self.answers.empty():
            self.answers.put(None)
