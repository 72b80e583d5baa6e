import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..const import RETENTION_DAYS
from .cursors import own_env
from .mfg_message_queue import NOW, QUEUES

_logger = logging.getLogger(__name__)

CHUNK = 1000
"""How many rows one transaction deletes."""
TIME_BUDGET = 60
"""How long one run works before it hands over, in seconds."""


class MfgFlow(models.Model):
    _inherit = "mfg.flow"

    retention_days = fields.Integer(
        string="Keep for (days)",
        required=True,
        default=RETENTION_DAYS,
        help="How long events of this flow and their finished messages are kept.",
    )

    _retention_positive = models.Constraint(
        "CHECK (retention_days > 0)", "Events and messages are kept for at least one day."
    )


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    retention_days = fields.Integer(
        string="Keep for (days)",
        required=True,
        default=RETENTION_DAYS,
        help="How long finished messages are kept. Their ids are remembered for as long as "
        "repeats are recognised.",
    )

    _retention_positive = models.Constraint(
        "CHECK (retention_days > 0)", "Messages are kept for at least one day."
    )


class MfgRetention(models.AbstractModel):
    """Deletes what has been kept long enough: a little at a time, by index, oldest first."""

    _name = "mfg.retention"
    _description = "Retention of events and messages"

    @api.model
    def _cron_prune(self):
        """Entry point of the scheduled action."""
        deadline = time.monotonic() + TIME_BUDGET
        self.env["ir.cron"]._commit_progress()  # no snapshot of this action stays open meanwhile
        counts = {}
        for what in (self._messages_out, self._messages_in, self._attempts, self._identities,
                     self._events, self._lost_keys):  # fmt: skip
            counts[what.__name__.strip("_")] = self._until_done(what, deadline)
        _logger.info("Retention deleted %s", counts)
        left = time.monotonic() >= deadline
        self.env["ir.cron"]._commit_progress(sum(counts.values()), remaining=int(left))

    def _until_done(self, what, deadline):
        """Call ``what(env, state)`` in transactions of its own until it deletes nothing more."""
        total, state = 0, {}
        while time.monotonic() < deadline:
            with own_env(self.env.registry) as env:
                deleted = what(env, state)
            total += deleted
            if not deleted and not state.pop("go_on", False):
                break
        return total

    # === How long === #

    @api.model
    def _keep_days(self, env):
        """``{event type: days}`` of the catalogue."""
        env.cr.execute(
            "SELECT t.code, f.retention_days FROM mfg_event_type t"
            "  LEFT JOIN mfg_flow f ON f.id = t.flow_id"
        )
        return {code: days or RETENTION_DAYS for code, days in env.cr.fetchall()}

    @api.model
    def _keep_days_in(self, env):
        """``{message type: days}``: the longest of its routes."""
        env.cr.execute(
            "SELECT message_type, max(retention_days) FROM mfg_inbox_route GROUP BY message_type"
        )
        return dict(env.cr.fetchall())

    def _types_in_history(self, env, direction):
        """The types that history holds, one index look-up each."""
        queue = QUEUES[direction]
        kind = SQL.identifier("event_type" if direction == "out" else "message_type")
        env.cr.execute(
            SQL(
                """
                WITH RECURSIVE t(kind) AS (
                    (SELECT %(kind)s FROM %(history)s ORDER BY %(kind)s LIMIT 1)
                    UNION ALL
                    SELECT (SELECT %(kind)s FROM %(history)s WHERE %(kind)s > t.kind
                             ORDER BY %(kind)s LIMIT 1)
                      FROM t WHERE t.kind IS NOT NULL
                )
                SELECT kind FROM t WHERE kind IS NOT NULL
                """,
                kind=kind,
                history=queue.history,
            )
        )
        return [row[0] for row in env.cr.fetchall()]

    @staticmethod
    def _before(days):
        return fields.Datetime.now() - timedelta(days=days)

    # === What === #

    def _messages_out(self, env, state):
        return self._prune(env, state, "out", self._keep_days)

    def _messages_in(self, env, state):
        return self._prune(env, state, "in", self._keep_days_in)

    def _prune(self, env, state, direction, keep_days):
        if "before" not in state:
            days = keep_days(env)
            state["before"] = {
                kind: self._before(days.get(kind, RETENTION_DAYS))
                for kind in self._types_in_history(env, direction)
            }
        if not state["before"]:
            return 0
        return env["mfg.message.queue"]._prune(QUEUES[direction].model, state["before"], CHUNK)

    def _attempts(self, env, _state):
        """Attempts that several messages shared go when the last of these has to be gone."""
        days = [RETENTION_DAYS, *self._keep_days(env).values(), *self._keep_days_in(env).values()]
        env.cr.execute(
            SQL(
                "DELETE FROM mfg_attempt WHERE id IN ("
                " SELECT id FROM mfg_attempt"
                "  WHERE outbox_message_id IS NULL AND inbox_message_id IS NULL"
                "    AND started_at < %s AND closed_at < %s ORDER BY started_at LIMIT %s)",
                self._before(max(days)),
                self._before(max(days)),
                CHUNK,
            )
        )
        return env.cr.rowcount

    def _identities(self, env, _state):
        """Partners' message ids that need not be recognised any more."""
        env.cr.execute(
            SQL(
                "DELETE FROM mfg_inbox_identity WHERE id IN ("
                " SELECT i.id FROM mfg_inbox_identity i WHERE i.expires_at < %s"
                "    AND NOT EXISTS (SELECT 1 FROM ONLY mfg_inbox_message m"
                "                     WHERE m.uuid = i.message_uuid)"
                "  ORDER BY i.expires_at LIMIT %s FOR UPDATE SKIP LOCKED)",
                NOW,
                CHUNK,
            )
        )
        return env.cr.rowcount

    def _lost_keys(self, env, state):
        """A message without its key would wait for ever: admission finds it another one."""
        if state.setdefault("directions", list(QUEUES.values())):
            queue = state["directions"].pop()
            env.cr.execute(
                SQL(
                    "UPDATE ONLY %s m SET key_id = NULL WHERE m.key_id > 0 AND m.state != 'dead'"
                    " AND NOT EXISTS (SELECT 1 FROM %s k WHERE k.id = m.key_id)",
                    queue.messages,
                    queue.keys,
                )
            )
            state["go_on"] = bool(state["directions"])
            if env.cr.rowcount:
                _logger.error("%s messages had lost their keys", env.cr.rowcount)
            return env.cr.rowcount
        return 0

    def _events(self, env, state):
        """Events that no message needs any more: the oldest of each type, in order of ids."""
        if "types" not in state:
            days = self._keep_days(env)
            env.cr.execute("SELECT id, code FROM mfg_event_type ORDER BY id")
            state["types"] = [(row[0], self._before(days[row[1]]), 0) for row in env.cr.fetchall()]
        if not state["types"]:
            return 0
        type_id, before, after = state["types"].pop()
        env.cr.execute(
            SQL(
                """
                WITH oldest AS (
                    SELECT id, recorded_at FROM mfg_event
                     WHERE event_type_id = %(type)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
                ), gone AS (
                    DELETE FROM mfg_event e USING oldest o
                     WHERE e.id = o.id AND o.recorded_at < %(before)s
                       AND NOT EXISTS (SELECT 1 FROM ONLY mfg_outbox_message m
                                        WHERE m.event_id = e.id)
                       AND NOT EXISTS (SELECT 1 FROM mfg_outbox_message_history h
                                        WHERE h.event_id = e.id)
                    RETURNING 1
                )
                SELECT (SELECT count(*) FROM gone), max(id), max(recorded_at), count(*) FROM oldest
                """,
                type=type_id,
                after=after,
                before=before,
                limit=CHUNK,
            )
        )
        deleted, last_id, newest, looked_at = env.cr.fetchone()
        if looked_at == CHUNK and newest < before:
            state["types"].append((type_id, before, last_id))
        state["go_on"] = bool(state["types"])
        return deleted
