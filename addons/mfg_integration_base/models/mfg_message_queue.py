"""All SQL of the queues: what is due and keys here; admission, claim, settling, history and what
people do to messages in the modules named after them.

Finished messages leave the hot tables for history, which inherits from them: statements about what
waits say ``ONLY``, so that ten million finished messages cost them nothing.

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

from ..tools.lifecycle import FINAL, State

NOW = SQL("(statement_timestamp() AT TIME ZONE 'UTC')")


class Queue(NamedTuple):
    """One of the two queues, by the names of its tables and columns."""

    direction: str
    model: str
    messages: SQL  # with ONLY: what waits; without: what is finished as well
    history: SQL
    keys: SQL
    owner: SQL  # column of the messages that holds the key's owner
    owners: SQL  # the owners' table
    window: SQL  # when a scheduled owner ``o`` sends next; NULL: as soon as possible
    attempt_field: str  # of mfg.attempt
    attempt_link: SQL  # its column


def _queue(direction, kind, owner):
    return Queue(
        direction=direction,
        model=f"mfg.{kind}.message",
        messages=SQL.identifier(f"mfg_{kind}_message"),
        history=SQL.identifier(f"mfg_{kind}_message_history"),
        keys=SQL.identifier(f"mfg_{kind}_key"),
        owner=SQL.identifier(f"{owner}_id"),
        owners=SQL.identifier("mfg_subscription" if owner == "subscription" else "mfg_inbox_route"),
        window=SQL("o.next_window_at" if owner == "subscription" else "NULL::timestamp"),
        attempt_field=f"{kind}_message_id",
        attempt_link=SQL.identifier(f"{kind}_message_id"),
    )


QUEUES = {"out": _queue("out", "outbox", "subscription"), "in": _queue("in", "inbox", "route")}
QUEUE_OF_MODEL = {queue.model: queue for queue in QUEUES.values()}
LEFT_KEY = 0
"""``key_id`` of a dead message whose key went on without it."""

OF_KEY = SQL(
    "(m.key_id, m.id) > (k.id, 0) AND (m.key_id, m.id) < (k.id, 2147483647) AND m.key_id > 0"
)
"""Condition: message ``m`` is of key ``k``; followed by ``ORDER BY m.key_id, m.id`` and a limit.
With a plain ``key_id = k.id ORDER BY id``, PostgreSQL may read all the primary key for it. Without
``key_id > 0`` it cannot use the index at all, which has only those, and reads the whole table."""


class Owner(NamedTuple):
    """A subscription or route with something due."""

    id: int
    connector_id: int
    max_in_flight: int


class Share(NamedTuple):
    """What one owner may start at this moment.

    :param keys: so many keys at the most
    :param run: so many messages of one key at the most, in order
    :param batch: 0: each message is sent for itself; else so many go into one request
    :param messages: so many at the most, of all its keys together; 0: as many as that makes
    :param conflate: only the newest message of a key; the others are superseded
    """

    keys: int
    run: int = 1
    batch: int = 0
    messages: int = 0
    conflate: bool = False


class Claimed(NamedTuple):
    """A message that belongs to a worker until its lease ends."""

    message_id: int
    key_id: int
    claim_no: int
    attempt_id: int  # messages that go out in one request share it
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
    refund: bool = False  # the attempt does not count: the partner is down
    more: bool = False  # of this key more was due than could be taken at once

    @property
    def parks_key(self):
        """The message is dead and holds the later ones of its key."""
        return self.park and self.state == State.DEAD

    @property
    def leaves_key(self):
        """The key has one message less to wait for."""
        return self.state in FINAL or (self.state == State.DEAD and not self.park)


class MfgMessageQueue(models.AbstractModel):
    _name = "mfg.message.queue"
    _description = "Message queue"

    # === What dispatchers do (READ COMMITTED, own cursor) === #

    @api.model
    def _due_owners(self, queue, lane_id, fingerprint, local=None):
        """Subscriptions or routes of a lane that may run here and have something due.

        :param local: of the direction out: True for those whose messages are executed in this
            database, False for those that are sent, None for all
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT o.id, o.connector_id, c.max_in_flight
                  FROM %(owners)s o JOIN mfg_connector c ON c.id = o.connector_id
                 WHERE o.lane_id = %(lane)s AND %(running)s
                   AND EXISTS (SELECT 1 FROM %(keys)s k
                                WHERE k.owner_id = o.id AND k.due_at <= %(now)s)
                 ORDER BY o.id
                """,
                owners=queue.owners, keys=queue.keys, lane=lane_id, now=NOW,
                running=self._running_here(queue, fingerprint, local),
            )
        )  # fmt: skip
        return [Owner(*row) for row in self.env.cr.fetchall()]

    def _running_here(self, queue, fingerprint, local=None):
        """Condition on owner ``o`` and connector ``c``: may run, and in this very database."""
        condition = SQL("c.state = 'active' AND c.activation_fingerprint = %s", fingerprint)
        # A route that was archived takes no more messages; those it accepted are still booked.
        if queue.direction == "out":
            condition = SQL("%s AND o.state = 'active'", condition)
        return SQL("%s AND %s", condition, self._carried_out(local))

    @staticmethod
    def _carried_out(local):
        """Condition on connector ``c``: executed here (True), sent (False), both (None)."""
        return SQL("TRUE") if local is None else SQL("(c.transport = 'local') = %s", local)

    @api.model
    def _has_new(self, queue, lane_id, local=None):
        """Whether messages of the lane wait to be admitted; ``local`` as in ``_due_owners``."""
        self.env.cr.execute(
            SQL(
                "SELECT EXISTS (SELECT 1 FROM ONLY %s m JOIN mfg_connector c"
                " ON c.id = m.connector_id WHERE m.lane_id = %s AND m.key_id IS NULL AND %s)",
                queue.messages,
                lane_id,
                self._carried_out(local),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _seconds_until_due(self, queue, lane_id, fingerprint, local=None):
        """Seconds until the lane has something to do here: 0 now, None nothing waits for time."""
        self.env.cr.execute(
            SQL(
                """
                SELECT EXTRACT(EPOCH FROM min(%(ready_at)s) - %(now)s)::float8
                  FROM %(owners)s o JOIN mfg_connector c ON c.id = o.connector_id
                  LEFT JOIN mfg_connector_runtime r ON r.connector_id = c.id
                 CROSS JOIN LATERAL (
                       SELECT due_at FROM %(keys)s WHERE owner_id = o.id AND due_at IS NOT NULL
                        ORDER BY due_at LIMIT 1) next
                 WHERE o.lane_id = %(lane)s AND %(running)s
                """,
                owners=queue.owners, keys=queue.keys, lane=lane_id, now=NOW,
                ready_at=self._ready_at(queue),
                running=self._running_here(queue, fingerprint, local),
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

    def _refresh_keys(self, queue, key_ids, *, now=False):
        """Put keys right from their messages: count, and when the first of them is due.

        :param now: a person wants the first one tried at once, whatever its time window

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
                       due_at = CASE s.head WHEN 'pending'
                                            THEN COALESCE(s.due_at, s.window_at, %(now)s)
                                            WHEN 'retrying' THEN COALESCE(s.due_at, %(now)s)
                                            WHEN 'running' THEN k.due_at END
                  FROM (SELECT k.id,
                               (SELECT count(*) FROM ONLY %(messages)s m
                                 WHERE m.key_id = k.id AND m.key_id > 0)
                                   AS waiting,
                               h.state AS head, h.due_at, %(window)s AS window_at
                          FROM %(keys)s k
                          LEFT JOIN %(owners)s o ON o.id = k.owner_id
                          LEFT JOIN LATERAL (
                               SELECT m.state, m.due_at FROM ONLY %(messages)s m
                                WHERE %(of_key)s ORDER BY m.key_id, m.id LIMIT 1) h ON TRUE
                         WHERE k.id = ANY(%(ids)s)) s
                 WHERE k.id = s.id
                """,
                keys=queue.keys, messages=queue.messages, of_key=OF_KEY, ids=key_ids, now=NOW,
                owners=queue.owners, window=SQL("NULL::timestamp") if now else queue.window,
            )
        )  # fmt: skip
        self.env.cr.execute(
            SQL("DELETE FROM %s WHERE id = ANY(%s) AND waiting <= 0", queue.keys, key_ids)
        )
