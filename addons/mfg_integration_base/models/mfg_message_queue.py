"""All SQL of the queues: admission, claim, settling, and what people do to messages.

Locks, in the order in which they are taken:

1. the admission lock of a lane (advisory, one per queue and lane), held for one short transaction;
2. key rows, always in order of (owner, ordering key) where a statement waits for them, which is
   the order in which admission takes them; a claim does not wait (SKIP LOCKED), so it may take them
   in any order;
3. message and attempt rows, which nobody touches without holding their key, except that people
   retry and cancel: they lock the key first like everybody else.

Everything that dispatchers call runs at READ COMMITTED (see ``cursors``). After a lock wait,
PostgreSQL looks again at the row it waited for but not at subqueries; so every write compares the
fence (``claim_no``) in the row itself.
"""

from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..const import LEASE_SECONDS
from ..tools.lifecycle import State

NOW = SQL("(statement_timestamp() AT TIME ZONE 'UTC')")
UNFINISHED = SQL("('pending', 'running', 'retrying', 'dead')")
ADMISSION_LOCK = {"out": 6002, "in": 6003}


class Queue(NamedTuple):
    """One of the two queues, by the names of its tables and columns."""

    direction: str
    messages: SQL
    keys: SQL
    owner: SQL  # column of the messages that holds the key's owner
    owners: SQL  # the owners' table
    attempt_link: SQL  # column of mfg_attempt


def _queue(direction, kind, owner):
    return Queue(
        direction=direction,
        messages=SQL.identifier(f"mfg_{kind}_message"),
        keys=SQL.identifier(f"mfg_{kind}_key"),
        owner=SQL.identifier(f"{owner}_id"),
        owners=SQL.identifier("mfg_subscription" if owner == "subscription" else "mfg_inbox_route"),
        attempt_link=SQL.identifier(f"{kind}_message_id"),
    )


QUEUES = {"out": _queue("out", "outbox", "subscription"), "in": _queue("in", "inbox", "route")}
QUEUE_OF_MODEL = {"mfg.outbox.message": QUEUES["out"], "mfg.inbox.message": QUEUES["in"]}


class Owner(NamedTuple):
    """A subscription or route with something due."""

    id: int
    connector_id: int
    max_in_flight: int


class Claimed(NamedTuple):
    """A message that belongs to a worker until its lease ends."""

    message_id: int
    key_id: int
    claim_no: int
    attempt_id: int
    owner_id: int
    connector_id: int
    uuid: str
    tries: int  # attempts since queued or retried by a person, this one included


class Settled(NamedTuple):
    """How one attempt ended, ready to be written."""

    message_id: int
    key_id: int
    claim_no: int
    attempt_id: int
    state: str
    outcome: str
    reason: str | None
    detail: str | None
    delay: float | None  # seconds until the next attempt
    park: bool  # hold the key behind this dead message
    http_status: int | None = None
    duration_ms: float | None = None
    request_excerpt: str | None = None
    response_excerpt: str | None = None
    credential_id: int | None = None

    @property
    def parks_key(self):
        """The message is dead and holds the later ones of its key."""
        return self.park and self.state == State.DEAD

    @property
    def leaves_key(self):
        """The key has one message less to wait for."""
        ended = self.state in (State.DONE, State.CANCELLED)
        return ended or (self.state == State.DEAD and not self.park)


