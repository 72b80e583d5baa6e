"""Signs of life of the processes that run lanes: rows of ``mfg.worker``."""

import logging
import os
import socket
import threading
import time

import psycopg2

from odoo.modules.module import Manifest
from odoo.modules.registry import Registry

from ..const import HEARTBEAT_SECONDS
from ..tools.tally import Meter, Tally
from .cursors import own_env

_logger = logging.getLogger(__name__)


def this_process():
    """What a row says of the process that writes it."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": Manifest.for_addon("mfg_integration_base").version,
    }


class Tallies:
    """Counters of all lanes and directions of one process; they outlive the lanes' threads."""

    def __init__(self):
        self._tallies = {}  # (lane code, direction) -> Tally

    def of(self, code, direction):
        return self._tallies.setdefault((code, direction), Tally())

    def items(self):
        """List of ``((lane code, direction), Tally)``; from any thread."""
        return list(self._tallies.items())


class Heartbeat(threading.Thread):
    """Writes a dedicated worker's row every HEARTBEAT_SECONDS and takes it away at the end.

    :param tallies: ``Tallies`` of the process
    :param codes: callable that gives the codes of the lanes that it runs now
    """

    def __init__(self, dbname, name, tallies, codes):
        super().__init__(name="mfg.heartbeat", daemon=True)
        self._dbname = dbname
        self._worker = name
        self._tallies = tallies
        self._codes = codes
        self._process = this_process()
        self._meter = Meter(time.monotonic())
        self._first = True
        self._stopping = False
        self._over = False
        self._now = threading.Event()

    def stopping(self):
        """Say that the worker finishes what is in flight."""
        self._stopping = True
        self._now.set()

    def end(self):
        """Nothing is in flight any more: the row goes. Waits for it, but not for ever."""
        self._over = True
        self._now.set()
        self.join(HEARTBEAT_SECONDS)

    def run(self):
        while True:
            self._now.clear()
            over = self._over
            try:
                with own_env(Registry(self._dbname)) as env:
                    if over:
                        env["mfg.worker"]._end(self._worker)
                    else:
                        env["mfg.worker"]._beat(**self._reading())
                if not over:
                    self._first = False
            except psycopg2.Error as error:
                _logger.warning("The worker's sign of life could not be written: %s", error)
            except Exception:
                # Whatever it is: a worker that delivers must not pass for lost.
                _logger.exception("The worker's sign of life could not be written")
            if over:
                return
            self._now.wait(HEARTBEAT_SECONDS)

    def _reading(self):
        """Arguments of ``_beat``."""
        tallies = self._tallies.items()
        totals, in_flight = {}, 0
        for (code, direction), tally in tallies:
            sent = tally.sent
            totals["direction", direction] = totals.get(("direction", direction), 0) + sent
            totals["lane", code] = totals.get(("lane", code), 0) + sent
            in_flight += tally.in_flight
        rates = self._meter.rates(time.monotonic(), totals)
        return {
            "name": self._worker,
            **self._process,
            "first": self._first,
            "stopping": self._stopping,
            "totals": {name: n for (kind, name), n in totals.items() if kind == "direction"},
            "rates": {name: n for (kind, name), n in rates.items() if kind == "direction"},
            "lane_rates": {
                code: round(rates.get(("lane", code), 0.0), 3) for code in self._codes()
            },
            "in_flight": in_flight,
        }
