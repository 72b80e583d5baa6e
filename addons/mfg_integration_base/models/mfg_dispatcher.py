import logging
import os
import socket
import threading
import time

import psycopg2

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL

from ..const import LEASE_SECONDS, LINGER_SECONDS
from .cursors import own_env
from .heartbeat import this_process
from .mfg_message_queue import QUEUES
from .outbox_pump import Pump
from .wake import WakeListener, concerns

_logger = logging.getLogger(__name__)

DIRECTIONS = ("out", "in", "local")
"""What a lane does, each in a thread of its own: send, book, and work in this database."""

QUEUE_OF = {"out": QUEUES["out"], "in": QUEUES["in"], "local": QUEUES["out"]}
LOCAL = {"out": False, "in": None, "local": True}
"""Direction -> which messages of its queue; see ``mfg.message.queue._due_owners``."""
WORKERS_HERE = {"in": "mfg.inbox.dispatcher", "local": "mfg.local.dispatcher"}
"""Direction -> dispatcher that works in this database."""

BUSY_WAIT = 0.2
"""Pause before looking again at something due that could not be claimed, in seconds."""


HOLD_SECONDS = LEASE_SECONDS
"""What falls due within this time is waited for by a scheduled action, in seconds: long enough to
take over what a crash has left; well below the minute after which Odoo would call it again."""

END_POLL = 0.25
"""How often an idle direction looks whether the others are idle as well, in seconds."""


class BusyDirections:
    """Which directions of a lane still work. They end together: what came for one that had ended
    alone would have to wait for the scheduled action's next run."""

    def __init__(self, directions):
        self._lock = threading.Lock()
        self._busy = set(directions)
        self.ended = False

    def busy(self, direction):
        with self._lock:
            self._busy.add(direction)

    def idle(self, direction):
        with self._lock:
            self._busy.discard(direction)
            self.ended = self.ended or not self._busy