class MfgMessageQueue(models.AbstractModel):
    _name = "mfg.message.queue"
    _description = "Message queue"

    # === What dispatchers do (READ COMMITTED, own cursor) === #

    @api.model
    def _admit(self, queue, lane_id, limit):
        """Put new messages of a lane under their keys; number of messages admitted.

        The admission lock is waited for, not tried: a second dispatcher that skipped it would find
        nothing to claim and spin.
        """
        cr = self.env.cr
        cr.execute(
            SQL("SELECT pg_advisory_xact_lock(%s, %s)", ADMISSION_LOCK[queue.direction], lane_id)
        )
        cr.execute(
            SQL(
                """
                WITH new AS MATERIALIZED (
                    SELECT id, %(owner)s AS owner_id, COALESCE(ordering_key, uuid) AS ordering_key,
                           due_at
                      FROM %(messages)s
                     WHERE lane_id = %(lane)s AND key_id IS NULL AND state = 'pending'
                     ORDER BY id
                     LIMIT %(limit)s
                ), key AS (
                    INSERT INTO %(keys)s AS k
                           (owner_id, ordering_key, lane_id, waiting, due_at, claim_no)
                    SELECT owner_id, ordering_key, %(lane)s, count(*),
                           -- a delayed head; behind another one its time is looked at when claimed
                           COALESCE((array_agg(due_at ORDER BY id))[1], %(now)s), 0
                      FROM new GROUP BY owner_id, ordering_key ORDER BY owner_id, ordering_key
                    ON CONFLICT (owner_id, ordering_key)
                    DO UPDATE SET waiting = k.waiting + EXCLUDED.waiting
                    RETURNING id, owner_id, ordering_key
                )
                UPDATE %(messages)s m SET key_id = key.id
                  FROM new JOIN key USING (owner_id, ordering_key)
                 WHERE m.id = new.id AND m.state = 'pending'
                """,
                owner=queue.owner, messages=queue.messages, keys=queue.keys,
                lane=lane_id, limit=limit, now=NOW,
            )
        )  # fmt: skip
        return cr.rowcount

    @api.model
    def _due_owners(self, queue, lane_id, fingerprint, local=None):
        """Subscriptions or routes of a lane that may run here and have something due.

        :param local: True: only what is carried out in this database, False: only what leaves it
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT o.id, o.connector_id, c.max_in_flight
                  FROM %(owners)s o JOIN mfg_connector c ON c.id = o.connector_id
                 WHERE o.lane_id = %(lane)s AND %(running)s AND %(local)s
                   AND EXISTS (SELECT 1 FROM %(keys)s k
                                WHERE k.owner_id = o.id AND k.due_at <= %(now)s)
                 ORDER BY o.id
                """,
                owners=queue.owners, keys=queue.keys, lane=lane_id, now=NOW,
                running=self._running_here(queue, fingerprint), local=self._carried_out(local),
            )
        )  # fmt: skip
        return [Owner(*row) for row in self.env.cr.fetchall()]

    @staticmethod
    def _running_here(queue, fingerprint):
        """Condition on owner ``o`` and connector ``c``: may run, and in this very database."""
        condition = SQL("c.state = 'active' AND c.activation_fingerprint = %s", fingerprint)
        # A route that was archived takes no more messages; those it accepted are still booked.
        return (
            SQL("%s AND o.state = 'active'", condition) if queue.direction == "out" else condition
        )

    @staticmethod
    def _carried_out(local):
        """Condition on connector ``c``: carried out here (True), sent (False), both (None)."""
        if local is None:
            return SQL("TRUE")
        return SQL("c.transport = 'local'") if local else SQL("c.transport != 'local'")

    @api.model
    def _claim(self, queue, quotas, limit, worker):
        """Take the first message of up to ``limit`` due keys; list of ``Claimed``.

        A key whose lease ran out is due again: its message was ``running``, the open attempt is
        closed as lost, and the same message id goes out once more.

        :param quotas: ``{owner id: how many of its keys at most}``; each owner is looked at for
            itself, so that one with a long backlog does not hide the others
        """
        if not quotas:
            return []
        cr = self.env.cr
        cr.execute(
            SQL(
                """
                WITH picked AS MATERIALIZED (
                    SELECT k.id
                      FROM unnest(%(owners)s::int[], %(quotas)s::int[]) AS o(id, quota)
                     CROSS JOIN LATERAL (
                           SELECT id, due_at FROM %(keys)s
                            WHERE owner_id = o.id AND due_at <= %(now)s
                            ORDER BY due_at, id LIMIT o.quota
                              FOR UPDATE SKIP LOCKED) k
                     ORDER BY k.due_at, k.id
                     LIMIT %(limit)s
                )
                UPDATE %(keys)s k
                   SET claim_no = k.claim_no + 1, worker = %(worker)s,
                       due_at = %(now)s + %(lease)s * interval '1 second'
                  FROM picked
                 WHERE k.id = picked.id
                RETURNING k.id, k.claim_no
                """,
                owners=list(quotas), quotas=list(quotas.values()), keys=queue.keys,
                limit=limit, worker=worker, lease=LEASE_SECONDS, now=NOW,
            )
        )  # fmt: skip
        keys = dict(cr.fetchall())
        if not keys:
            return []
        claimed = self._start_heads(queue, keys, worker)
        without = keys.keys() - {claim.key_id for claim in claimed}
        if without:
            # The head is dead (a person's change met ours), gone, or delayed: put the key right.
            self._refresh_keys(queue, sorted(without))
            if not claimed:  # these are out of the way: what is due behind them must not wait
                return self._claim(queue, quotas, limit, worker)
        return claimed

    def _start_heads(self, queue, keys, worker):
        self.env.cr.execute(
            SQL(
                """
                WITH head AS MATERIALIZED (
                    SELECT m.id, m.state, k.id AS key_id, k.claim_no,
                           m.state = 'pending' AND m.due_at > %(now)s AS early
                      FROM unnest(%(key_ids)s::int[], %(claims)s::int[]) AS k(id, claim_no)
                     CROSS JOIN LATERAL (
                           SELECT id, state, due_at FROM %(messages)s
                            WHERE key_id = k.id AND state IN %(unfinished)s
                            ORDER BY id LIMIT 1) m
                ), lost AS (
                    UPDATE mfg_attempt
                       SET closed_at = %(now)s, outcome = 'lost', reason_code = 'interrupted'
                     WHERE %(link)s IN (SELECT id FROM head WHERE state = 'running')
                       AND closed_at IS NULL
                ), run AS (
                    UPDATE %(messages)s m
                       SET state = 'running', claim_no = head.claim_no, due_at = NULL,
                           attempt_count = m.attempt_count + 1, tries = m.tries + 1
                      FROM head
                     WHERE m.id = head.id AND head.state != 'dead' AND head.early IS NOT TRUE
                    RETURNING m.id, m.key_id, m.claim_no, m.%(owner)s AS owner_id, m.connector_id,
                              m.company_id, m.uuid, m.attempt_count, m.tries
                ), attempt AS (
                    INSERT INTO mfg_attempt
                        (direction, %(link)s, connector_id, company_id, number, worker, started_at)
                    SELECT %(direction)s, id, connector_id, company_id, attempt_count, %(worker)s,
                           clock_timestamp() AT TIME ZONE 'UTC'
                      FROM run
                    RETURNING id, %(link)s AS message_id
                )
                SELECT run.id, run.key_id, run.claim_no, attempt.id, run.owner_id, run.connector_id,
                       run.uuid, run.tries
                  FROM run JOIN attempt ON attempt.message_id = run.id
                 ORDER BY run.id
                """,
                key_ids=list(keys), claims=list(keys.values()), messages=queue.messages,
                unfinished=UNFINISHED, link=queue.attempt_link, owner=queue.owner,
                direction=queue.direction, worker=worker, now=NOW,
            )
        )  # fmt: skip
        return [Claimed(*row) for row in self.env.cr.fetchall()]

    @api.model
    def _settle(self, queue, settled):
        """Settle and give the keys back in one transaction; ids of the messages still ours.

        Keys are locked first, as people lock them. A key whose message is no longer ours is left
        alone: whoever changed the message has put it right, or its lease runs out.
        """
        if not settled:
            return set()
        self._lock_keys(queue, SQL("id = ANY(%s)", [row.key_id for row in settled]))
        ours = self._settle_messages(queue, settled)
        self._release_keys(queue, [row for row in settled if row.message_id in ours])
        return ours

    @api.model
    def _settle_messages(self, queue, settled):
        """Write how attempts ended; ids of the messages that were still ours.

        A message claimed by somebody else meanwhile (our lease ran out) keeps what they make of
        it; only our attempt is closed.
        """
        if not settled:
            return set()
        # unnest takes any number of arrays, one per column; the order of rows does not matter
        self.env.cr.execute(
            SQL(
                """
                WITH result AS MATERIALIZED (
                    SELECT * FROM unnest(
                        %s::int[], %s::int[], %s::int[], %s::int[], %s::text[], %s::text[],
                        %s::text[], %s::text[], %s::float8[], %s::bool[], %s::int[], %s::float8[],
                        %s::text[], %s::text[], %s::int[]
                    ) AS r(message_id, key_id, claim_no, attempt_id, state, outcome, reason, detail,
                           delay, park, http_status, duration_ms, request_excerpt, response_excerpt,
                           credential_id)
                ), attempt AS (
                    UPDATE mfg_attempt a
                       SET closed_at = clock_timestamp() AT TIME ZONE 'UTC', outcome = r.outcome,
                           reason_code = r.reason, detail = r.detail, http_status = r.http_status,
                           duration_ms = r.duration_ms, request_excerpt = r.request_excerpt,
                           response_excerpt = r.response_excerpt, credential_id = r.credential_id
                      FROM result r
                     WHERE a.id = r.attempt_id AND a.closed_at IS NULL
                )
                UPDATE %s m
                   SET state = r.state, reason_code = r.reason, detail = r.detail,
                       due_at = CASE WHEN r.delay IS NOT NULL
                                     THEN %s + r.delay * interval '1 second' END,
                       finished_at = CASE WHEN r.state IN ('done', 'cancelled') THEN %s END,
                       key_id = CASE WHEN r.state = 'dead' AND NOT r.park
                                     THEN NULL ELSE m.key_id END
                  FROM result r
                 WHERE m.id = r.message_id AND m.key_id = r.key_id AND m.claim_no = r.claim_no
                   AND m.state = 'running'
                RETURNING m.id
                """,
                *(list(column) for column in zip(*settled, strict=True)),
                queue.messages,
                NOW,
                NOW,
            )
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _release_keys(self, queue, settled):
        """Give keys back after their messages were settled; the counterpart of ``_claim``.

        Several keys have to be locked already (see ``_settle``).
        """
        if not settled:
            return
        cr = self.env.cr
        rows = list(settled)
        ids = [row.key_id for row in rows]
        cr.execute(
            SQL(
                """
                UPDATE %(keys)s k
                   SET waiting = k.waiting - r.gone, worker = NULL,
                       due_at = CASE WHEN r.park OR k.waiting - r.gone <= 0 THEN NULL
                                     WHEN r.delay IS NOT NULL
                                     THEN %(now)s + r.delay * interval '1 second'
                                     ELSE %(now)s END
                  FROM unnest(%(ids)s::int[], %(claims)s::int[], %(gone)s::int[], %(park)s::bool[],
                              %(delays)s::float8[]) AS r(id, claim_no, gone, park, delay)
                 WHERE k.id = r.id AND k.claim_no = r.claim_no
                """,
                keys=queue.keys, now=NOW, ids=ids,
                claims=[row.claim_no for row in rows],
                gone=[int(row.leaves_key) for row in rows],
                park=[row.parks_key for row in rows],
                delays=[row.delay for row in rows],
            )
        )  # fmt: skip
        cr.execute(SQL("DELETE FROM %s WHERE id = ANY(%s) AND waiting <= 0", queue.keys, ids))

    @api.model
    def _renew_leases(self, queue, held):
        """Push the leases of ``{key id: claim_no}`` on, except those that were lost."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE %s k SET due_at = %s + %s * interval '1 second'
                  FROM (SELECT k.id FROM %s k
                          JOIN unnest(%s::int[], %s::int[]) AS h(id, claim_no)
                            ON h.id = k.id AND h.claim_no = k.claim_no
                         WHERE k.worker IS NOT NULL
                         ORDER BY k.id FOR UPDATE OF k SKIP LOCKED) held
                 WHERE k.id = held.id
                """,
                queue.keys, NOW, LEASE_SECONDS, queue.keys, list(held), list(held.values()),
            )
        )  # fmt: skip

    @api.model
    def _has_new(self, queue, lane_id, local=None):
        """Whether messages of the lane wait to be admitted; ``local`` as in ``_due_owners``."""
        self.env.cr.execute(
            SQL(
                "SELECT EXISTS (SELECT 1 FROM %s m JOIN mfg_connector c ON c.id = m.connector_id"
                " WHERE m.lane_id = %s AND m.key_id IS NULL AND m.state = 'pending' AND %s)",
                queue.messages,
                lane_id,
                self._carried_out(local),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _seconds_until_due(self, queue, lane_id, fingerprint, local=None):
        """Seconds until the lane has something to do here: 0 now, None nothing waits for time.

        :param local: as in ``_due_owners``
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT EXTRACT(EPOCH FROM min(next.due_at) - %(now)s)::float8
                  FROM %(owners)s o JOIN mfg_connector c ON c.id = o.connector_id
                 CROSS JOIN LATERAL (
                       SELECT due_at FROM %(keys)s WHERE owner_id = o.id AND due_at IS NOT NULL
                        ORDER BY due_at LIMIT 1) next
                 WHERE o.lane_id = %(lane)s AND %(running)s AND %(local)s
                """,
                owners=queue.owners, keys=queue.keys, lane=lane_id, now=NOW,
                running=self._running_here(queue, fingerprint), local=self._carried_out(local),
            )
        )  # fmt: skip
        seconds = self.env.cr.fetchone()[0]
        return None if seconds is None else max(seconds, 0.0)

    # === Keys from outside the cycle === #

    def _lock_keys(self, queue, condition):
        """Wait for the keys that match, in the one order that all who wait use; their ids."""
        self.env.cr.execute(
            SQL(
                "SELECT id FROM %s WHERE %s ORDER BY owner_id, ordering_key FOR UPDATE",
                queue.keys,
                condition,
            )
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _refresh_keys(self, queue, key_ids):
        """Put keys right from their messages: count, and when the first of them is due.

        For changes that come from outside the claim-settle cycle. Counts the key's messages: not
        for the hot path.
        """
        if not key_ids:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE %(keys)s k
                   SET waiting = s.waiting,
                       worker = CASE WHEN s.head = 'running' THEN k.worker END,
                       due_at = CASE s.head WHEN 'pending' THEN COALESCE(s.due_at, %(now)s)
                                            WHEN 'retrying' THEN COALESCE(s.due_at, %(now)s)
                                            WHEN 'running' THEN k.due_at END
                  FROM (SELECT k.id,
                               (SELECT count(*) FROM %(messages)s m
                                 WHERE m.key_id = k.id AND m.state IN %(unfinished)s) AS waiting,
                               h.state AS head, h.due_at
                          FROM unnest(%(ids)s::int[]) AS k(id)
                          LEFT JOIN LATERAL (
                               SELECT state, due_at FROM %(messages)s
                                WHERE key_id = k.id AND state IN %(unfinished)s
                                ORDER BY id LIMIT 1) h ON TRUE) s
                 WHERE k.id = s.id
                """,
                keys=queue.keys, messages=queue.messages, unfinished=UNFINISHED,
                ids=key_ids, now=NOW,
            )
        )  # fmt: skip
        self.env.cr.execute(
            SQL("DELETE FROM %s WHERE id = ANY(%s) AND waiting <= 0", queue.keys, key_ids)
        )
