import json

from odoo import api, fields, models
from odoo.tools import SQL

from ..const import HEARTBEAT_SECONDS
from ..exceptions import StateWriteRefused
from .mfg_message_queue import NOW

LOST_SECONDS = 3 * HEARTBEAT_SECONDS
"""A dedicated worker that was silent for so long counts as lost, in seconds."""
CRON_SECONDS = 120
"""How long after its end a run of a scheduled action counts as a sign of life, in seconds."""
CRON_KEEP_MINUTES = 15
"""Processes that run scheduled actions come and go: their ended runs are forgotten after this."""
COUNTS = ("out", "in", "local")


class MfgWorker(models.Model):
    """A process that runs lanes: a dedicated worker, or a scheduled action's last run in a process.

    Written by the runners alone, in SQL on cursors of their own (``heartbeat``); the database's
    clock decides who is lost.
    """

    _name = "mfg.worker"
    _description = "Integration worker"
    _order = "kind desc, started_at desc, id"
    _log_access = False

    name = fields.Char(readonly=True, required=True, help="As shown on attempts.")
    kind = fields.Selection(
        [("worker", "Dedicated worker"), ("cron", "Scheduled action")], readonly=True, required=True
    )
    slot = fields.Char(readonly=True, help="Which scheduled action of the process; else empty.")
    host = fields.Char(readonly=True)
    pid = fields.Integer(string="Process", readonly=True)
    lanes = fields.Char(readonly=True, help="Codes of the lanes it runs.")
    lane_rates = fields.Json(readonly=True)  # {lane code: messages per second}
    started_at = fields.Datetime(string="Started", readonly=True, required=True)
    last_seen_at = fields.Datetime(string="Last seen", readonly=True, required=True)
    alive_until = fields.Datetime(
        readonly=True, required=True, help="Lost when nothing was heard of it until then."
    )
    phase = fields.Selection(
        [("running", "Running"), ("stopping", "Stopping"), ("idle", "Idle")],
        readonly=True,
        required=True,
        help="What it said of itself when it was last seen.",
    )
    state = fields.Selection(
        [("running", "Running"), ("stopping", "Stopping"), ("idle", "Idle"), ("lost", "Lost")],
        compute="_compute_state",
    )
    # Not Integer: a fast worker counts beyond its range within days.
    out_count = fields.Float(string="Sent", digits=(20, 0), readonly=True)
    in_count = fields.Float(string="Booked", digits=(20, 0), readonly=True)
    local_count = fields.Float(string="Jobs", digits=(20, 0), readonly=True)
    out_rate = fields.Float(string="Sent/s", digits=(16, 1), readonly=True)
    in_rate = fields.Float(string="Booked/s", digits=(16, 1), readonly=True)
    local_rate = fields.Float(string="Jobs/s", digits=(16, 1), readonly=True)
    average_rate = fields.Float(
        string="Average/s",
        digits=(16, 1),
        compute="_compute_average_rate",
        help="Messages per second since it started.",
    )
    in_flight = fields.Integer(readonly=True, help="Messages it worked on when last seen.")
    version = fields.Char(readonly=True, help="Of the addon, as loaded by the process.")

    _name_uniq = models.Constraint("UNIQUE (name, slot)", "This runner is known already.")

    @api.depends("alive_until", "phase", "kind")
    def _compute_state(self):
        self.env.cr.execute(SQL("SELECT %s", NOW))
        (now,) = self.env.cr.fetchone()
        for worker in self:
            # The last run of an action that has ended is over, not lost.
            is_lost = worker.phase != "idle" and worker.alive_until and worker.alive_until < now
            worker.state = "lost" if is_lost else worker.phase

    @api.depends("started_at", "last_seen_at", "out_count", "in_count", "local_count")
    def _compute_average_rate(self):
        for worker in self:
            seconds = (
                (worker.last_seen_at - worker.started_at).total_seconds()
                if worker.last_seen_at and worker.started_at
                else 0
            )
            total = worker.out_count + worker.in_count + worker.local_count
            worker.average_rate = total / seconds if seconds > 0 else 0.0

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Workers enter themselves."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("A worker writes its own row."))

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("Workers leave by themselves, a day after their end."))

    # === What runners write (READ COMMITTED, own cursor) === #

    @api.model
    def _beat(self, *, name, host, pid, version, first, stopping, totals, rates, lane_rates,
              in_flight):  # fmt: skip
        """A dedicated worker's sign of life.

        :param first: this process has not written before: a row of its name is an older process's
        :param totals: ``{"out", "in", "local": number since the start}``; ``rates`` likewise
        :param lane_rates: ``{lane code: messages per second}`` of the lanes it runs now
        """
        self._upsert(
            name=name, kind="worker", slot="", host=host, pid=pid, version=version,
            phase="stopping" if stopping else "running", fresh=first, alive=LOST_SECONDS,
            lane_rates=lane_rates, in_flight=in_flight,
            **{f"{key}_count": totals.get(key, 0) for key in COUNTS},
            **{f"{key}_rate": rates.get(key, 0.0) for key in COUNTS},
        )  # fmt: skip
        if first:
            self._prune()

    @api.model
    def _note_run(self, *, name, slot, host, pid, version, code, running, seconds, rate):
        """A scheduled action's run begins or has ended; one statement each.

        :param seconds: how long the run may take, 0 at its end
        :param rate: messages per second of the run, 0 at its beginning
        """
        self._upsert(
            name=name, kind="cron", slot=slot, host=host, pid=pid, version=version,
            phase="running" if running else "idle", fresh=running,
            alive=seconds + CRON_SECONDS, lane_rates={code: round(rate, 3)}, in_flight=0,
        )  # fmt: skip

    def _upsert(self, *, fresh, alive, lane_rates, **values):
        values["lanes"] = ", ".join(lane_rates)
        columns = {name: SQL("%s", value) for name, value in values.items()}
        columns["lane_rates"] = SQL("%s::jsonb", json.dumps(lane_rates))
        columns["started_at"] = columns["last_seen_at"] = NOW
        columns["alive_until"] = SQL("%s + %s * interval '1 second'", NOW, alive)
        kept = {"name", "slot"} if fresh else {"name", "slot", "started_at"}
        self.env.cr.execute(
            SQL(
                "INSERT INTO mfg_worker (%s) VALUES (%s) ON CONFLICT (name, slot) DO UPDATE SET %s",
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(columns.values()),
                SQL(", ").join(
                    SQL("%s = EXCLUDED.%s", SQL.identifier(name), SQL.identifier(name))
                    for name in columns
                    if name not in kept
                ),
            )
        )

    @api.model
    def _end(self, name):
        """A dedicated worker has ended in order."""
        self.env.cr.execute(SQL("DELETE FROM mfg_worker WHERE name = %s AND kind = 'worker'", name))

    @api.autovacuum
    def _prune(self):
        """Forget the lost after a day, and runs of actions in processes that are gone."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM mfg_worker
                 WHERE id IN (SELECT id FROM mfg_worker
                               WHERE last_seen_at < %(now)s - interval '1 day'
                                  OR (phase = 'idle' AND last_seen_at
                                      < %(now)s - %(minutes)s * interval '1 minute')
                               FOR UPDATE SKIP LOCKED)
                """,
                now=NOW,
                minutes=CRON_KEEP_MINUTES,
            )
        )

    # === What lanes ask === #

    @api.model
    def _runners(self):
        """``{lane code: (seconds since a runner was seen, messages per second)}``.

        0 seconds while one runs.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT lane.key,
                       min(CASE WHEN w.phase != 'idle' AND w.alive_until >= %(now)s THEN 0
                                ELSE EXTRACT(EPOCH FROM %(now)s - w.last_seen_at) END)::float8,
                       COALESCE(sum(lane.value::float8) FILTER (WHERE w.alive_until >= %(now)s), 0)
                  FROM mfg_worker w CROSS JOIN LATERAL jsonb_each_text(w.lane_rates) lane
                 GROUP BY lane.key
                """,
                now=NOW,
            )
        )
        return {code: (seconds, rate) for code, seconds, rate in self.env.cr.fetchall()}

    @api.model
    def _has_dedicated(self):
        """Whether a dedicated worker lives."""
        self.env.cr.execute(
            SQL(
                "SELECT EXISTS (SELECT 1 FROM mfg_worker"
                " WHERE kind = 'worker' AND alive_until >= %s)",
                NOW,
            )
        )
        return self.env.cr.fetchone()[0]
