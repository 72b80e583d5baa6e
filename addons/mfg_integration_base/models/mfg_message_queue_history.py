from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..tools.lifecycle import FINAL
from .mfg_message_queue import NOW, QUEUE_OF_MODEL

INDEXES = (
    ("id", True, "(id)"),
    ("uuid", True, "(uuid)"),
    ("connector", False, "(connector_id, id)"),
)
"""Of both histories: name, whether unique, columns."""

INDEXES_OF = {
    "out": (
        ("event", False, "(event_id)"),
        ("replay", False, "(replay_id, state) WHERE replay_id IS NOT NULL"),
        ("retention", False, "(event_type, finished_at)"),
    ),
    "in": (
        ("external", False, "(connector_id, external_id)"),
        ("record", False, "(record_model, record_id) WHERE record_id IS NOT NULL"),
        ("retention", False, "(message_type, finished_at)"),
    ),
}


class Gone(NamedTuple):
    """A message that was ended in bulk."""

    id: int
    key_id: int
    attempt_id: int | None  # of a runner that was lost


class MfgMessageQueue(models.AbstractModel):
    """Finished messages leave the hot tables, in the statement that ends them.

    A history table inherits from its hot table (PostgreSQL's table inheritance): the same columns,
    indexes of its own, and whoever reads the model reads both. Nothing updates a row in history.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _make_history(self, queue):
        """Create the history table and its indexes; for installation and updates."""
        cr = self.env.cr
        cr.execute(
            SQL("CREATE TABLE IF NOT EXISTS %s () INHERITS (%s)", queue.history, queue.messages)
        )
        table = f"{self.env[queue.model]._table}_history"
        for name, unique, columns in (*INDEXES, *INDEXES_OF[queue.direction]):
            create = SQL("CREATE UNIQUE INDEX") if unique else SQL("CREATE INDEX")
            cr.execute(
                SQL(
                    "%s IF NOT EXISTS %s ON %s %s",
                    create, SQL.identifier(f"{table}_{name}_idx"), queue.history, SQL(columns),
                )
            )  # fmt: skip

    def _columns(self, queue):
        """Names of the columns; the history's may stand in another order after a restore."""
        fields = self.env[queue.model]._fields.values()
        return [field.name for field in fields if field.store and field.column_type]

    def _finish(self, queue, result, condition):
        """Move messages into history as ``result`` says; their ids.

        :param result: a table ``r`` with state, reason_code and detail
        :param condition: on ``m`` (the hot row) and ``r``
        """
        replaced = {
            "state": SQL("new_state"),
            "reason_code": SQL("new_reason"),
            "detail": SQL("new_detail"),
            "due_at": SQL("NULL::timestamp"),
            "dead_at": SQL("NULL::timestamp"),
            "finished_at": NOW,
        }
        columns = self._columns(queue)
        self.env.cr.execute(
            SQL(
                """
                WITH gone AS (
                    DELETE FROM ONLY %(messages)s m USING %(result)s WHERE %(condition)s
                    RETURNING m.*, r.state AS new_state, r.reason_code AS new_reason,
                              r.detail AS new_detail
                )
                INSERT INTO %(history)s (%(columns)s) SELECT %(values)s FROM gone RETURNING id
                """,
                messages=queue.messages, history=queue.history, result=result,
                condition=condition,
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                values=SQL(", ").join(replaced.get(c, SQL.identifier(c)) for c in columns),
            )
        )  # fmt: skip
        return {row[0] for row in self.env.cr.fetchall()}

    def _move_finished(self, queue, ids):
        """Move those of these messages whose state is final already."""
        columns = SQL(", ").join(map(SQL.identifier, self._columns(queue)))
        self.env.cr.execute(
            SQL(
                "WITH gone AS (DELETE FROM ONLY %(messages)s"
                "  WHERE id = ANY(%(ids)s) AND state IN %(final)s RETURNING *)"
                " INSERT INTO %(history)s (%(columns)s) SELECT %(columns)s FROM gone",
                messages=queue.messages, history=queue.history, columns=columns,
                ids=list(ids), final=tuple(map(str, FINAL)),
            )
        )  # fmt: skip

    def _finish_where(self, queue, condition, state, reason, detail=None):
        """End waiting messages ``m`` whose keys are locked; list of ``Gone``."""
        self.env.cr.execute(
            SQL(
                "SELECT m.id, m.key_id, CASE WHEN m.state = 'running' THEN m.attempt_id END"
                "  FROM ONLY %s m WHERE %s FOR UPDATE",
                queue.messages,
                condition,
            )
        )
        gone = [Gone(*row) for row in self.env.cr.fetchall()]
        if gone:
            result = SQL(
                "(SELECT unnest(%s::int[]) AS id, %s AS state, %s AS reason_code, %s AS detail) r",
                [row.id for row in gone],
                str(state),
                reason,
                detail,
            )
            self._finish(queue, result, SQL("m.id = r.id"))
        return gone

    @api.model
    def _prune(self, model_name, before, limit):
        """Delete up to ``limit`` messages that ended before ``before``, and their attempts.

        :param before: ``{event type or message type: naive UTC datetime}``
        :return: how many messages
        """
        queue = QUEUE_OF_MODEL[model_name]
        kind = SQL.identifier("event_type" if queue.direction == "out" else "message_type")
        self.env.cr.execute(
            SQL(
                """
                WITH gone AS (
                    DELETE FROM %(history)s WHERE id IN (
                        SELECT h.id
                          FROM unnest(%(types)s::text[], %(befores)s::timestamp[])
                               AS b(type, before)
                         CROSS JOIN LATERAL (
                               SELECT id FROM %(history)s h
                                WHERE h.%(kind)s = b.type AND h.finished_at < b.before
                                ORDER BY h.finished_at LIMIT %(limit)s
                                  FOR UPDATE SKIP LOCKED) h
                         LIMIT %(limit)s)
                    RETURNING id
                ), attempt AS (
                    DELETE FROM mfg_attempt WHERE %(link)s IN (SELECT id FROM gone)
                )
                SELECT count(*) FROM gone
                """,
                history=queue.history, link=queue.attempt_link, kind=kind, limit=limit,
                types=list(before), befores=list(before.values()),
            )
        )  # fmt: skip
        return self.env.cr.fetchone()[0]
