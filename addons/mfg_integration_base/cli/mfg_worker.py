"""``odoo mfg_worker -d DB``: the dedicated runner of the lanes.

Loaded by Odoo's command line without this addon's package: models are reached through the registry.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config

_logger = logging.getLogger("odoo.addons.mfg_integration_base.worker")

POLL_SECONDS = 1.0
"""How often a lane is looked at without having been woken, in seconds."""
ERROR_PAUSE = 2.0
"""Pause after the database failed, in seconds."""


class Mfg_Worker(Command):  # noqa: N801 - Odoo derives the command from the class: mfg_worker
    """Run the integration lanes until SIGTERM or SIGINT; what is in flight is finished first."""

    name = "mfg_worker"

    def run(self, cmdargs):
        parser = argparse.ArgumentParser(prog="odoo mfg_worker", description=self.__doc__)
        parser.add_argument("-d", "--database", required=True)
        parser.add_argument("-c", "--config", help="configuration file, default ODOO_RC")
        parser.add_argument(
            "--lane", action="append", help="code of a lane; repeatable, default all"
        )
        args = parser.parse_args(cmdargs)
        options = ["-d", args.database, "--no-http"]
        if args.config:
            options += ["-c", args.config]
        config.parse_config(options, setup_logging=True)
        # Each lane uses one connection to send, one to book, two for a job and its progress; plus
        # listener and leases.
        config["db_maxconn"] = max(config["db_maxconn"], 32)
        sys.exit(Worker(args.database, args.lane).run())


class LaneRunner(threading.Thread):
    """One direction of one lane: runs it until idle, then waits for a wake or the poll."""

    def __init__(self, dbname, lane_id, code, direction, worker, stopping):
        super().__init__(name=f"mfg.{code}.{direction}")
        self.code = code
        self._dbname = dbname
        self._lane = (direction, lane_id, worker)
        self._stopping = stopping
        self._event = threading.Event()
        self._wake_pump = None

    def wake(self):
        """There may be something new; from any thread."""
        self._event.set()
        if wake_pump := self._wake_pump:
            wake_pump()

    def run(self):
        run_pump = None
        while not self._stopping.is_set():
            self._event.clear()
            try:
                with Registry(self._dbname).cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    if run_pump is None:
                        run_pump, self._wake_pump = env["mfg.dispatcher"]._pump_of(*self._lane)
                    # No snapshot stays open while the lane runs; the cursor is this thread's own.
                    cr.commit()  # pylint: disable=invalid-commit
                    run_pump(env, lambda registry=env.registry: self._should_stop(registry))
            except psycopg2.Error as error:
                _logger.warning("%s: %s; trying again", self.name, error)
                run_pump = None
                self._stopping.wait(ERROR_PAUSE)
            except Exception:
                # A fault of the runner itself: say so, and do not leave the lane without runner.
                _logger.exception("%s failed; trying again", self.name)
                run_pump = None
                self._stopping.wait(ERROR_PAUSE)
            self._event.wait(POLL_SECONDS)

    def _should_stop(self, registry):
        # A lane that is never idle goes on with the new registry after addons were updated.
        return self._stopping.is_set() or Registry(self._dbname) is not registry


class Worker:
    """One process: a thread for each direction of each lane, and one that listens."""

    def __init__(self, dbname, lane_codes=None):
        self._dbname = dbname
        self._wanted = lane_codes
        self._stop = threading.Event()
        self._runners = []
        self._name = f"worker@{socket.gethostname()}:{os.getpid()}"

    def run(self):
        """Run until told to stop; exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: self.stop())
        registry = Registry(self._dbname)
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if "mfg.dispatcher" not in env:
                return _fail(f"mfg_integration_base is not installed in {self._dbname}.")
            lanes = env["mfg.dispatcher"]._lanes()
        unknown = set(self._wanted or ()) - {code for _id, code in lanes}
        if unknown:
            return _fail(f"Unknown lane: {', '.join(sorted(unknown))}.")
        lanes = [(lane_id, code) for lane_id, code in lanes if code in (self._wanted or [code])]
        self._runners = [
            LaneRunner(self._dbname, lane_id, code, direction, self._name, self._stop)
            for lane_id, code in lanes
            for direction in _directions()
        ]
        _logger.info("%s runs %s", self._name, ", ".join(code for _id, code in lanes))
        threading.Thread(target=self._listen, name="mfg.listen", daemon=True).start()
        for runner in self._runners:
            runner.start()
        while not self._stop.wait(1.0):
            registry = _up_to_date(registry)
        _logger.info("%s ends: finishing what is in flight", self._name)
        for runner in self._runners:
            runner.join()
        _logger.info("%s stopped, nothing in flight", self._name)
        return 0

    def stop(self):
        """End: nothing new is claimed, what is in flight is finished."""
        self._stop.set()
        for runner in self._runners:
            runner.wake()

    def _listen(self):
        # Absolute: Odoo loads commands without the addon's package.
        from odoo.addons.mfg_integration_base.models.wake import (  # pylint: disable=odoo-addons-relative-import
            WakeListener,
        )

        with WakeListener(self._dbname) as listener:
            while not self._stop.is_set():
                try:
                    codes = listener.wait(POLL_SECONDS)
                except psycopg2.Error as error:
                    _logger.warning("Listening failed, polling instead: %s", error)
                    time.sleep(ERROR_PAUSE)
                    continue
                for runner in self._runners:
                    if runner.code in codes:
                        runner.wake()


def _directions():
    # Absolute: Odoo loads commands without the addon's package.
    from odoo.addons.mfg_integration_base.models.mfg_dispatcher import (  # pylint: disable=odoo-addons-relative-import
        DIRECTIONS,
    )

    return DIRECTIONS


def _up_to_date(registry):
    """The registry after what other processes have changed: configuration, or addons."""
    try:
        # After an update this is another object; the old one would ask for it again and again.
        return registry.check_signaling()
    except psycopg2.Error as error:
        _logger.warning("Changes could not be looked for: %s; trying again", error)
        return registry


def _fail(message):
    """Tell the person at the command line; exit status."""
    sys.stderr.write(f"mfg_worker: {message}\n")
    return 1
