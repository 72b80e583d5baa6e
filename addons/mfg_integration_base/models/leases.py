"""Signs of life: one thread per process renews the leases of what its runners hold.

A booking may take longer than a lease, and it runs in the thread that would have to renew it;
hence a thread. It stops when nothing is held.
"""

import logging
import os
import threading
import time

import psycopg2

from odoo import SUPERUSER_ID, api, sql_db

from ..const import HEARTBEAT_SECONDS
from .cursors import read_committed

_logger = logging.getLogger(__name__)


class Leases:
    """What this process holds: ``{(database, direction): {key id: claim_no}}``."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held = {}
        self._pid = None
        self._thread = None

    def hold(self, dbname, queue, claims):
        """Renew the leases of these claims until they are released."""
        with self._lock:
            self._held.setdefault((dbname, queue), {}).update(
                {claim.key_id: claim.claim_no for claim in claims}
            )
            if self._pid != os.getpid() or not self._thread.is_alive():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="mfg.leases", daemon=True)
                self._thread.start()

    def release(self, dbname, queue, claims):
        """Stop renewing; the keys themselves are given back by whoever settles."""
        with self._lock:
            held = self._held.get((dbname, queue), {})
            for claim in claims:
                if held.get(claim.key_id) == claim.claim_no:
                    del held[claim.key_id]

    def _run(self):
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            with self._lock:
                self._held = {place: held for place, held in self._held.items() if held}
                if not self._held:
                    self._pid = None  # the next hold() starts a new thread
                    return
                work = [(place, dict(held)) for place, held in self._held.items()]
            for (dbname, queue), held in work:
                try:
                    with sql_db.db_connect(dbname).cursor() as cr:
                        read_committed(cr)
                        env = api.Environment(cr, SUPERUSER_ID, {})
                        env["mfg.message.queue"]._renew_leases(queue, held)
                except psycopg2.Error as error:
                    _logger.warning("Leases in %s could not be renewed: %s", dbname, error)
                except Exception:
                    # Those of other databases are renewed all the same.
                    _logger.exception("Leases in %s could not be renewed", dbname)


leases = Leases()