def worker_name(kind):
    """Who claims: shown on attempts, e.g. ``cron@host:1234``."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


class MfgDispatcher(models.AbstractModel):
    """Runs lanes: from their scheduled actions (here) and from the dedicated worker (``cli``)."""

    _name = "mfg.dispatcher"
    _description = "Dispatcher of a lane"

    @api.model
    def _cron_run(self, code, number=1):
        """Entry point of a lane's scheduled actions.

        :param number: which of the lane's actions this is; one too many does nothing
        """
        lane = self.env["mfg.lane"].search([("code", "=", code)])
        if not lane or lane._is_surplus(number):
            return
        budget = lane.time_budget
        started = time.monotonic()
        deadline = started + budget
        lane_id = lane.id
        cron = self.env["ir.cron"]
        cron._commit_progress()  # the snapshot of this transaction must not stay open meanwhile
        self._note_run(code, number, running=True, seconds=budget)
        done, more = 0, True
        try:
            while more and time.monotonic() < deadline:
                done += self._run_lane(lane_id, code, deadline)
                # What came after the last look and before the listeners were closed woke nobody.
                more = any(self._has_work(direction, lane_id) for direction in DIRECTIONS)
            self._hand_over(lane_id)
        finally:
            rate = done / max(time.monotonic() - started, 0.001)
            self._note_run(code, number, running=False, rate=rate)
        cron._commit_progress(done, remaining=int(bool(done and more)))

    def _note_run(self, code, number, *, running, seconds=0, rate=0.0):
        """Show this run among the workers."""
        try:
            with own_env(self.env.registry) as env:
                env["mfg.worker"]._note_run(
                    name=worker_name("cron"), slot=f"{code}/{number}", **this_process(), code=code,
                    running=running, seconds=seconds, rate=rate,
                )  # fmt: skip
        except psycopg2.Error as error:
            # Who delivers need not be seen doing it.
            _logger.warning("The run of lane %s could not be noted: %s", code, error)

    def _hand_over(self, lane_id):
        """Have the lane's action called when its next message falls due, if that is later.

        Odoo's cron threads look once a minute, so it may be that much late; one call is enough.
        """
        dues = [self._next_due(direction, lane_id) for direction in DIRECTIONS]
        later = [due for due in dues if due]
        if not later or 0 in dues:
            return
        with own_env(self.env.registry) as env:
            env.cr.execute(
                SQL(
                    """
                    INSERT INTO ir_cron_trigger
                           (cron_id, call_at, create_uid, create_date, write_uid, write_date)
                    SELECT l.cron_id, now.utc + %(due)s * interval '1 second',
                           %(uid)s, now.utc, %(uid)s, now.utc
                      FROM mfg_lane l,
                           (SELECT statement_timestamp() AT TIME ZONE 'UTC' AS utc) now
                     WHERE l.id = %(lane)s AND l.cron_id IS NOT NULL
                       AND NOT EXISTS (
                           SELECT 1 FROM ir_cron_trigger t
                            WHERE t.cron_id = l.cron_id AND t.call_at
                                  BETWEEN now.utc AND now.utc + (%(due)s + 1) * interval '1 second')
                    """,
                    due=min(later),
                    uid=SUPERUSER_ID,
                    lane=lane_id,
                )
            )

    @api.model
    def _run_lane(self, lane_id, code, deadline):
        """Work in all directions until the lane has been idle for a while; number of attempts.

        Each has a thread of its own, so that a long booking or job holds back neither the other
        nor what is on its way to partners.
        """
        worker = worker_name("cron")
        stop = threading.Event()
        busy = BusyDirections(DIRECTIONS)
        done, failures = [], []

        def run(direction):
            try:
                pump, _wake = self._pump_of(direction, lane_id, worker, deadline)
                done.append(
                    self._until_idle(
                        lambda: pump(self.env, stop.is_set), direction, lane_id, code, deadline,
                        busy,
                    )
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001 - raised again below, in the action's thread
                failures.append(error)
            finally:
                busy.idle(direction)

        *others, last = DIRECTIONS
        # Daemon, as Odoo's cron threads are: a server that stops does not wait for the lane.
        threads = [
            threading.Thread(
                target=run, args=(direction,), name=f"mfg.lane.{code}.{direction}", daemon=True
            )
            for direction in others
        ]
        for thread in threads:
            thread.start()
        try:
            run(last)
        except BaseException:
            stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]
        return sum(done)

    def _until_idle(self, pump, direction, lane_id, code, deadline, busy):
        """Call ``pump`` again when woken or when something falls due, while that is soon.

        What falls due later than HOLD_SECONDS does not hold the action's thread: all of Odoo's
        actions share a few (see ``_hand_over``).

        :param busy: whether the other directions are idle as well; none ends alone
        """
        done = 0
        with WakeListener(self.env.cr.dbname) as listener:
            self._wait(listener, 0)  # connect before the first look, so that no wake is missed
            while True:
                now_done = pump()
                done += now_done
                left = deadline - time.monotonic()
                if left <= 0:
                    return done
                due = self._next_due(direction, lane_id)
                if due == 0 and not now_done:
                    due = BUSY_WAIT  # due, but somebody holds its row: do not spin
                soon = self._is_soon(due)
                idle_for = min(due if soon else LINGER_SECONDS, left)
                if self._wait_for_work(listener, code, direction, idle_for):
                    continue
                if soon or self._is_soon(self._next_due(direction, lane_id)):
                    continue
                woken = False
                busy.idle(direction)
                while not woken and not busy.ended and (left := deadline - time.monotonic()) > 0:
                    woken = self._wait_for_work(listener, code, direction, min(END_POLL, left))
                if not woken:
                    return done
                busy.busy(direction)

    @staticmethod
    def _is_soon(due):
        return due is not None and due <= HOLD_SECONDS

    def _has_work(self, direction, lane_id):
        """Whether something could be claimed or admitted at this moment."""
        if self._next_due(direction, lane_id) == 0:
            return True
        with own_env(self.env.registry) as env:
            return not env["mfg.environment"]._is_neutralized() and env[
                "mfg.message.queue"
            ]._has_new(QUEUE_OF[direction], lane_id, LOCAL[direction])

    def _next_due(self, direction, lane_id):
        with own_env(self.env.registry) as env:
            fingerprint = env["mfg.environment"]._fingerprint_here()
            if fingerprint is None:
                return None
            return env["mfg.message.queue"]._seconds_until_due(
                QUEUE_OF[direction], lane_id, fingerprint, LOCAL[direction]
            )

    def _wait_for_work(self, listener, code, direction, seconds):
        """True when this direction of the lane was woken within ``seconds``."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if concerns(self._wait(listener, left), code, direction):
                return True
        return False

    @staticmethod
    def _wait(listener, seconds):
        try:
            return listener.wait(seconds)
        except psycopg2.Error as error:
            _logger.info("Listening for wake-ups failed, polling instead: %s", error)
            time.sleep(min(seconds, 1.0))
            return set()

    @api.model
    def _pump_of(self, direction, lane_id, worker, deadline=float("inf"), stats=None):
        """``(run, wake)``: run one direction of a lane until idle; wake it while it waits.

        ``run(env, should_stop)`` is for one thread, ``wake()`` for any.

        :param deadline: monotonic time at which it ends, idle or not
        :param stats: ``Tally`` that counts what is done
        """
        if model := WORKERS_HERE.get(direction):
            return (
                lambda env, should_stop: env[model]._pump(
                    lane_id, worker, deadline=deadline, should_stop=should_stop, stats=stats
                ),
                lambda: None,
            )
        pump = Pump(lane_id, worker)
        if stats:
            stats.watch(pump)
        return (
            lambda env, should_stop: env["mfg.outbox.dispatcher"]._pump(
                pump, deadline=deadline, should_stop=should_stop
            ),
            pump.wake,
        )

    @api.model
    def _lanes(self):
        """``[(id, code)]`` of the lanes in use."""
        self.env.cr.execute(
            SQL("SELECT id, code FROM mfg_lane WHERE active ORDER BY sequence, code")
        )
        return self.env.cr.fetchall()
