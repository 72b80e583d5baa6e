"""How much waits, without counting it all: what screens and the gateway ask of the queues.

With a million messages waiting, an exact count reads them all. Here every look is bounded:

* messages under keys: the key table says how many wait. Up to KEY_PAGES of its pages are read in
  full; of a longer one that many are picked at random (TABLESAMPLE) and the sum is scaled up. One
  hot key that the sample hits or misses makes such a figure swing.
* messages not yet admitted, and dead ones: their ids, from the first to the last, are cut into
  SLICES of equal width. Up to ROWS of each are counted on the partial index; where there are more,
  their spacing gives the number.
"""

from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..tools.lane_status import TARGET_SECONDS
from .mfg_message_queue import NOW, OF_KEY, QUEUES

SLICES = 20
ROWS = 200
KEY_PAGES = 2000
SAMPLE = 20
"""Messages per subscription or route whose size is measured."""
HEADS = 5
"""Keys per subscription or route at whose first message the age is read."""


class Ages(NamedTuple):
    """Of one lane, in seconds; only what may run here and now counts."""

    due: bool  # something could be claimed now
    oldest: float | None  # age of the oldest waiting message
    late: bool  # some message is older than its flow's target time


class MfgMessageQueue(models.AbstractModel):
    _inherit = "mfg.message.queue"

    @api.model
    def _lane_counts(self, lane_ids):
        """``{lane id: (waiting, dead)}`` over both queues; estimates above some thousands."""
        counts = {lane_id: [0, 0] for lane_id in lane_ids}
        for queue in QUEUES.values():
            for lane_id, waiting in self._waiting_under_keys(queue, lane_ids):
                counts[lane_id][0] += waiting
            new = SQL("key_id IS NULL")
            for lane_id, number in self._count_or_estimate(queue, lane_ids, new):
                counts[lane_id][0] += number
            for lane_id, number in self._count_or_estimate(
                queue, lane_ids, SQL("dead_at IS NOT NULL")
            ):
                counts[lane_id][1] += number
        return {lane_id: tuple(pair) for lane_id, pair in counts.items()}

    @api.model
    def _connector_counts(self, connector_ids):
        """``{direction: {connector id: (waiting, dead)}}``; waiting as far as admitted."""
        counts = {}
        for queue in QUEUES.values():
            self.env.cr.execute(
                SQL(
                    """
                    SELECT c.id, COALESCE(waiting.number, 0)::bigint, COALESCE(dead.number, 0)
                      FROM unnest(%(connectors)s::int[]) AS c(id)
                      LEFT JOIN LATERAL (
                           SELECT sum(k.waiting - (k.due_at IS NULL)::int) AS number
                             FROM %(owners)s o JOIN %(keys)s k ON k.owner_id = o.id
                            WHERE o.connector_id = c.id) waiting ON TRUE
                      LEFT JOIN (
                           SELECT connector_id, count(*) AS number FROM ONLY %(messages)s
                            WHERE dead_at IS NOT NULL GROUP BY connector_id) dead
                        ON dead.connector_id = c.id
                    """,
                    connectors=list(connector_ids), owners=queue.owners, keys=queue.keys,
                    messages=queue.messages,
                )
            )  # fmt: skip
            counts[queue.direction] = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        return counts

    def _waiting_under_keys(self, queue, lane_ids):
        """``[(lane id, number)]``; the dead message at the head of a parked key does not count."""
        self.env.cr.execute(
            SQL(
                "SELECT GREATEST(pg_relation_size(%s::regclass)"
                " / current_setting('block_size')::int, 1)",
                f"mfg_{queue.direction}box_key",
            )
        )
        (pages,) = self.env.cr.fetchone()
        percent = min(100.0, 100.0 * KEY_PAGES / pages)
        self.env.cr.execute(
            SQL(
                """
                SELECT lane_id, (sum(waiting - (due_at IS NULL)::int) * %(scale)s::float8)::bigint
                  FROM %(keys)s TABLESAMPLE SYSTEM (%(percent)s)
                 WHERE lane_id = ANY(%(lanes)s)
                 GROUP BY lane_id
                """,
                keys=queue.keys, lanes=list(lane_ids), percent=percent, scale=100.0 / percent,
            )
        )  # fmt: skip
        return self.env.cr.fetchall()

    def _count_or_estimate(self, queue, lane_ids, condition):
        """``[(lane id, number)]`` of the messages that match the condition of a partial index."""
        matching = SQL(
            "SELECT id FROM ONLY %s WHERE lane_id = l.id AND %s", queue.messages, condition
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT l.id,
                       sum(CASE WHEN probe.number < %(rows)s THEN probe.number
                                -- as dense to the end of the slice as in what was counted
                                ELSE probe.number::float8 * (slice.high - probe.low)
                                     / (probe.high - probe.low + 1) END)::bigint
                  FROM unnest(%(lanes)s::int[]) AS l(id)
                 CROSS JOIN LATERAL (%(matching)s ORDER BY lane_id, id LIMIT 1) first
                 CROSS JOIN LATERAL (%(matching)s ORDER BY lane_id DESC, id DESC LIMIT 1) last
                 CROSS JOIN LATERAL (
                       SELECT first.id + n * width AS low, first.id + (n + 1) * width AS high
                         FROM (SELECT (last.id - first.id) / %(slices)s + 1 AS width) step,
                              generate_series(0, %(slices)s - 1) n) slice
                 CROSS JOIN LATERAL (
                       SELECT count(*) AS number, min(id) AS low, max(id) AS high
                         FROM (%(matching)s AND id >= slice.low AND id < slice.high
                                ORDER BY lane_id, id LIMIT %(rows)s) found) probe
                 GROUP BY l.id
                """,
                matching=matching, lanes=list(lane_ids), rows=ROWS, slices=SLICES,
            )
        )  # fmt: skip
        return self.env.cr.fetchall()

    @api.model
    def _lane_message_size(self, lane_ids):
        """``{lane id: average bytes of a waiting message}``, as stored (compressed), from a sample.

        An event that goes to several partners counts with each of them.
        """
        averages = {}
        for queue in QUEUES.values():
            self.env.cr.execute(self._size_query(queue, lane_ids))
            for lane_id, number, size in self.env.cr.fetchall():
                before = averages.get(lane_id, (0, 0))
                averages[lane_id] = (before[0] + number, before[1] + size)
        return {lane_id: size / number for lane_id, (number, size) in averages.items() if number}

    def _size_query(self, queue, lane_ids):
        # pg_column_size() of a value that is stored apart reads its length only.
        if queue.direction == "out":
            payload = SQL(
                "(SELECT pg_column_size(e.data) FROM mfg_event e WHERE e.id = m.event_id)"
            )
        else:
            payload = SQL("pg_column_size(m.body)")
        return SQL(
            """
            SELECT m.lane_id, count(*),
                   sum(pg_column_size(m.*) + COALESCE(%(payload)s, 0))::float8
              FROM (
                   SELECT picked.id
                     FROM unnest(%(lanes)s::int[]) AS l(id)
                    CROSS JOIN LATERAL (
                          SELECT id FROM ONLY %(messages)s
                           WHERE lane_id = l.id AND key_id IS NULL
                           ORDER BY lane_id, id LIMIT %(sample)s) picked
                    UNION ALL
                   SELECT head.id
                     FROM %(owners)s o
                    CROSS JOIN LATERAL (
                          SELECT id FROM %(keys)s WHERE owner_id = o.id LIMIT %(sample)s) k
                    CROSS JOIN LATERAL (
                          SELECT m.id FROM ONLY %(messages)s m
                           WHERE %(of_key)s ORDER BY m.key_id, m.id LIMIT 1) head
                    WHERE o.lane_id = ANY(%(lanes)s)) sample
              JOIN ONLY %(messages)s m ON m.id = sample.id
             GROUP BY m.lane_id
            """,
            payload=payload, messages=queue.messages, owners=queue.owners, keys=queue.keys,
            lanes=list(lane_ids), sample=SAMPLE, of_key=OF_KEY,
        )  # fmt: skip

    @api.model
    def _lane_ages(self, lane_ids, fingerprint):
        """``{lane id: Ages}``; what a paused partner or a copied database holds back is left out.

        The oldest is looked for at the keys that are due first, some of each subscription or
        route.
        """
        ages = {}
        for queue in QUEUES.values():
            self.env.cr.execute(self._ages_query(queue, lane_ids, fingerprint))
            for lane_id, due, oldest, late in self.env.cr.fetchall():
                before = ages.get(lane_id, Ages(False, None, False))
                ages[lane_id] = Ages(
                    due=before.due or due,
                    oldest=max(oldest, before.oldest or 0.0),
                    late=before.late or late,
                )
        return ages

    def _ages_query(self, queue, lane_ids, fingerprint):
        if queue.direction == "out":
            target = SQL(
                "(SELECT f.target_seconds FROM mfg_event_type t JOIN mfg_flow f ON f.id = t.flow_id"
                "  WHERE t.code = m.event_type)"
            )
        else:
            target = SQL("NULL")
        return SQL(
            """
            SELECT o.lane_id, bool_or(head.due),
                   max(EXTRACT(EPOCH FROM %(now)s - m.created_at))::float8,
                   bool_or(%(now)s - m.created_at
                           > COALESCE(NULLIF(%(target)s, 0), %(default)s) * interval '1 second')
              FROM %(owners)s o
              JOIN mfg_connector c ON c.id = o.connector_id
             CROSS JOIN LATERAL (
                   (SELECT id, TRUE AS due FROM ONLY %(messages)s
                     WHERE %(owner)s = o.id AND lane_id = o.lane_id AND key_id IS NULL
                       -- The first of the lane, which may be another's: not worth an index.
                       AND id = (SELECT id FROM ONLY %(messages)s
                                  WHERE lane_id = o.lane_id AND key_id IS NULL
                                  ORDER BY lane_id, id LIMIT 1))
                    UNION ALL
                   (SELECT first.id, k.due_at <= %(now)s
                      FROM (SELECT id, due_at FROM %(keys)s
                             WHERE owner_id = o.id AND due_at IS NOT NULL
                             ORDER BY due_at LIMIT %(heads)s) k
                     CROSS JOIN LATERAL (
                           SELECT m.id FROM ONLY %(messages)s m
                            WHERE %(of_key)s ORDER BY m.key_id, m.id LIMIT 1) first)) head
              JOIN ONLY %(messages)s m ON m.id = head.id
             WHERE o.lane_id = ANY(%(lanes)s) AND %(running)s
             GROUP BY o.lane_id
            """,
            messages=queue.messages, owners=queue.owners, owner=queue.owner, keys=queue.keys,
            lanes=list(lane_ids), heads=HEADS, now=NOW, target=target,
            of_key=OF_KEY,
            default=TARGET_SECONDS, running=self._running_here(queue, fingerprint),
        )  # fmt: skip

    @api.model
    def _oldest_dead(self, lane_ids):
        """``{lane id: age of its oldest dead message in seconds}``."""
        oldest = {}
        for queue in QUEUES.values():
            self.env.cr.execute(
                SQL(
                    """
                    SELECT l.id, EXTRACT(EPOCH FROM %(now)s - m.created_at)::float8
                      FROM unnest(%(lanes)s::int[]) AS l(id)
                     CROSS JOIN LATERAL (
                           SELECT created_at FROM ONLY %(messages)s
                            WHERE lane_id = l.id AND dead_at IS NOT NULL
                            ORDER BY lane_id, id LIMIT 1) m
                    """,
                    messages=queue.messages,
                    lanes=list(lane_ids),
                    now=NOW,
                )
            )
            for lane_id, age in self.env.cr.fetchall():
                oldest[lane_id] = max(age, oldest.get(lane_id, 0.0))
        return oldest

    @api.model
    def _inbox_backlog(self, lane_id, connector_id):
        """``(waiting, bytes)`` of what a lane still has to book before this connector's next.

        What another partner holds back because it is paused is left out; what is parked behind a
        dead message as well. For the gateway: the caps bound what is read.
        """
        queue = QUEUES["in"]
        counts = SQL("(c.state = 'active' OR c.id = %s)", connector_id)
        self.env.cr.execute(
            SQL(
                """
                SELECT (SELECT count(*) FROM ONLY %(messages)s m
                          JOIN mfg_connector c ON c.id = m.connector_id
                         WHERE m.lane_id = %(lane)s AND m.key_id IS NULL
                           AND %(counts)s)
                       + (SELECT COALESCE(sum(k.waiting), 0) FROM mfg_inbox_route o
                            JOIN mfg_connector c ON c.id = o.connector_id
                            JOIN mfg_inbox_key k ON k.owner_id = o.id
                           WHERE o.lane_id = %(lane)s AND k.due_at IS NOT NULL AND %(counts)s)
                """,
                messages=queue.messages,
                lane=lane_id,
                counts=counts,
            )
        )
        waiting = int(self.env.cr.fetchone()[0])
        if not waiting:
            return 0, 0.0
        self.env.cr.execute(self._size_query(queue, [lane_id]))
        _lane_id, number, size = self.env.cr.fetchone() or (lane_id, 1, 0.0)
        return waiting, waiting * size / number
