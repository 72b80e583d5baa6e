"""Counts requests that were refused for want of a valid proof; a thread writes the counts down.

Not in the request: to write for a connector that exists, and not for one that does not, would tell
them apart by the time it takes.
"""

import logging
import os
import threading
import time
from collections import Counter

import psycopg2

from odoo.modules.registry import Registry

from .cursors import own_env

_logger = logging.getLogger(__name__)

WRITE_SECONDS = 2.0
"""How long counts are gathered before they are written, in seconds."""
MOST = 1000
"""How many codes are counted apart at a time; a stranger may invent any number."""


class Refusals:
    """One thread per process, which ends when there is nothing to write."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {}  # database -> Counter of connector codes
        self._pid = None

    def note(self, dbname, code):
        """Count one refused request; returns at once, whatever the code is."""
        with self._lock:
            counts = self._counts.setdefault(dbname, Counter())
            if code in counts or len(counts) < MOST:
                counts[code] += 1
            # A forked child has no thread of its parent's.
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="mfg.refusals", daemon=True).start()

    def _run(self):
        while True:
            time.sleep(WRITE_SECONDS)
            with self._lock:
                found, self._counts = self._counts, {}
                if not found:
                    self._pid = None  # the next one to be counted starts another thread
                    return
            for dbname, counts in found.items():
                self._write(dbname, counts)

    def _write(self, dbname, counts):
        try:
            with own_env(Registry(dbname)) as env:
                env["mfg.connector.runtime"]._note_refused(counts)
        except psycopg2.Error as error:
            # The log has each of them; the count only leads somebody there.
            _logger.warning("Refused requests could not be counted in %s: %s", dbname, error)
        except Exception:
            _logger.exception("Refused requests could not be counted in %s", dbname)


refusals = Refusals()
