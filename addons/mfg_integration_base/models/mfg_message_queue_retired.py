import logging
from functools import partial

import psycopg2

from odoo import api, models
from odoo.modules.registry import Registry
from odoo.tools import SQL

from ..tools.lifecycle import State
from .cursors import own_env
from .mfg_message_queue import QUEUES
from .mfg_message_queue_admit import ADMISSION_LOCK

_logger = logging.getLogger(__name__)

BATCH = 1000
"""Keys, or messages without key, that one transaction ends."""
STEPS = 20
"""Transactions that a person waits for."""


class MfgMessageQueue(models.AbstractModel):
    """Ending what waits for connectors or subscriptions that were retired: nobody would send or
    book it.

    In small transactions after the person's own: that one runs at REPEATABLE READ and would fail
    again and again on the keys of a connector that is busy. What is on its way is left alone; if
    it comes back to wait, the daily clean-up finds it.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _cancel_retired_later(self, connector_ids, steps=STEPS):
        """Once this transaction is committed.

        :param steps: so many transactions at the most, because a person waits; the daily clean-up
            does what is left. None: all
        """
        self.env.cr.postcommit.add(
            partial(_cancel_retired, self.env.cr.dbname, list(connector_ids), steps)
        )

    @api.autovacuum
    def _cancel_retired_leftovers(self):
        self.env.cr.execute(
            SQL(
                "SELECT id FROM mfg_connector c WHERE state = 'retired' OR EXISTS ("
                "SELECT 1 FROM mfg_subscription s"
                " WHERE s.connector_id = c.id AND s.state = 'retired')"
            )
        )
        self._cancel_retired_later([row[0] for row in self.env.cr.fetchall()], steps=None)

    @api.model
    def _cancel_retired(self, queue, connector_ids):
        """One step in the current transaction (READ COMMITTED); whether there may be more."""
        return self._cancel_new(queue, connector_ids) or self._cancel_keys(queue, connector_ids)

    @staticmethod
    def _owner_of_message(queue):
        return SQL(
            "JOIN %s o ON o.id = m.%s JOIN mfg_connector c ON c.id = m.connector_id",
            queue.owners,
            queue.owner,
        )

    @staticmethod
    def _is_retired(queue, connector_ids):
        """Condition on owner ``o`` and connector ``c``."""
        by = SQL("c.state = 'retired'")
        if queue.direction == "out":
            by = SQL("(%s OR o.state = 'retired')", by)
        return SQL("c.id = ANY(%s) AND %s", connector_ids, by)

    def _cancel_new(self, queue, connector_ids):
        """Messages that have no key yet; whether there were some."""
        self.env.cr.execute(
            SQL(
                "SELECT id FROM mfg_lane WHERE EXISTS (SELECT 1 FROM ONLY %s m %s"
                " WHERE m.lane_id = mfg_lane.id AND m.key_id IS NULL AND %s) ORDER BY id",
                queue.messages,
                self._owner_of_message(queue),
                self._is_retired(queue, connector_ids),
            )
        )
        lane_ids = [row[0] for row in self.env.cr.fetchall()]
        for lane_id in lane_ids:
            # Or admission would count a message under a key that is cancelled here meanwhile.
            self.env.cr.execute(
                SQL(
                    "SELECT pg_advisory_xact_lock(%s, %s)",
                    ADMISSION_LOCK[queue.direction],
                    lane_id,
                )
            )
        if not lane_ids:
            return False
        return self._end(
            queue,
            SQL(
                "id IN (SELECT m.id FROM ONLY %s m %s WHERE m.lane_id = ANY(%s)"
                " AND m.key_id IS NULL AND %s ORDER BY m.id LIMIT %s)",
                queue.messages, self._owner_of_message(queue), lane_ids,
                self._is_retired(queue, connector_ids), BATCH,
            ),
        )  # fmt: skip

    def _cancel_keys(self, queue, connector_ids):
        """What waits under keys that nobody works on; whether there were some."""
        key_ids = self._lock_keys(
            queue,
            SQL(
                """
                id IN (SELECT k.id FROM %(keys)s k JOIN %(owners)s o ON o.id = k.owner_id
                          JOIN mfg_connector c ON c.id = o.connector_id
                        WHERE %(retired)s AND k.worker IS NULL
                          AND k.waiting > (k.due_at IS NULL)::int -- not just a dead one
                        ORDER BY k.owner_id, k.ordering_key LIMIT %(limit)s)
                """,
                keys=queue.keys, owners=queue.owners, limit=BATCH,
                retired=self._is_retired(queue, connector_ids),
            ),
        )  # fmt: skip
        if not key_ids:
            return False
        ended = self._end(
            queue,
            SQL("key_id = ANY(%s) AND key_id > 0 AND state IN ('pending', 'retrying')", key_ids),
        )
        self._refresh_keys(queue, key_ids)
        return ended

    def _end(self, queue, condition):
        """Cancel the messages that match; whether there were some."""
        idle = SQL("%s AND state != %s", condition, State.RUNNING.value)
        return bool(self._finish_where(queue, idle, State.CANCELLED, "connector_retired"))


def _cancel_retired(dbname, connector_ids, steps=None):
    """All of it, step by step, on cursors of its own."""
    if not connector_ids:
        return
    registry = Registry(dbname)
    for queue in QUEUES.values():
        more = True
        while more and steps != 0:
            steps = steps and steps - 1
            try:
                with own_env(registry) as env:
                    more = env["mfg.message.queue"]._cancel_retired(queue, connector_ids)
            except psycopg2.Error as error:
                # The connector is retired all the same; the daily clean-up comes back to it.
                _logger.warning("What waits for %s was not ended: %s", connector_ids, error)
                return
