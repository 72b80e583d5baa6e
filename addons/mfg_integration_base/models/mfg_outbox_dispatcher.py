import logging
import queue
import random
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import timezone

from odoo import api, models
from odoo.tools import SQL

from ..const import EXCERPT_CHARS
from ..tools.envelope import EventRecord
from ..tools.outcome import Answer, Reject
from ..tools.redact import excerpt
from ..tools.settlement import decide
from .cursors import own_env, read_committed
from .leases import leases
from .mfg_message_queue import QUEUES, Claimed, Settled
from .mfg_transport import Outgoing, Prepared

_logger = logging.getLogger(__name__)
_rng = random.SystemRandom()

QUEUE = QUEUES["out"]
ADMIT_BATCH = 1000
POLL_SECONDS = 0.25
"""How often to look for new messages while calls are under way and none ends, in seconds."""
SETTLE_WAIT = 0.002
"""How long to gather more answers once one has come, in seconds: one settle for many."""


@dataclass
class Flight:
    """A message on its way: claimed, prepared, not yet settled."""

    claim: Claimed
    prepared: Prepared | None


@dataclass
class Pump:
    """The running state of one lane's sending in one thread."""

    lane_id: int
    worker: str
    in_flight: dict = field(default_factory=dict)  # attempt id -> Flight
    answers: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)  # (attempt id, answer)
    sent: int = 0


