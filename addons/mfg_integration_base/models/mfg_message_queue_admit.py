from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL, groupby

from ..tools.pg_array import array
from .mfg_message_queue import LEFT_KEY, NOW

ADMISSION_LOCK = {"out": 6002, "in": 6003}


class _New(NamedTuple):
    """A message that no key knows of yet."""

    id: int
    owner_id: int | None  # deleted meanwhile
    ordering_key: str
    due_at: object  # datetime, naive UTC; or None
    window_at: object  # the same: when its owner sends next


class MfgMessageQueue(models.AbstractModel):
    """Admission: new messages are put under their keys, by which they are claimed from then on."""

    _inherit = "mfg.message.queue"

    @api.model
    def _admit(self, queue, lane_id, limit):
        """Put new messages of a lane under their keys; number of messages admitted.

        The admission lock is waited for, not tried: a second dispatcher that skipped it would find
        nothing to claim and spin.

        Keys and messages meet by arrays, not in one statement: PostgreSQL cannot know how many
        rows an INSERT returns, and would compare every new message with every key.
        """
        cr = self.env.cr
        cr.execute(
            SQL("SELECT pg_advisory_xact_lock(%s, %s)", ADMISSION_LOCK[queue.direction], lane_id)
        )
        new = self._read_new(queue, lane_id, limit)
        self._bury_orphans(queue, [row.id for row in new if row.owner_id is None])
        by_key = dict(
            groupby(
                (row for row in new if row.owner_id is not None),
                lambda row: (row.owner_id, row.ordering_key),
            )
        )
        if not by_key:
            return 0
        keys = self._count_in(queue, lane_id, by_key)
        placed = [(row.id, keys[place]) for place, rows in by_key.items() for row in rows]
        cr.execute(
            SQL(
                "UPDATE ONLY %s m SET key_id = r.key_id"
                "  FROM unnest(%s::int[], %s::int[]) AS r(id, key_id)"
                # A person may have ended one of them since it was read.
                " WHERE m.id = r.id AND m.key_id IS NULL AND m.state = 'pending'",
                queue.messages,
                array(message_id for message_id, _key_id in placed),
                array(key_id for _message_id, key_id in placed),
            )
        )
        return cr.rowcount

    def _read_new(self, queue, lane_id, limit):
        self.env.cr.execute(
            SQL(
                """
                SELECT m.id, o.id, COALESCE(m.ordering_key, m.uuid), m.due_at, %(window)s
                  FROM (SELECT * FROM ONLY %(messages)s
                         WHERE lane_id = %(lane)s AND key_id IS NULL
                         ORDER BY id LIMIT %(limit)s) m
                  LEFT JOIN %(owners)s o ON o.id = m.%(owner)s
                 ORDER BY m.id
                """,
                owner=queue.owner, owners=queue.owners, window=queue.window,
                messages=queue.messages, lane=lane_id, limit=limit,
            )
        )  # fmt: skip
        return [_New(*row) for row in self.env.cr.fetchall()]

    def _bury_orphans(self, queue, ids):
        """Messages that were written while their subscription or route was being deleted."""
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY %s m SET state = 'dead', reason_code = 'owner_deleted',"
                " dead_at = %s, key_id = %s"
                " WHERE m.id = ANY(%s) AND m.key_id IS NULL AND m.state = 'pending'",
                queue.messages,
                NOW,
                LEFT_KEY,
                ids,
            )
        )

    def _count_in(self, queue, lane_id, by_key):
        """Make the keys that are missing and count the new messages of each.

        :param by_key: ``{(owner id, ordering key): messages, the oldest first}``
        :return: ``{(owner id, ordering key): key id}``
        """
        places = list(by_key)
        # An old key says itself when it goes on; a new one, when its first message is due.
        dues = [by_key[place][0].due_at or by_key[place][0].window_at for place in places]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %(keys)s AS k
                       (owner_id, ordering_key, lane_id, waiting, due_at, claim_no)
                SELECT n.owner_id, n.ordering_key, %(lane)s, n.waiting,
                       COALESCE(n.due_at, %(now)s), 0
                  FROM unnest(%(owners)s::int[], %(names)s::text[], %(counts)s::int[],
                              %(dues)s::timestamp[])
                       AS n(owner_id, ordering_key, waiting, due_at)
                 -- The order in which all who wait for keys lock them.
                 ORDER BY n.owner_id, n.ordering_key
                ON CONFLICT (owner_id, ordering_key)
                DO UPDATE SET waiting = k.waiting + EXCLUDED.waiting
                RETURNING owner_id, ordering_key, id
                """,
                keys=queue.keys, lane=lane_id, now=NOW, dues=array(dues),
                owners=array(owner_id for owner_id, _name in places),
                names=array(name for _owner_id, name in places),
                counts=array(len(by_key[place]) for place in places),
            )
        )  # fmt: skip
        return {(row[0], row[1]): row[2] for row in self.env.cr.fetchall()}
