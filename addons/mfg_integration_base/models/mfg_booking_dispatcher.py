import logging
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import psycopg2

from odoo import SUPERUSER_ID, api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import SQL

from ..const import EXCERPT_CHARS, LEASE_SECONDS
from ..tools.lifecycle import State
from ..tools.outcome import Delivered, Reject, Retry
from ..tools.redact import excerpt
from ..tools.settlement import decide
from .cursors import next_transaction, own_env
from .leases import leases
from .mfg_message_queue import QUEUES, Settled

_logger = logging.getLogger(__name__)
_rng = random.SystemRandom()

ADMIT_BATCH = 1000
BATCH_SECONDS = 0.1
"""How much work to claim at once, in seconds of what messages took last: while they are short, the
database is asked once for many; long ones are claimed one by one."""
BATCH_LIMIT = 64
STALE_SECONDS = LEASE_SECONDS / 2
"""A claimed message that has waited this long behind another is left to who is free, in seconds."""
ADMIT_SECONDS = 0.25
"""How often new messages are looked for while there is a backlog, in seconds."""
FINGERPRINT_SECONDS = 1.0
"""How long the answer to "may this database work at all" is believed, in seconds."""


class LeaseLost(Exception):
    """Somebody else has claimed the message meanwhile: nothing of this work may stay."""


@dataclass(slots=True)
class Booking:
    """The state of one direction of one lane in one thread."""

    lane_id: int
    worker: str
    stats: object = None  # Tally
    booked: int = 0
    settled: list = field(default_factory=list)  # Settled: committed, keys not yet given back
    unsent: list = field(default_factory=list)  # Claimed: not begun, others may have them
    held: list = field(default_factory=list)  # Claimed: their leases are renewed
    batch: int = 1  # how many to claim at once
    admitted: int = 0  # by the last look for new messages
    admit_at: float = 0.0  # monotonic time of the next look for new messages
    fingerprint: str | None = None
    fingerprint_until: float = 0.0  # monotonic time


