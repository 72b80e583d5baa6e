from datetime import datetime, timezone
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..tools import breaker, token_bucket
from .mfg_message_queue import NOW, QUEUES


class Due(NamedTuple):
    """A subscription with something that may be sent now."""

    id: int
    connector_id: int
    max_in_flight: int
    mode: str
    batch_size: int
    conflate: bool
    window_open: bool  # scheduled: the time of its next document has come
    probe: bool  # the breaker is not closed: one request may go
    failing: bool  # the last requests of some runner failed
    rate: float  # requests per second, 0: no limit
    burst: int


class MfgMessageQueue(models.AbstractModel):
    """What may be sent to whom at this moment: modes, circuit breaker, rate limit.

    Run-time rows are locked with SKIP LOCKED only: one that another runner holds is asked again in
    the next turn, and nobody waits while holding keys.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _due_subscriptions(self, lane_id, fingerprint):
        """``Due`` of the lane's subscriptions that send to partners and have something to send."""
        queue = QUEUES["out"]
        self.env.cr.execute(
            SQL(
                """
                SELECT o.id, o.connector_id, c.max_in_flight, o.mode, o.batch_size, o.conflate,
                       o.mode = 'scheduled' AND o.next_window_at <= %(now)s,
                       COALESCE(r.breaker_phase, 'closed') != 'closed',
                       COALESCE(r.breaker_failures, 0) > 0,
                       COALESCE(c.rate_limit, 0), c.rate_burst
                  FROM mfg_subscription o JOIN mfg_connector c ON c.id = o.connector_id
                  LEFT JOIN mfg_connector_runtime r ON r.connector_id = c.id
                 CROSS JOIN LATERAL (
                       SELECT due_at FROM %(keys)s
                        WHERE owner_id = o.id AND due_at <= %(now)s ORDER BY due_at LIMIT 1) next
                 WHERE o.lane_id = %(lane)s AND %(running)s AND %(ready_at)s <= %(now)s
                 ORDER BY o.id
                """,
                keys=queue.keys, lane=lane_id, now=NOW, ready_at=self._ready_at(queue),
                running=self._running_here(queue, fingerprint, local=False),
            )
        )  # fmt: skip
        return [Due(*row) for row in self.env.cr.fetchall()]

    @staticmethod
    def _ready_at(queue):
        if queue.direction == "in":
            return SQL("next.due_at")
        # A micro-batch waits for company, but not longer than it may and not when it is full.
        lingering = SQL(
            """
            CASE WHEN o.mode = 'micro_batch' AND o.linger_ms > 0
                  AND (SELECT COALESCE(sum(w.waiting), 0)
                         FROM (SELECT waiting FROM %(keys)s
                                WHERE owner_id = o.id AND due_at <= %(now)s
                                LIMIT o.batch_size) w) < o.batch_size
                 THEN next.due_at + o.linger_ms * interval '1 ms' ELSE next.due_at END
            """,
            keys=queue.keys,
            now=NOW,
        )
        token = SQL(
            "CASE WHEN c.rate_limit > 0 THEN r.rate_at"
            " + GREATEST(0, 1 - r.rate_tokens) / c.rate_limit * interval '1 second' END"
        )
        return SQL("GREATEST(%s, r.breaker_until, %s)", lingering, token)

    @api.model
    def _permits(self, dues, free):
        """How many requests each connector may start: ``{connector id: number}``.

        Locks the rows of those with a rate limit or a breaker that is not closed, until the end of
        the transaction; see ``_note_started``.

        :param free: ``{connector id: requests that its own limit allows}``
        """
        permits = dict(free)
        limited = {due.connector_id: due for due in dues if due.probe or due.rate}
        if not limited:
            return permits
        rows = self._lock_runtime(limited)
        for connector_id, due in limited.items():
            if connector_id not in rows:
                permits[connector_id] = 0
                continue
            row = rows[connector_id]
            if due.probe:
                allowed = breaker.may_send(row.state, row.now).allowed
                if allowed is not None:
                    permits[connector_id] = min(permits[connector_id], allowed)
            if due.rate and permits[connector_id]:
                permits[connector_id] = self._take_tokens(due, row, permits[connector_id])
        return permits

    def _take_tokens(self, due, row, wanted):
        taken = token_bucket.take(
            row.bucket, rate_per_s=due.rate, burst=max(1, due.burst), wanted=wanted, now=row.now
        )
        self._write_bucket(due.connector_id, taken.bucket)
        return taken.granted

    def _write_bucket(self, connector_id, bucket):
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_connector_runtime SET rate_tokens = %s, rate_at = %s"
                " WHERE connector_id = %s",
                bucket.tokens,
                bucket.at.replace(tzinfo=None),
                connector_id,
            )
        )

    @api.model
    def _note_started(self, dues, permits, started, patience):
        """Give back the tokens that were not needed, and note probes that are on their way.

        :param started: ``{connector id: requests}``
        :param patience: ``{connector id: seconds after which its probe counts as lost}``
        """
        for due in {due.connector_id: due for due in dues if due.rate or due.probe}.values():
            connector_id = due.connector_id
            count = started.get(connector_id, 0)
            unused = permits[connector_id] - count
            if due.rate and unused > 0:
                self.env.cr.execute(
                    SQL(
                        "UPDATE mfg_connector_runtime"
                        "   SET rate_tokens = LEAST(%s, rate_tokens + %s) WHERE connector_id = %s",
                        max(1, due.burst),
                        unused,
                        connector_id,
                    )
                )
            if due.probe and count:
                row = self._lock_runtime([connector_id])[connector_id]
                state = breaker.probing(row.state, now=row.now, patience=patience[connector_id])
                self._write_breaker({connector_id: state})

    @api.model
    def _note_outcomes(self, outcomes):
        """Move the breakers on; ids of the connectors that are down, for all we know.

        :param outcomes: ``{connector id: [Outcome of each request, in order]}``
        :return: ids of the connectors that are down; of those with failures in a row; and of those
            whose row another runner was writing, to be noted later
        """
        rows = self._lock_runtime(outcomes)
        changed, down, failing = {}, set(), set()
        for connector_id, row in rows.items():
            state = row.state
            for outcome in outcomes[connector_id]:
                state = breaker.after_outcome(state, row.rule, outcome, now=row.now)
            if state != row.state:
                changed[connector_id] = state
            if state.phase != breaker.Phase.CLOSED:
                down.add(connector_id)
            if state.failures:
                failing.add(connector_id)
        self._write_breaker(changed)
        missed = set(outcomes) - set(rows)
        if missed:
            self.env.cr.execute(
                SQL(
                    "SELECT connector_id FROM mfg_connector_runtime"
                    " WHERE connector_id = ANY(%s) AND breaker_phase != 'closed'",
                    list(missed),
                )
            )
            down |= {row[0] for row in self.env.cr.fetchall()}
        return down, failing, missed

    def _write_breaker(self, states):
        if not states:
            return
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_connector_runtime r SET breaker_phase = s.phase,"
                "       breaker_failures = s.failures, breaker_until = s.until"
                "  FROM unnest(%s::int[], %s::text[], %s::int[], %s::timestamp[])"
                "       AS s(connector_id, phase, failures, until)"
                " WHERE r.connector_id = s.connector_id",
                list(states),
                [str(state.phase) for state in states.values()],
                [state.failures for state in states.values()],
                [state.until.replace(tzinfo=None) if state.until else None
                 for state in states.values()],
            )
        )  # fmt: skip

    def _lock_runtime(self, connector_ids):
        """``{connector id: _Runtime}`` of the rows that nobody else is writing."""
        self.env.cr.execute(
            SQL(
                """
                SELECT r.connector_id, r.breaker_phase, r.breaker_failures, r.breaker_until,
                       r.rate_tokens, r.rate_at, c.breaker_threshold, c.breaker_cool_down,
                       c.breaker_max_cool_down, %s
                  FROM mfg_connector_runtime r JOIN mfg_connector c ON c.id = r.connector_id
                 WHERE r.connector_id = ANY(%s) ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
                """,
                NOW,
                list(connector_ids),
            )
        )
        return {row[0]: _Runtime.of_row(*row[1:]) for row in self.env.cr.fetchall()}


class _Runtime(NamedTuple):
    """A run-time row that is locked."""

    state: breaker.BreakerState
    rule: breaker.BreakerRule
    bucket: token_bucket.Bucket | None
    now: datetime

    @classmethod
    def of_row(cls, phase, failures, until, tokens, at, threshold, cool_down, max_cool_down, now):
        return cls(
            breaker.BreakerState(breaker.Phase(phase or "closed"), failures or 0, _utc(until)),
            breaker.BreakerRule(threshold, cool_down, max_cool_down),
            token_bucket.Bucket(tokens or 0.0, _utc(at)) if at else None,
            _utc(now),
        )


def _utc(moment):
    return moment.replace(tzinfo=timezone.utc) if moment else None
