"""Waking the runners: one thread per process tells, a listener hears.

NOTIFY inside a business transaction takes a lock at commit that all writers share, and triggering
a scheduled action costs the user milliseconds. So post-commit only notes the lanes in memory;
this thread does the rest on connections of its own, many commits in one go.
"""

import logging
import os
import select
import threading
import time
from datetime import datetime, timezone

import psycopg2
from psycopg2 import sql

from odoo import SUPERUSER_ID, sql_db
from odoo.addons.base.models.ir_cron import ODOO_NOTIFY_FUNCTION
from odoo.tools import SQL

from ..const import CHANNEL_WAKE
from ..tools import token_bucket
from .cursors import read_committed

_logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.001
"""Pause before telling, so that commits that come close together are told at once, in seconds."""
TELLS_PER_SECOND = 25
"""How often one process tells while commits follow each other without a break. Runners that are
awake look by themselves, and writers must not wait for PostgreSQL's one queue of notifications."""
TELLS_AT_ONCE = 10
"""How many of these may have been saved up, so that ordinary traffic never waits."""


class WakerThread:
    """Tells runners of all processes which lanes have something new. Starts at first use."""

    def __init__(self):
        self._lock = threading.Lock()
        self._pending = {}  # database name -> {(lane id, direction, or "" for all)}
        self._event = threading.Event()
        self._pid = None

    def wake(self, dbname, wakes):
        """Note what to wake, (lane id, direction) pairs; returns at once."""
        with self._lock:
            self._pending.setdefault(dbname, set()).update(wakes)
            # A server that forks its workers leaves the thread behind in the parent.
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._event = threading.Event()
                threading.Thread(target=self._run, name="mfg.waker", daemon=True).start()
        self._event.set()

    def _run(self):
        turns = Turns(TELLS_PER_SECOND, TELLS_AT_ONCE)
        while True:
            self._event.wait()
            time.sleep(COALESCE_SECONDS)
            turns.wait()
            self._event.clear()
            with self._lock:
                pending, self._pending = self._pending, {}
            for dbname, wakes in pending.items():
                try:
                    tell(dbname, wakes)
                except psycopg2.Error as error:
                    # Nothing is lost: runners poll, and each lane's action runs every minute.
                    _logger.warning("Runners of %s could not be woken: %s", dbname, error)
                except Exception:
                    # A registry that cannot be loaded, say. This thread is never started again.
                    _logger.exception("Runners of %s could not be woken", dbname)


class Turns:
    """Lets one thread through ``rate_per_s`` times a second, ``burst`` times at once."""

    def __init__(self, rate_per_s, burst):
        self._limit = {"rate_per_s": rate_per_s, "burst": burst}
        self._bucket = None

    def wait(self):
        """Return when it is this thread's turn."""
        while True:
            now = datetime.now(timezone.utc)
            taken = token_bucket.take(self._bucket, **self._limit, wanted=1, now=now)
            self._bucket = taken.bucket
            if taken.granted:
                return
            time.sleep(taken.seconds_until_next)