class MfgBookingDispatcher(models.AbstractModel):
    """Works off messages in this database, one by one, each in a transaction of its own.

    The work and the message's state commit together, in a transaction with a fresh snapshot that
    is run again as a whole after a serialization failure. What is done with a message is the
    concrete dispatcher's; it says so in the methods that come first.
    """

    _name = "mfg.booking.dispatcher"
    _description = "Dispatcher that works in this database"

    _mfg_queue = None  # "out" or "in"
    _mfg_local = None  # as in mfg.message.queue._due_owners

    # === What a concrete dispatcher says === #

    def _load(self, claims):
        """Hook in the transaction of the claim: ``{message id: what _book needs of it}``."""
        return {}

    def _book(self, claim, work, started):
        """Do the work and settle, all in the current transaction; the ``Settled`` row.

        :param work: what ``_load`` returned for it, or None
        :raises LeaseLost: somebody else has the message
        :raises Exception: everything is rolled back; see ``_decide_failed``
        """
        raise NotImplementedError

    def _schedule(self, claim):
        """The retry ``Schedule`` of the message."""
        raise NotImplementedError

    def _parks(self, claim):
        """Whether the message, once dead, holds the later ones of its key."""
        raise NotImplementedError

    def _outcome_of(self, error):
        """The outcome of work that was rolled back because of ``error``."""
        if isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
            return Retry("server_error", "Concurrent changes; it is tried again.")
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
            return Retry("interrupted", "The database was lost; it is tried again.")
        return Reject("handler_failed", excerpt(f"{type(error).__name__}: {error}", EXCERPT_CHARS))

    def _decide_failed(self, claim, error):
        """The ``Settlement`` of work that was rolled back because of ``error``."""
        return self._decide(claim, self._outcome_of(error))

    def _released(self, settled):
        """Hook in the transaction that gives keys back; list of ``Settled``."""

    def _exhausted(self, claim):
        """The outcome of a message whose runners have all ended without one; None for others."""
        if claim.tries == 1 or claim.tries <= self._schedule(claim).max_attempts:
            return None
        return Reject(
            "attempts_exhausted",
            self.env._(
                "%s attempts ended without a result: their runners were lost.", claim.tries - 1
            ),
        )

    # === The cycle === #

    @api.model
    def _pump(self, lane_id, worker, *, deadline, should_stop, stats=None):
        """Work until the lane is idle, ``deadline`` (monotonic) or ``should_stop()``; how many.

        What was claimed is finished first.

        :param stats: ``Tally`` that counts them as well, while this runs
        """
        booking = Booking(lane_id, worker, stats)
        while True:
            ending = should_stop() or time.monotonic() >= deadline
            if ending and not (booking.settled or booking.unsent):
                return booking.booked
            claimed = self._turn(booking, claim=not ending)
            if claimed:
                self._work_off(booking, claimed)
            elif ending or booking.admitted < ADMIT_BATCH:
                # After a full batch, which may have been somebody's who is paused: look further.
                return booking.booked

    def _work_off(self, booking, claimed):
        """Do what was claimed, and learn from it how much to claim next time.

        The leases of those that wait are not renewed: when the first turns out to be long, others
        take them over, and a lease that may have run out is not used.
        """
        started = time.monotonic()
        for claim, work in claimed:
            if time.monotonic() - started > STALE_SECONDS:
                _logger.info("Message %s has waited too long behind another.", claim.uuid)
                booking.unsent.append(claim)
                continue
            with booking.stats.one() if booking.stats else nullcontext():
                settled = self._process(claim, work)
            if settled:
                # The key stays ours until it is given back: others would count it differently.
                booking.settled.append(settled)
                booking.held.append(claim)
            else:
                self._let_go([claim])
            booking.booked += 1
        # A coarse clock may not have moved at all.
        each = max(time.monotonic() - started, 1e-6) / len(claimed)
        booking.batch = max(1, min(int(BATCH_SECONDS / each), 2 * booking.batch, BATCH_LIMIT))

    def _turn(self, booking, *, claim):
        """Give back the keys of what is settled, and claim: list of ``(claim, work)``.

        One commit for both while there is a backlog. An admission lock is never waited for with
        keys in hand.
        """
        try:
            with own_env(self.env.registry) as env:
                return self.with_env(env)._turn_in(env, booking, claim)
        finally:
            held, booking.held = booking.held, []
            self._let_go(held)

    def _let_go(self, claims):
        leases.release(self.env.cr.dbname, QUEUES[self._mfg_queue], claims)

    def _turn_in(self, env, booking, claim):
        queue = QUEUES[self._mfg_queue]
        claimed = []
        self._give_back(booking, queue)
        now = time.monotonic()
        if claim and now >= booking.fingerprint_until:
            booking.fingerprint = env["mfg.environment"]._fingerprint_here()
            booking.fingerprint_until = now + FINGERPRINT_SECONDS
        booking.admitted = 0
        if not claim or booking.fingerprint is None:
            return []
        if now < booking.admit_at:
            claimed = self._claim_batch(booking, queue)
        if not claimed:
            next_transaction(env.cr)
            booking.admitted = env["mfg.message.queue"]._admit(queue, booking.lane_id, ADMIT_BATCH)
            booking.admit_at = now + ADMIT_SECONDS
            next_transaction(env.cr)  # the admission lock is held as short as possible
            claimed = self._claim_batch(booking, queue)
        return claimed

    def _give_back(self, booking, queue):
        settled, booking.settled = booking.settled, []
        unsent, booking.unsent = booking.unsent, []
        queue_model = self.env["mfg.message.queue"]
        if unsent:
            queue_model._settle(queue, [], unsent=unsent)
        if settled:
            # Several keys are locked in the order that all who wait for keys use.
            queue_model._lock_keys(queue, SQL("id = ANY(%s)", [row.key_id for row in settled]))
            queue_model._release_keys(queue, settled)
            self._released(settled)

    def _claim_batch(self, booking, queue):
        queue_model = self.env["mfg.message.queue"]
        owners = queue_model._due_owners(
            queue, booking.lane_id, booking.fingerprint, local=self._mfg_local
        )
        quotas = {owner.id: booking.batch for owner in owners}
        claims = queue_model._claim(queue, quotas, booking.batch, booking.worker)
        works = self._load(claims) if claims else {}
        return [(claim, works.get(claim.message_id)) for claim in claims]

    def _process(self, claim, work=None):
        """Work off one message; the ``Settled`` whose key is to be given back, or None.

        Its lease is renewed from now on, until the key is given back.

        The work is committed then. A crash before the key is given back leaves a key with a lease
        and no message: whoever claims it then puts it right.
        """
        queue = QUEUES[self._mfg_queue]
        leases.hold(self.env.cr.dbname, queue, [claim])
        started = time.monotonic()
        try:
            with self.env.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                return retrying(partial(self.with_env(env)._book, claim, work, started), env)
        except LeaseLost:
            _logger.warning("Message %s was taken over by another runner.", claim.uuid)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to this one message
            return self._settle_failed(claim, error, started)

    def _settle_failed(self, claim, error, started):
        """Nothing of the work was kept: write what became of it in another transaction."""
        with own_env(self.env.registry) as env:
            self = self.with_env(env)  # noqa: PLW0642 - the same model, in another transaction
            try:
                return self._settle(claim, self._decide_failed(claim, error), started)
            except LeaseLost:
                _logger.warning("Message %s was taken over by another runner.", claim.uuid)
                return None

    def _decide(self, claim, outcome):
        # The policy is looked up for those only that need it.
        schedule = None if isinstance(outcome, Delivered) else self._schedule(claim)
        return decide(outcome, schedule=schedule, tries=claim.tries, rng=_rng)

    def _settle(self, claim, decision, started, response=""):
        """Write how the attempt ended; the ``Settled`` row.

        :raises LeaseLost: the message is not ours any more
        """
        settled = Settled(
            message_id=claim.message_id,
            key_id=claim.key_id,
            claim_no=claim.claim_no,
            attempt_id=claim.attempt_id,
            state=str(decision.state),
            outcome=decision.outcome,
            reason=decision.reason or None,
            detail=decision.detail or None,
            delay=decision.delay,
            park=decision.state == State.DEAD and self._parks(claim),
            duration_ms=(time.monotonic() - started) * 1000,
            response_excerpt=excerpt(response, EXCERPT_CHARS) or None,
        )
        queue = QUEUES[self._mfg_queue]
        if not self.env["mfg.message.queue"]._settle_messages(queue, [settled]):
            raise LeaseLost
        return settled
