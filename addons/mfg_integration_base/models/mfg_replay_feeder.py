import logging
import time

import psycopg2

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .cursors import own_env

_logger = logging.getLogger(__name__)

TIME_BUDGET = 50
"""How long one run of the scheduled action feeds before it hands over, in seconds."""

TICK_SECONDS = 0.2
"""Pause between two rounds: the throttle lets a fifth of a second's events through."""

IDLE_SECONDS = 5
"""How long a run waits for room before it leaves the rest to the next one, in seconds."""

CHUNK = 1000
"""Most events of one transaction."""


class MfgReplayFeeder(models.AbstractModel):
    """Turns events into messages of running replays, chunk by chunk; does no network I/O.

    A chunk is one transaction on a cursor of its own: the messages and the position behind them.
    Whoever feeds holds the replay's row; a second feeder passes it over.
    """

    _name = "mfg.replay.feeder"
    _description = "Feeder of replays"

    @api.model
    def _cron_run(self):
        """Entry point of the scheduled action."""
        deadline = time.monotonic() + TIME_BUDGET
        cron = self.env["ir.cron"]
        cron._commit_progress()  # the snapshot of this transaction must not stay open meanwhile
        fed, idle_since = 0, time.monotonic()
        live = True
        while live and time.monotonic() < deadline:
            now_fed, live = self._round()
            fed += now_fed
            if now_fed:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > IDLE_SECONDS:
                break  # slow or dead receivers: no reason to hold one of Odoo's cron threads
            if live:
                time.sleep(TICK_SECONDS)
        cron._commit_progress(fed, remaining=int(bool(live and fed)))

    @api.model
    def _round(self):
        """One chunk for each live replay; ``(events fed, whether any replay goes on)``."""
        with own_env(self.env.registry) as env:
            if env["mfg.environment"]._fingerprint_here() is None:
                return 0, False
            env.cr.execute(
                SQL(
                    """
                    SELECT r.id
                      FROM mfg_replay r JOIN mfg_subscription s ON s.id = r.subscription_id
                     WHERE r.state = 'running' OR (r.state = 'cancelled' AND s.state != 'retired')
                     ORDER BY r.id
                    """
                )
            )
            replay_ids = [row[0] for row in env.cr.fetchall()]
        fed, live = 0, False
        for replay_id in replay_ids:
            now_fed, goes_on = self._feed(replay_id)
            fed += now_fed
            live = live or goes_on
        return fed, live

    @api.model
    def _feed(self, replay_id):
        """One chunk for one replay; ``(events fed, whether there is more to do)``."""
        try:
            with own_env(self.env.registry) as env:
                replay = self._lock(env, replay_id)
                return self._step(env, replay) if replay else (0, False)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            # Somebody else's change, or the database is gone: what is there then goes on from it.
            _logger.info("Replay %s: %s; tried again", replay_id, error)
            return 0, True
        except Exception as error:
            _logger.exception("Replay %s cannot go on", replay_id)
            self._stop(replay_id, error)
            return 0, False

    def _lock(self, env, replay_id):
        """The replay, locked; empty when somebody else feeds or changes it at this moment."""
        env.cr.execute(
            SQL("SELECT id FROM mfg_replay WHERE id = %s FOR UPDATE SKIP LOCKED", replay_id)
        )
        return env["mfg.replay"].browse(row[0] for row in env.cr.fetchall())

    def _step(self, env, replay):
        if replay.state == "cancelled":
            try:
                left = replay._cancel_rest(replay.problem or "")
            except ValidationError:
                left = True  # one has just been claimed
            if not left:
                self._retire(replay)
            return 0, left
        if replay.state != "running":
            return 0, False
        queue = env["mfg.message.queue"]
        looks_again = not replay.late_from_id and not replay.event_uuids
        if replay.fed_all and looks_again and not queue._replay_look_again(replay):
            return 0, True
        if replay.fed_all:
            counts = queue._replay_counts(replay.ids).get(replay.id, {})
            if sum(counts.values()) > counts.get("done", 0) + counts.get("cancelled", 0):
                # Dead ones as well: retried, they need the subscription.
                return 0, True
            self._retire(replay)
            replay._write_verb({"state": "done"})
            return 0, False
        allowance = min(CHUNK, *queue._replay_allowance(replay))
        return (queue._replay_feed(replay, allowance) if allowance > 0 else 0), True

    def _retire(self, replay):
        replay.subscription_id.state = "retired"
        replay._write_verb({"finished_at": replay.env.cr.now().replace(microsecond=0)})

    def _stop(self, replay_id, error):
        """Pause a replay that fails, for a person to look at; the others go on."""
        with own_env(self.env.registry) as env:
            replay = self._lock(env, replay_id)
            if replay and replay.state == "running":
                replay.subscription_id.state = "paused"
                replay._write_verb({"state": "paused", "problem": str(error)})
