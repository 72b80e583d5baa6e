import random
import time
from datetime import timezone

from odoo import api, models
from odoo.tools import SQL, groupby

from ..const import EXCERPT_CHARS
from ..tools.breaker import sign_of_life
from ..tools.envelope import EnvelopeError, EventRecord
from ..tools.outcome import Delivered
from ..tools.pg_array import array
from ..tools.settlement import decide
from .cursors import next_transaction, own_env
from .leases import leases
from .mfg_message_queue import QUEUES, Settled
from .mfg_transport import Outgoing
from .outbox_flight import Flight
from .outbox_settings import Settings

_rng = random.SystemRandom()

QUEUE = QUEUES["out"]
ADMIT_BATCH = 2000
POLL_SECONDS = 0.25
"""How often to look for new messages while calls are under way and none ends, in seconds."""
SETTLE_WAIT = 0.002
"""How long to gather more answers once one has come, in seconds: one settle for many."""
BUSY = 64
"""With so many calls under way, the next answers are near and worth a longer wait."""
SETTLE_WAIT_BUSY = 0.015
"""How long to gather then, in seconds, at most half of what is under way."""
NOTES_SECONDS = 1.0
"""How often a connector's last success or failure is noted while messages flow, in seconds."""
SOON = 1.0
"""What falls due within so many seconds is waited for; runners look again about as often."""
BUSY_WAIT = 0.05
"""Pause before looking again at something due that could not be started, in seconds."""


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
                ending = should_stop() or time.monotonic() >= deadline
                busy = len(pump.in_flight) >= BUSY
                wait = SETTLE_WAIT_BUSY if busy else SETTLE_WAIT
                landed = pump.gather(POLL_SECONDS, wait, go_on=not ending)
                ending = ending or should_stop() or time.monotonic() >= deadline
                more = self._turn(pump, claim=not ending)
                if pump.in_flight:
                    continue
                if ending or not (more or landed or self._wait_soon(pump)):
                    return pump.sent - before
        finally:
            # Only after an error (the database is gone, say) is anything left: let its leases run
            # out, the messages go out again with the same ids.
            leases.release(self.env.cr.dbname, QUEUE, pump.abandon())

    def _turn(self, pump, *, claim):
        """Settle what has landed, claim and launch what there is room for; whether there was."""
        with own_env(self.env.registry) as env:
            if pump.settings is None or pump.settings.stale:
                env["mfg.subscription"]._skip_empty_windows(pump.lane_id)
                pump.settings = Settings(env, pump.lane_id)
            claim = claim and pump.settings.fingerprint is not None
            results, unsent, held = pump.take_results()
            gone = self._settle(env, pump, results, unsent, held)
            # Settling and claiming share a commit while there is a backlog. An admission lock is
            # never waited for with keys in hand: admission waits for keys itself.
            started = self._start(env, pump) if claim and pump.backlog else 0
            env.cr.commit()
            leases.release(env.cr.dbname, QUEUE, pump.settled(held))
            self._launch(env, pump)
            if claim and pump.free() > 0:
                next_transaction(env.cr)
                admitted = env["mfg.message.queue"]._admit(QUEUE, pump.lane_id, ADMIT_BATCH)
                started += self._start(env, pump)
                env.cr.commit()
                self._launch(env, pump)
                # A full batch may have been somebody's who is paused: look further.
                started = started or admitted == ADMIT_BATCH
            self._note(env, pump)
            if gone:
                next_transaction(env.cr)
                env["mfg.subscription"].browse(gone).exists()._pause_gone()
        return bool(started)

    def _wait_soon(self, pump):
        """Wait for what falls due within a moment: True to look again."""
        with own_env(self.env.registry) as env:
            fingerprint = env["mfg.environment"]._fingerprint_here()
            if fingerprint is None:
                return False
            due = env["mfg.message.queue"]._seconds_until_due(
                QUEUE, pump.lane_id, fingerprint, local=False
            )
        if due is None or due > SOON:
            return False
        pump.pause(max(due, BUSY_WAIT))
        return True

    # === Claim === #

    def _start(self, env, pump):
        """Claim what may start now; how many requests."""
        queue_model = env["mfg.message.queue"]
        dues = queue_model._due_subscriptions(pump.lane_id, pump.settings.fingerprint)
        free = pump.free_by_connector(dues)
        permits = queue_model._permits(dues, free)
        shares = pump.shares(dues, permits)
        for due in dues:
            opened = due.window_open and due.id in shares
            if opened and not env["mfg.subscription"]._close_window(due.id):
                del shares[due.id]
        pump.suspects |= {due.connector_id for due in dues if due.failing or due.probe}
        limit = sum(share.keys for share in shares.values())
        claims = queue_model._claim(QUEUE, shares, limit, pump.worker)
        flights = self._flights(env, pump, claims, {due.id: due for due in dues})
        started = {}
        for flight in flights:
            started[flight.connector_id] = started.get(flight.connector_id, 0) + 1
        patience = {flight.connector_id: flight.route.patience for flight in flights}
        queue_model._note_started(dues, permits, started, patience)
        pump.backlog = bool(flights) and len(flights) >= pump.free()
        pump.claimed += flights
        return len(flights)

    def _flights(self, env, pump, claims, dues):
        """What was claimed, as it goes out: a key's messages one by one, or a batch at once."""
        outgoing = self._load(env, claims)
        flights = []

        def together(claim):
            batch = dues[claim.owner_id].mode != "real_time"
            return ("attempt", claim.attempt_id) if batch else ("key", claim.key_id)

        for _key, mine in groupby(claims, together):
            policy = pump.settings.policy(env, dues[mine[0].owner_id])
            route = pump.settings.route(env, mine[0].connector_id, policy.batch)
            flights.append(Flight(mine, [outgoing[c.message_id] for c in mine], policy, route))
        return flights

    def _launch(self, env, pump):
        """Send what was claimed; its claim is committed."""
        claimed, pump.claimed = pump.claimed, []
        claims = [claim for flight in claimed for claim in flight.claims]
        leases.hold(env.cr.dbname, QUEUE, claims)
        for flight in claimed:
            pump.launch(flight)

    @api.model
    def _load(self, env, claims):
        """``{message id: Outgoing, or why there is none as text}``, read in one go."""
        if not claims:
            return {}
        env.cr.execute(
            SQL(
                """
                SELECT m.id, m.uuid, e.uuid, e.source, e.type, e.subject, e.occurred_at, e.id,
                       e.ordering_key, e.traceparent, e.correlation_id, e.causation_id,
                       COALESCE(m.data_edited, e.data),
                       (SELECT r.uuid FROM mfg_replay r WHERE r.id = m.replay_id)
                  FROM ONLY mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id
                 WHERE m.id = ANY(%s::int[])
                """,
                array(claim.message_id for claim in claims),
            )
        )
        found = {row[0]: self._outgoing(row) for row in env.cr.fetchall()}
        return {
            claim.message_id: found.get(claim.message_id, "The event does not exist.")
            for claim in claims
        }

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
        return Outgoing(message_id=row[0], uuid=row[1], event=event, replay=row[13] or "")

    # === Settle === #

    def _settle(self, env, pump, results, unsent, held):
        """Write how attempts ended; ids of the subscriptions that their partners gave up."""
        down = self._note_health(env, pump)
        rows, items, gone, decisions = [], [], set(), {}
        for result in results:
            connector_id = result.claim.connector_id
            row, pause = self._row(result, connector_id in down, decisions)
            rows.append(row)
            if pause:
                gone.add(result.claim.owner_id)
            if result.shared and row.outcome != "delivered":
                items.append(row._replace(attempt_id=result.claim.attempt_id))
            pump.notes[connector_id] = (row.outcome == "delivered", row.detail)
        queue_model = env["mfg.message.queue"]
        queue_model._note_items(QUEUE, items)
        queue_model._settle(QUEUE, rows, shared=self._shared(results), unsent=unsent, held=held)
        return gone

    def _note_health(self, env, pump):
        """Move the breakers on; ids of the connectors that are down.

        A partner that works costs nothing: its row is written when something failed of late.
        """
        suspects = {
            connector_id
            for connector_id, outcomes in pump.health.items()
            if connector_id in pump.suspects or any(sign_of_life(o) is False for o in outcomes)
        }
        outcomes = {connector_id: pump.health[connector_id] for connector_id in suspects}
        pump.health = {}
        if not outcomes:
            return set()
        down, failing, missed = env["mfg.message.queue"]._note_outcomes(outcomes)
        pump.suspects = (pump.suspects - suspects) | failing | missed
        pump.health = {connector_id: outcomes[connector_id] for connector_id in missed}
        return down

    def _row(self, result, down, decisions):
        claim, answer = result.claim, result.answer
        partner_down = down and sign_of_life(result.outcome) is False
        # Messages that failed in one request are due at one time, to go together again.
        place = (claim.attempt_id, id(result.outcome), claim.tries)
        decision = decisions.get(place)
        if decision is None:
            decision = decisions[place] = decide(
                result.outcome,
                schedule=result.policy.schedule,
                tries=claim.tries,
                rng=_rng,
                partner_down=partner_down,
            )
        row = Settled(
            message_id=claim.message_id,
            key_id=claim.key_id,
            claim_no=claim.claim_no,
            attempt_id=0 if result.shared else claim.attempt_id,
            state=decision.state.value,
            outcome=decision.outcome,
            reason=decision.reason or None,
            detail=decision.detail or None,
            delay=decision.delay,
            park=result.policy.park,
            refund=partner_down,
            more=result.full,
            **self._request(result.prepared),
            **({} if result.shared else self._response(answer)),
        )
        if result.shared and row.outcome != "delivered":
            response = result.outcome.response[:EXCERPT_CHARS] or None
            row = row._replace(http_status=result.outcome.status, response_excerpt=response)
        return row, decision.pause

    @staticmethod
    def _request(prepared):
        if prepared is None:
            return {}
        return {"request_excerpt": prepared.excerpt, "credential_id": prepared.credential_id}

    @staticmethod
    def _response(answer):
        return {
            "http_status": answer.status,
            "duration_ms": answer.duration_ms,
            # Free of secrets already, which is the sender's business.
            "response_excerpt": (answer.response_excerpt or "")[:EXCERPT_CHARS] or None,
        }

    def _shared(self, results):
        """How the attempts of batches ended: a row each, as the request went."""
        ends = {}
        for result in results:
            if result.shared and result.claim.attempt_id not in ends:
                outcome = result.answer.outcome
                delivered = isinstance(outcome, Delivered)
                ends[result.claim.attempt_id] = Settled(
                    message_id=0,
                    key_id=0,
                    claim_no=0,
                    attempt_id=result.claim.attempt_id,
                    state="",
                    outcome="delivered" if delivered else _OUTCOMES[type(outcome).__name__],
                    reason=None if delivered else outcome.reason,
                    detail=outcome.note if delivered else outcome.detail,
                    delay=None,
                    park=False,
                    **self._request(result.prepared),
                    **self._response(result.answer),
                )
        return list(ends.values())

    def _note(self, env, pump):
        """What need not be in the settling transaction: connectors' last success or failure."""
        now = time.monotonic()
        if pump.notes and (now >= pump.notes_due or not pump.in_flight):
            next_transaction(env.cr)
            notes, pump.notes = pump.notes, {}
            pump.notes_due = now + NOTES_SECONDS
            env["mfg.connector.runtime"]._record_results(notes)


_OUTCOMES = {"Retry": "retry", "Reject": "rejected"}
