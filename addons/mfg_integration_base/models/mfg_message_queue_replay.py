from odoo import api, models
from odoo.tools import SQL

from .mfg_message_queue import NOW


class MfgMessageQueue(models.AbstractModel):
    """The SQL of replays: count, feed.

    Messages are read without ONLY where finished ones count: they may have moved to history.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _replay_counts(self, replay_ids):
        """``{replay id: {state: number of messages}}``."""
        self.env.cr.execute(
            SQL(
                "SELECT replay_id, state, count(*) FROM mfg_outbox_message"
                " WHERE replay_id = ANY(%s) GROUP BY replay_id, state",
                list(replay_ids),
            )
        )
        counts = {}
        for replay_id, state, number in self.env.cr.fetchall():
            counts.setdefault(replay_id, {})[state] = number
        return counts

    @api.model
    def _replay_dry_run(self, replay):
        """What the replay would send if it started now: values of its fields."""
        self.env.flush_all()
        cr = self.env.cr
        # What is emitted from now on reaches subscribers by itself.
        cr.execute("SELECT COALESCE(max(id), 0) FROM mfg_event")
        last_event_id = cr.fetchone()[0]
        cr.execute(
            SQL(
                """
                SELECT count(*), count(DISTINCT c.ordering_key),
                       count(*) FILTER (WHERE c.superseded),
                       count(*) FILTER (WHERE c.acknowledged), count(*) FILTER (WHERE c.planned),
                       min(c.occurred_at), max(c.occurred_at), %(now)s
                  FROM (SELECT e.ordering_key, e.occurred_at,
                               EXISTS (SELECT 1 FROM mfg_event n
                                        WHERE n.ordering_key = e.ordering_key AND n.id > e.id
                                          AND n.event_type_id = e.event_type_id
                                          AND n.company_id = e.company_id) AS superseded,
                               %(acknowledged)s AS acknowledged, %(plan)s AS planned
                          FROM mfg_event e
                         WHERE e.id <= %(last)s AND %(selection)s) c
                """,
                now=NOW, last=last_event_id, acknowledged=replay._acknowledged("e"),
                plan=replay._plan("e", last_event_id), selection=replay._selection("e"),
            )
        )  # fmt: skip
        names = (
            "event_count", "key_count", "superseded_count", "acknowledged_count", "planned_count",
            "first_event_at", "last_event_at", "checked_at",
        )  # fmt: skip
        counts = dict(zip(names, cr.fetchone(), strict=True))
        # Odoo's own times have no fraction of a second.
        for name in ("first_event_at", "last_event_at", "checked_at"):
            counts[name] = counts[name] and counts[name].replace(microsecond=0)
        return {**counts, "last_event_id": last_event_id}

    @api.model
    def _replay_feed(self, replay, limit):
        """Write the messages of the next ``limit`` events and how far that is; how many.

        Both in one transaction: after a crash it goes on behind the last message that there is.
        The caller has locked the replay's row, so nobody else feeds it.
        """
        ordered = replay.subscription_id.ordering == "key"
        self.env.cr.execute(
            SQL(
                """
                WITH next AS MATERIALIZED (
                    SELECT e.id, e.type, e.company_id, e.ordering_key,
                           gen_random_uuid()::text AS uuid
                      FROM mfg_event e
                     WHERE e.id > %(position)s AND e.id <= %(last)s AND %(selection)s AND %(plan)s
                       AND %(late)s
                     ORDER BY e.id
                     LIMIT %(limit)s
                ), fed AS (
                    INSERT INTO mfg_outbox_message
                        (uuid, event_id, event_type, subscription_id, connector_id, company_id,
                         lane_id, ordering_key, state, attempt_count, tries, created_at, replay_id)
                    SELECT n.uuid, n.id, n.type, s.id, s.connector_id, n.company_id, s.lane_id,
                           CASE WHEN %(ordered)s THEN n.ordering_key ELSE n.uuid END,
                           'pending', 0, 0, clock_timestamp() AT TIME ZONE 'UTC', %(replay)s
                      FROM next n JOIN mfg_subscription s ON s.id = %(subscription)s
                     ORDER BY n.id
                    RETURNING event_id
                ), sum AS (
                    SELECT count(*) AS fed, max(event_id) AS position FROM fed
                )
                UPDATE mfg_replay r
                   SET position = COALESCE(sum.position, r.position),
                       fed_count = COALESCE(r.fed_count, 0) + sum.fed,
                       fed_all = sum.fed < %(limit)s,
                       fed_at = GREATEST(COALESCE(r.fed_at, %(now)s), %(now)s - interval '1 second')
                                + sum.fed * interval '1 second' / r.rate
                  FROM sum
                 WHERE r.id = %(replay)s
                RETURNING sum.fed
                """,
                position=replay.position, last=replay.last_event_id,
                selection=replay._selection("e"), plan=replay._plan("e", replay.last_event_id),
                late=replay._late("e"), limit=limit, ordered=ordered,
                subscription=replay.subscription_id.id, replay=replay.id, now=NOW,
            )
        )  # fmt: skip
        fed = self.env.cr.fetchone()[0]
        replay.invalidate_recordset()
        if fed:
            self.env["mfg.waker"]._wake(replay.subscription_id.lane_id)
        return fed

    @api.model
    def _replay_look_again(self, replay):
        """Start the second look for late events; whether it could.

        A transaction that was open when the replay started may commit events that the feeder has
        passed already, or that do not reach the target because it is older than the target. The
        second look begins when the last of those that were writing has ended.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                                WHERE datname = current_database() AND pid != pg_backend_pid()
                                  -- One that has written nothing has emitted nothing.
                                  AND backend_xid IS NOT NULL
                                  -- Odoo's own times have no fraction of a second.
                                  AND xact_start AT TIME ZONE 'UTC'
                                      < %(started)s + interval '1 second'),
                       (SELECT COALESCE(max(id), 0) FROM mfg_event)
                """,
                started=replay.started_at,
            )
        )
        waits, last_event_id = self.env.cr.fetchone()
        if not waits:
            replay._write_verb(
                {
                    "late_from_id": replay.last_event_id or 1,
                    "last_event_id": last_event_id,
                    "position": 0,
                    "fed_all": False,
                }
            )
            replay.flush_recordset()  # what feeds writes the row itself
        return not waits

    @api.model
    def _replay_allowance(self, replay):
        """``(by throttle, by bound)``: how many events may be fed at this moment."""
        self.env.cr.execute(
            SQL(
                """
                SELECT floor(r.rate * LEAST(1, EXTRACT(EPOCH FROM %(now)s
                             - COALESCE(r.fed_at, %(now)s - interval '1 second'))))::int,
                       r.max_unfinished - (
                           SELECT count(*) FROM ONLY mfg_outbox_message m
                            WHERE m.replay_id = r.id)
                  FROM mfg_replay r WHERE r.id = %(replay)s
                """,
                now=NOW, replay=replay.id,
            )
        )  # fmt: skip
        return self.env.cr.fetchone()