class MfgOutboxDispatcher(models.AbstractModel):
    """Claims, prepares, sends, settles; no transaction is open while the network is used."""

    _name = "mfg.outbox.dispatcher"
    _description = "Outbox dispatcher"

    @api.model
    def _pump(self, pump, *, deadline, should_stop):
        """Send what is due until the lane is idle, ``deadline`` (monotonic) or ``should_stop()``.

        Always ends with nothing in flight; number of attempts settled by this call.
        """
        before = pump.sent
        try:
            while True:
                ending = should_stop() or time.monotonic() >= deadline
                started = not ending and self._start(pump)
                if pump.in_flight:
                    self._settle(pump, self._gather(pump))
                elif not started:
                    return pump.sent - before
        finally:
            # Only after an error (the database is gone, say) is anything left: let its leases run
            # out, the messages go out again with the same ids.
            leases.release(self.env.cr.dbname, QUEUE, [f.claim for f in pump.in_flight.values()])

    def _start(self, pump):
        """Claim up to the lane's free slots and hand them to their transports; False when idle."""
        with own_env(self.env.registry) as env:
            lane = env["mfg.lane"].browse(pump.lane_id)
            free = min(lane.batch_size, lane.concurrency - len(pump.in_flight))
            if free <= 0 or env["mfg.environment"]._is_neutralized():
                return False
            queue_model = env["mfg.message.queue"]
            admitted = queue_model._admit(QUEUE, pump.lane_id, ADMIT_BATCH)
            env.cr.commit()  # the admission lock is held as short as possible
            read_committed(env.cr)
            fingerprint = env["mfg.environment"]._fingerprint()
            owners = queue_model._due_owners(QUEUE, pump.lane_id, fingerprint)
            claims = queue_model._claim(QUEUE, self._quotas(pump, owners, free), free, pump.worker)
            outgoing = self._load(env, claims)
            env.cr.commit()  # attempts are on disk before anything is sent
            if not claims:
                # A full batch of admissions may have been somebody's who is paused: look further.
                return admitted == ADMIT_BATCH
            leases.hold(env.cr.dbname, QUEUE, claims)
            self._send(env, pump, claims, outgoing)
        return True

    @staticmethod
    def _quotas(pump, owners, free):
        """How many messages each subscription may start, within its connector's limit."""
        busy = Counter(flight.claim.connector_id for flight in pump.in_flight.values())
        quotas = {}
        for owner in owners:
            quota = min(free, owner.max_in_flight - busy[owner.connector_id])
            if quota > 0:
                quotas[owner.id] = quota
                busy[owner.connector_id] += quota
        return quotas

    @api.model
    def _load(self, env, claims):
        """``{message id: Outgoing}``, read in one go."""
        env.cr.execute(
            SQL(
                """
                SELECT m.id, m.uuid, e.uuid, e.source, e.type, e.subject, e.occurred_at, e.id,
                       e.ordering_key, e.traceparent, e.correlation_id, e.causation_id, e.data
                  FROM mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id
                 WHERE m.id = ANY(%s)
                """,
                [claim.message_id for claim in claims],
            )
        )
        return {
            row[0]: Outgoing(
                message_id=row[0],
                uuid=row[1],
                event=EventRecord(
                    id=row[2],
                    source=row[3],
                    type=row[4],
                    subject=row[5] or "",
                    time=row[6].replace(tzinfo=timezone.utc),
                    dataschema=f"urn:mfg:schema:{row[4]}",
                    sequence=row[7],
                    partitionkey=row[8],
                    traceparent=row[9] or "",
                    correlationid=row[10] or "",
                    causationid=row[11] or "",
                    data_text=row[12],
                ),
            )
            for row in env.cr.fetchall()
        }

    def _send(self, env, pump, claims, outgoing):
        for claim in claims:
            pump.in_flight[claim.attempt_id] = Flight(claim, None)
            try:
                connector = env["mfg.connector"].browse(claim.connector_id)
                transport = env["mfg.transport"]._mfg_resolve(connector.transport)
                prepared = transport._prepare(
                    connector=connector, outgoing=outgoing[claim.message_id]
                )
                sender = transport._sender()
            except Exception:  # noqa: BLE001 - one message's fault must not stop the others
                detail = excerpt(traceback.format_exc(limit=-6), EXCERPT_CHARS)
                pump.answers.put((claim.attempt_id, Answer(Reject("prepare_failed", detail))))
                continue
            pump.in_flight[claim.attempt_id] = Flight(claim, prepared)
            sender.submit(
                prepared.call,
                lambda answer, attempt_id=claim.attempt_id: pump.answers.put((attempt_id, answer)),
            )

    @staticmethod
    def _gather(pump):
        """Wait for an answer, then take what else has come; list of ``(attempt id, answer)``."""
        try:
            answers = [pump.answers.get(timeout=POLL_SECONDS)]
        except queue.Empty:
            return []
        gather_until = time.monotonic() + SETTLE_WAIT
        while len(answers) < len(pump.in_flight):
            try:
                answers.append(pump.answers.get(timeout=max(gather_until - time.monotonic(), 0)))
            except queue.Empty:
                break
        return answers

    def _settle(self, pump, answers):
        if not answers:
            return
        flights = [(pump.in_flight[attempt_id], answer) for attempt_id, answer in answers]
        claims = [flight.claim for flight, _answer in flights]
        with own_env(self.env.registry) as env:
            subscriptions = (
                env["mfg.subscription"].browse({claim.owner_id for claim in claims}).exists()
            )
            settings = {
                s.id: (s.retry_policy_id._schedule(), s.on_dead == "park") for s in subscriptions
            }
            settled, paused = [], set()
            for flight, answer in flights:
                row, pause = self._row(env, settings, flight, answer)
                settled.append(row)
                if pause:
                    paused.add(flight.claim.owner_id)
            env["mfg.message.queue"]._settle_messages(QUEUE, settled)
            env["mfg.message.queue"]._release_keys(QUEUE, settled)
            env.cr.commit()
            leases.release(env.cr.dbname, QUEUE, claims)
            for attempt_id, _answer in answers:
                del pump.in_flight[attempt_id]
            pump.sent += len(answers)
            read_committed(env.cr)
            env["mfg.connector.runtime"]._record_results(
                (claim.connector_id, row.outcome == "delivered", row.detail)
                for claim, row in zip(claims, settled, strict=True)
            )
            if paused:
                env["mfg.subscription"].browse(paused).exists()._pause_gone()

    def _row(self, env, settings, flight, answer):
        """``(Settled, pause)`` of one answer."""
        claim = flight.claim
        schedule, park = settings.get(claim.owner_id) or (
            env["mfg.retry.policy"]._default_schedule(),
            False,
        )
        decision = decide(answer.outcome, schedule=schedule, tries=claim.tries, rng=_rng)
        row = Settled(
            message_id=claim.message_id,
            key_id=claim.key_id,
            claim_no=claim.claim_no,
            attempt_id=claim.attempt_id,
            state=str(decision.state),
            outcome=decision.outcome,
            reason=decision.reason or None,
            detail=decision.detail or None,
            delay=decision.delay,
            park=park,
            http_status=answer.status,
            duration_ms=answer.duration_ms,
            request_excerpt=flight.prepared.excerpt if flight.prepared else None,
            response_excerpt=excerpt(answer.response_excerpt or "", EXCERPT_CHARS) or None,
            credential_id=flight.prepared.credential_id if flight.prepared else None,
        )
        return row, decision.pause
