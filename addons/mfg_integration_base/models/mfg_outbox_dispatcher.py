import random
import time
from datetime import timezone

from odoo import api, models
from odoo.tools import SQL

from ..const import EXCERPT_CHARS
from ..tools.envelope import EnvelopeError, EventRecord
from ..tools.redact import excerpt
from ..tools.settlement import decide
from .cursors import next_transaction, own_env
from .leases import leases
from .mfg_message_queue import QUEUES, Settled
from .mfg_transport import Outgoing
from .outbox_pump import Settings

_rng = random.SystemRandom()

QUEUE = QUEUES["out"]
ADMIT_BATCH = 2000
POLL_SECONDS = 0.25
"""How often to look for new messages while calls are under way and none ends, in seconds."""
SETTLE_WAIT = 0.002
"""How long to gather more answers once one has come, in seconds: one settle for many."""
RESULTS_SECONDS = 1.0
"""How often a connector's last success or failure is noted while messages flow, in seconds."""


class MfgOutboxDispatcher(models.AbstractModel):
    """Claims, prepares, sends, settles; no transaction is open while the network is used."""

    _name = "mfg.outbox.dispatcher"
    _description = "Outbox dispatcher"

    @api.model
    def _pump(self, pump, *, deadline, should_stop):
        """Send what is due until the lane is idle, ``deadline`` (monotonic) or ``should_stop()``.

        Each turn is one transaction that settles what has come back and claims what may start.
        Always ends with nothing in flight; number of attempts settled by this call.
        """
        before = pump.sent
        try:
            while True:
                landed = pump.gather(POLL_SECONDS, SETTLE_WAIT)
                ending = should_stop() or time.monotonic() >= deadline
                more = self._turn(pump, landed, claim=not ending)
                if not pump.in_flight and (ending or not (more or landed)):
                    return pump.sent - before
        finally:
            # Only after an error (the database is gone, say) is anything left: let its leases run
            # out, the messages go out again with the same ids.
            leases.release(self.env.cr.dbname, QUEUE, pump.abandon())

    def _turn(self, pump, landed, *, claim):
        """Settle ``landed``, claim and launch what there is room for; True if there was any."""
        with own_env(self.env.registry) as env:
            if pump.settings is None or pump.settings.stale:
                pump.settings = Settings(env, pump.lane_id)
            claim = claim and pump.settings.fingerprint is not None
            pump.land(landed)
            settled = self._settle(env, pump, landed)
            # Settling and claiming share a commit while there is a backlog. An admission lock is
            # never waited for with keys in hand: admission waits for keys itself.
            started = self._start(env, pump) if claim and pump.backlog else 0
            env.cr.commit()
            leases.release(env.cr.dbname, QUEUE, pump.settled())
            self._launch(env, pump)
            if claim and pump.free() > 0:
                next_transaction(env.cr)
                admitted = env["mfg.message.queue"]._admit(QUEUE, pump.lane_id, ADMIT_BATCH)
                started += self._start(env, pump)
                env.cr.commit()
                self._launch(env, pump)
                # A full batch may have been somebody's who is paused: look further.
                started = started or admitted == ADMIT_BATCH
            self._note(env, pump, settled)
        return bool(started)

    def _start(self, env, pump):
        """Claim up to the lane's free slots; how many."""
        free = pump.free()
        queue_model = env["mfg.message.queue"]
        owners = queue_model._due_owners(
            QUEUE, pump.lane_id, pump.settings.fingerprint, local=False
        )
        claims = queue_model._claim(QUEUE, pump.quotas(owners, free), free, pump.worker)
        pump.backlog = len(claims) == free
        pump.claimed += zip(claims, self._load(env, claims), strict=True)
        return len(claims)

    def _launch(self, env, pump):
        """Send what was claimed; its claim is committed."""
        claimed, pump.claimed = pump.claimed, []
        leases.hold(env.cr.dbname, QUEUE, [claim for claim, _outgoing in claimed])
        for claim, outgoing in claimed:
            pump.launch(claim, outgoing, pump.settings.route(env, claim.connector_id))

    @api.model
    def _load(self, env, claims):
        """The ``Outgoing`` of each claim, read in one go; why there is none, as text."""
        if not claims:
            return []
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
        outgoing = {row[0]: self._outgoing(row) for row in env.cr.fetchall()}
        return [outgoing.get(claim.message_id, "The event does not exist.") for claim in claims]

    @api.model
    def _outgoing(self, row):
        """A row of ``_load`` as ``Outgoing``; or why it cannot be one."""
        try:
            event = EventRecord(
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
            )
        except EnvelopeError as error:
            return f"The event is malformed. {error}"
        return Outgoing(message_id=row[0], uuid=row[1], event=event)

    def _settle(self, env, pump, landed):
        """Write how attempts ended; list of ``(Flight, Settled, pause)``."""
        settled = [self._row(env, pump, flight, answer) for flight, answer in landed]
        rows = [row for _flight, row, _pause in settled]
        env["mfg.message.queue"]._settle(QUEUE, rows)
        return settled

    def _row(self, env, pump, flight, answer):
        claim = flight.claim
        schedule, park = pump.settings.policy(env, claim.owner_id)
        decision = decide(answer.outcome, schedule=schedule, tries=claim.tries, rng=_rng)
        prepared = flight.prepared
        row = Settled(
            message_id=claim.message_id,
            key_id=claim.key_id,
            claim_no=claim.claim_no,
            attempt_id=claim.attempt_id,
            state=decision.state.value,
            outcome=decision.outcome,
            reason=decision.reason or None,
            detail=decision.detail or None,
            delay=decision.delay,
            park=park,
            http_status=answer.status,
            duration_ms=answer.duration_ms,
            request_excerpt=prepared.excerpt if prepared else None,
            response_excerpt=excerpt(answer.response_excerpt or "", EXCERPT_CHARS) or None,
            credential_id=prepared.credential_id if prepared else None,
        )
        return flight, row, decision.pause

    def _note(self, env, pump, settled):
        """What need not be in the settling transaction: connectors' health, partners that left."""
        for flight, row, _pause in settled:
            pump.results[flight.claim.connector_id] = (row.outcome == "delivered", row.detail)
        now = time.monotonic()
        if pump.results and (now >= pump.results_due or not pump.in_flight):
            next_transaction(env.cr)
            results, pump.results = pump.results, {}
            pump.results_due = now + RESULTS_SECONDS
            env["mfg.connector.runtime"]._record_results(results)
        gone = {flight.claim.owner_id for flight, _row, pause in settled if pause}
        if gone:
            next_transaction(env.cr)
            env["mfg.subscription"].browse(gone).exists()._pause_gone()
