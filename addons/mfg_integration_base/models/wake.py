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

_logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.001
"""Pause before telling, so that commits that come close together are told at once, in seconds."""
TELLS_PER_SECOND = 25
"""How often one process tells while commits follow each other without a break. Runners that are
awake look by themselves, and writers must not wait for PostgreSQL's one queue of notifications."""
TELLS_AT_ONCE = 10
"""How many of these may have been saved up, so that ordinary traffic never waits."""
IDLE_SECONDS = 60
"""How long a connection is kept that nothing is told by, in seconds."""


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
        turns, tellers = Turns(TELLS_PER_SECOND, TELLS_AT_ONCE), {}
        while True:
            if not self._event.wait(IDLE_SECONDS):
                while tellers:
                    tellers.popitem()[1].close()
                self._event.wait()
            time.sleep(COALESCE_SECONDS)
            turns.wait()
            self._event.clear()
            with self._lock:
                pending, self._pending = self._pending, {}
            for dbname, wakes in pending.items():
                try:
                    if dbname not in tellers:
                        tellers[dbname] = Teller(dbname)
                    tellers[dbname].tell(wakes)
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


class Teller:
    """Notifies the workers and makes the lanes' scheduled actions due, in one database.

    On a connection of its own that stays open, by a prepared statement: one round trip, planned
    once. An action that runs hears the workers' channel as well. The trigger is for what comes
    after its last look; while it runs, Odoo's cron threads need not be called.

    For one thread. Whoever drops the database closes the connection, as any other of ``sql_db``.
    """

    def __init__(self, dbname):
        self._dbname = dbname
        self._cr = None

    def tell(self, wakes):
        """Wake who is concerned.

        :param wakes: set of (lane id, direction, or "" for all)
        :raises psycopg2.Error: nobody was told; the next call connects again
        """
        try:
            if self._cr is None or self._cr._cnx.closed:
                self._connect()
            self._cr.execute(
                SQL(
                    "EXECUTE mfg_tell (%s, %s, %s)",
                    list({lane_id for lane_id, _direction in wakes}),
                    [lane_id for lane_id, _direction in wakes],
                    [direction or None for _lane_id, direction in wakes],
                )
            )
            idle = self._cr.fetchone()[0]
        except psycopg2.Error:
            self.close()
            raise
        if idle:
            _cron_threads.call(self._dbname)

    def _connect(self):
        self._cr = sql_db.db_connect(self._dbname).cursor()
        # Each statement is a transaction: rows may change between a snapshot and a lock.
        self._cr._cnx.autocommit = True
        # A wake that a crash takes back is made up for like any other that is missed. Whoever
        # notifies holds a lock of the whole database until its commit is through.
        self._cr.execute("SET synchronous_commit TO off")
        self._cr.execute(
            SQL(
                """
                PREPARE mfg_tell (int[], int[], text[]) AS
                WITH waiting AS (
                    -- A running action has deleted its triggers and not committed it: they are
                    -- locked, and do not count, because they go when it ends.
                    SELECT t.cron_id
                      FROM ir_cron_trigger t JOIN mfg_lane_cron l ON l.cron_id = t.cron_id
                     WHERE l.lane_id = ANY($1)
                       AND t.call_at <= statement_timestamp() AT TIME ZONE 'UTC'
                       FOR KEY SHARE OF t SKIP LOCKED
                ), idle AS (
                    -- Odoo holds the row of an action that runs.
                    SELECT c.id FROM mfg_lane_cron l JOIN ir_cron c ON c.id = l.cron_id
                     WHERE l.lane_id = ANY($1) AND c.active
                       FOR SHARE OF c SKIP LOCKED
                ), due AS (
                    INSERT INTO ir_cron_trigger
                           (cron_id, call_at, create_uid, create_date, write_uid, write_date)
                    SELECT c.id, now.utc, %(uid)s, now.utc, %(uid)s, now.utc
                      FROM mfg_lane_cron l JOIN ir_cron c ON c.id = l.cron_id,
                           (SELECT statement_timestamp() AT TIME ZONE 'UTC' AS utc) now
                     WHERE l.lane_id = ANY($1) AND c.active
                       AND c.id NOT IN (SELECT cron_id FROM waiting)
                )
                SELECT (SELECT count(*) FROM idle),
                       count(pg_notify(%(channel)s, concat_ws('/', l.code, w.direction)))
                  FROM unnest($2, $3) AS w(lane_id, direction)
                  JOIN mfg_lane l ON l.id = w.lane_id
                """,
                uid=SUPERUSER_ID,
                channel=CHANNEL_WAKE,
            )
        )

    def close(self):
        """Give the connection back as it was."""
        cr, self._cr = self._cr, None
        if cr is None:
            return
        try:
            cr.execute("DEALLOCATE mfg_tell")
            cr.execute("RESET synchronous_commit")
            cr._cnx.autocommit = False
        except psycopg2.Error:
            cr._cnx.close()  # lost, or the statement could not be prepared
        finally:
            cr.close()


def tell(dbname, wakes):
    """Tell once, see ``Teller``."""
    teller = Teller(dbname)
    try:
        teller.tell(wakes)
    finally:
        teller.close()


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