def tell(dbname, wakes):
    """Notify the workers and make the lanes' scheduled actions due, on a cursor of its own.

    :param wakes: set of (lane id, direction, or "" for all)

    An action that runs hears the workers' channel as well. The trigger is for what comes after its
    last look; while it runs, Odoo's cron threads need not be woken.
    """
    with sql_db.db_connect(dbname).cursor() as cr:
        read_committed(cr)  # rows may change between the snapshot and the lock
        # A wake that a crash takes back is made up for like any other that is missed. Whoever
        # notifies holds a lock of the whole database until its commit is through.
        cr.execute("SET LOCAL synchronous_commit TO off")
        cr.execute(
            SQL(
                """
                WITH waiting AS (
                    -- A running action has deleted its triggers and not committed it: they are
                    -- locked, and do not count, because they go when it ends.
                    SELECT t.cron_id
                      FROM ir_cron_trigger t JOIN mfg_lane_cron l ON l.cron_id = t.cron_id
                     WHERE l.lane_id = ANY(%(lanes)s)
                       AND t.call_at <= statement_timestamp() AT TIME ZONE 'UTC'
                       FOR KEY SHARE OF t SKIP LOCKED
                ), idle AS (
                    -- Odoo holds the row of an action that runs.
                    SELECT c.id FROM mfg_lane_cron l JOIN ir_cron c ON c.id = l.cron_id
                     WHERE l.lane_id = ANY(%(lanes)s) AND c.active
                       FOR SHARE OF c SKIP LOCKED
                ), due AS (
                    INSERT INTO ir_cron_trigger
                           (cron_id, call_at, create_uid, create_date, write_uid, write_date)
                    SELECT c.id, now.utc, %(uid)s, now.utc, %(uid)s, now.utc
                      FROM mfg_lane_cron l JOIN ir_cron c ON c.id = l.cron_id,
                           (SELECT statement_timestamp() AT TIME ZONE 'UTC' AS utc) now
                     WHERE l.lane_id = ANY(%(lanes)s) AND c.active
                       AND c.id NOT IN (SELECT cron_id FROM waiting)
                )
                SELECT (SELECT count(*) FROM idle),
                       count(pg_notify(%(channel)s, concat_ws('/', l.code, w.direction)))
                  FROM unnest(%(ids)s::int[], %(directions)s::text[]) AS w(lane_id, direction)
                  JOIN mfg_lane l ON l.id = w.lane_id
                """,
                uid=SUPERUSER_ID,
                lanes=list({lane_id for lane_id, _direction in wakes}),
                ids=[lane_id for lane_id, _direction in wakes],
                directions=[direction or None for _lane_id, direction in wakes],
                channel=CHANNEL_WAKE,
            )
        )
        idle = cr.fetchone()[0]
        cr.commit()  # pylint: disable=invalid-commit  # this thread's own cursor
    if idle:
        _cron_threads.call(dbname)


class CronThreads:
    """Calls Odoo's cron threads, which listen in the database postgres.

    ``ir.cron`` has a method for that. It takes a cursor, and ``sql_db`` closes connections to that
    database after each use: to open one takes several times what the whole waking does.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._connection = None
        self._pid = None

    def call(self, dbname):
        """Have them look for what is due in a database.

        :raises psycopg2.Error: they could not be called
        """
        with self._lock:
            try:
                self._notify(dbname)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                # PostgreSQL was restarted since.
                self._connection = None
                self._notify(dbname)

    def _notify(self, dbname):
        # A forked child must not speak on its parent's connection.
        if self._connection is None or self._connection.closed or self._pid != os.getpid():
            _name, parameters = sql_db.connection_info_for("postgres")
            self._connection = psycopg2.connect(**parameters)
            self._connection.autocommit = True
            self._pid = os.getpid()
        with self._connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT {}('cron_trigger', %s)").format(
                    sql.Identifier(ODOO_NOTIFY_FUNCTION)
                ),
                [dbname],
            )


_cron_threads = CronThreads()


def concerns(woken, code, direction):
    """Whether a runner is meant by what a ``WakeListener`` has heard."""
    return code in woken or f"{code}/{direction}" in woken


class WakeListener:
    """Hears which lanes were woken in one database; a context manager.

    Wakes may be missed (a restart of PostgreSQL, a lost connection): it is a shortcut, callers
    poll as well.
    """

    def __init__(self, dbname):
        self._dbname = dbname
        self._cr = None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._disconnect()

    def _connect(self):
        self._cr = sql_db.db_connect(self._dbname).cursor()
        # sql_db gives out cursors that open a transaction; listening must not hold one open.
        self._cr._cnx.autocommit = True
        self._cr.execute(SQL("LISTEN %s", SQL.identifier(CHANNEL_WAKE)))

    def _disconnect(self):
        cr, self._cr = self._cr, None
        if cr is None:
            return
        try:
            cr.execute("UNLISTEN *")
            cr._cnx.autocommit = False
        except psycopg2.Error:
            _logger.debug("The listening connection was already lost.")
        finally:
            cr.close()

    def wait(self, timeout):
        """What was woken within ``timeout`` seconds, for ``concerns``; empty set when nothing.

        :raises psycopg2.Error: the connection is lost; the next call connects again
        """
        try:
            if self._cr is None:
                self._connect()
                return self._drain()
            if not self._cr._cnx.notifies and timeout > 0:
                select.select([self._cr._cnx], [], [], timeout)
            return self._drain()
        except psycopg2.Error:
            self._disconnect()
            raise

    def _drain(self):
        connection = self._cr._cnx
        connection.poll()
        woken = {notify.payload for notify in connection.notifies}
        connection.notifies.clear()
        return woken


waker = WakerThread()
