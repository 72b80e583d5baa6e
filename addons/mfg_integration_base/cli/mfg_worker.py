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
SWITCH_SECONDS = 0.0005
"""How long a thread may compute while another waits for its turn, in seconds."""
LANES_SECONDS = 3.0
"""How often new and archived lanes are looked for, in seconds."""
ERROR_PAUSE = 2.0
"""Pause after the database failed, in seconds."""
MOST_PROCESSES = 64


class Mfg_Worker(Command):  # noqa: N801 - Odoo derives the command from the class: mfg_worker
    """Run the integration lanes until SIGTERM or SIGINT; what is in flight is finished first.

    Exit status: 0 ended in order, 1 failed, 2 wrong arguments.
    """

    name = "mfg_worker"

    def run(self, cmdargs):
        parser = argparse.ArgumentParser(
            prog="odoo mfg_worker", description=self.__doc__, allow_abbrev=False
        )
        parser.add_argument("-d", "--database", required=True)
        parser.add_argument("-c", "--config", help="configuration file, default ODOO_RC")
        parser.add_argument(
            "--lane", action="append", help="code of a lane; repeatable, default all"
        )
        parser.add_argument(
            "--processes", type=int, default=1, metavar="N", help="this many, kept alive; default 1"
        )
        # Set by the process that supervises this one.
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
        args = parser.parse_args(cmdargs)
        if not 1 <= args.processes <= MOST_PROCESSES:
            parser.error(f"--processes: 1 to {MOST_PROCESSES}")
        options = ["-d", args.database, "--no-http"]
        if args.config:
            options += ["-c", args.config]
        config.parse_config(options, setup_logging=True)
        if args.processes > 1:
            sys.exit(_supervise(args.processes))
        # The threads that ask the database must not wait for those that compute (default: 5 ms).
        sys.setswitchinterval(SWITCH_SECONDS)
        # Each lane uses one connection to send, one to book; plus listener and leases.
        config["db_maxconn"] = max(config["db_maxconn"], 64)
        sys.exit(Worker(args.database, args.lane, args.parent).run())


def _supervise(processes):
    """Keep so many workers alive; exit status. This process opens no database."""
    # Absolute: Odoo loads commands without the addon's package.
    from odoo.addons.mfg_integration_base.tools.stop_signals import (  # pylint: disable=odoo-addons-relative-import
        StopSignals,
    )
    from odoo.addons.mfg_integration_base.tools.supervisor import (  # pylint: disable=odoo-addons-relative-import
        Supervisor,
        child_command,
    )

    signals = StopSignals()
    signals.install(signal.SIGCHLD)
    # The same program with the same arguments, however it was called (-m odoo, odoo-bin, odoo).
    command = child_command(sys.executable, sys.orig_argv, os.getpid())
    _logger.info("Process %s keeps %s workers alive", os.getpid(), processes)
    status = Supervisor(command, processes, signals, _logger).run()
    _logger.info("All workers have ended")
    return status


class LaneRunner(threading.Thread):
    """One direction of one lane: runs it until idle, then waits for a wake or the poll."""

    def __init__(self, dbname, lane_id, code, direction, worker, stopping, stats=None):
        super().__init__(name=f"mfg.{code}.{direction}")
        self.code = code
        self.direction = direction
        self._dbname = dbname
        self._lane = {
            "direction": direction, "lane_id": lane_id, "worker": worker, "stats": stats,
        }  # fmt: skip
        self._stopping = stopping
        self._left = threading.Event()
        self._event = threading.Event()
        self._wake_pump = None

    def wake(self):
        """There may be something new; from any thread."""
        self._event.set()
        if wake_pump := self._wake_pump:
            wake_pump()

    def leave(self):
        """End, the lane is no longer served; what is in flight is finished."""
        self._left.set()
        self.wake()

    @property
    def _ending(self):
        return self._stopping.is_set() or self._left.is_set()

    def run(self):
        run_pump = None
        while not self._ending:
            self._event.clear()
            try:
                with Registry(self._dbname).cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    if run_pump is None:
                        run_pump, self._wake_pump = env["mfg.dispatcher"]._pump_of(**self._lane)
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
        return self._ending or Registry(self._dbname) is not registry


class Worker:
    """One process: a thread for each direction of each lane, a listener, a sign of life.

    :param parent: process id of its supervisor; it ends when that one has gone
    """

    def __init__(self, dbname, lane_codes=None, parent=None):
        self._dbname = dbname
        self._wanted = lane_codes
        self._parent = parent
        self._stop = threading.Event()
        self._runners = {}  # (lane id, direction) -> LaneRunner
        self._leaving = []  # of lanes that are gone: they finish what is in flight
        self._name = f"worker@{socket.gethostname()}:{os.getpid()}"
        self._tallies = None

    def run(self):
        """Run until told to stop; exit status."""
        # Absolute: Odoo loads commands without the addon's package.
        from odoo.addons.mfg_integration_base.tools.stop_signals import (  # pylint: disable=odoo-addons-relative-import
            StopSignals,
        )

        signals = StopSignals()
        signals.install()
        registry = Registry(self._dbname)
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if "mfg.dispatcher" not in env:
                return _fail(f"mfg_integration_base is not installed in {self._dbname}.")
            lanes = env["mfg.dispatcher"]._lanes()
        unknown = set(self._wanted or ()) - {code for _id, code in lanes}
        if unknown:
            return _fail(f"Unknown lane: {', '.join(sorted(unknown))}.")
        heartbeat = self._new_heartbeat()
        self._serve(lanes)
        heartbeat.start()
        _logger.info("%s runs %s", self._name, ", ".join(self._codes()))
        threading.Thread(target=self._listen, name="mfg.listen", daemon=True).start()
        look_at = time.monotonic() + LANES_SECONDS
        while not signals.wait(1.0) and not self._is_orphan():
            registry = _up_to_date(registry)
            if time.monotonic() >= look_at:
                self._look_for_lanes(registry)
                look_at = time.monotonic() + LANES_SECONDS
        # First of all: whoever reads the line below may rely on nothing new being claimed.
        self.stop()
        _logger.info("%s ends: finishing what is in flight", self._name)
        heartbeat.stopping()
        for runner in [*self._runners.values(), *self._leaving]:
            runner.join()
        heartbeat.end()
        _logger.info("%s stopped, nothing in flight", self._name)
        return 0

    def stop(self):
        """End: nothing new is claimed, what is in flight is finished."""
        self._stop.set()
        for runner in list(self._runners.values()):
            runner.wake()

    def _new_heartbeat(self):
        from odoo.addons.mfg_integration_base.models.heartbeat import (  # pylint: disable=odoo-addons-relative-import
            Heartbeat,
            Tallies,
        )

        self._tallies = Tallies()
        return Heartbeat(self._dbname, self._name, self._tallies, self._codes)

    def _codes(self):
        """Of the lanes that are served, in their order."""
        return list(dict.fromkeys(runner.code for runner in list(self._runners.values())))

    def _is_orphan(self):
        if self._parent is None or os.getppid() == self._parent:
            return False
        _logger.warning("%s: its supervisor has gone", self._name)
        return True

    def _look_for_lanes(self, registry):
        """Take over lanes that were made, archived or deleted since."""
        try:
            with registry.cursor() as cr:
                lanes = api.Environment(cr, SUPERUSER_ID, {})["mfg.dispatcher"]._lanes()
        except psycopg2.Error as error:
            _logger.warning("New lanes could not be looked for: %s; trying again", error)
            return
        before = self._codes()
        self._serve(lanes)
        if (now := self._codes()) != before:
            _logger.info("%s runs %s", self._name, ", ".join(now) or "no lane")

    def _serve(self, lanes):
        """Have a runner for each direction of these lanes, as far as wanted, and for no other.

        :param lanes: ``[(id, code)]``
        """
        wanted = {
            (lane_id, direction): code
            for lane_id, code in lanes
            if code in (self._wanted or [code])
            for direction in _directions()
        }
        for place in self._runners.keys() - wanted.keys():
            runner = self._runners.pop(place)
            runner.leave()
            self._leaving.append(runner)
        self._leaving = [runner for runner in self._leaving if runner.is_alive()]
        for (lane_id, direction), code in wanted.items():
            if (lane_id, direction) not in self._runners:
                runner = self._runners[lane_id, direction] = LaneRunner(
                    self._dbname, lane_id, code, direction, self._name, self._stop,
                    self._tallies.of(code, direction),
                )  # fmt: skip
                runner.start()

    def _listen(self):
        # Absolute: Odoo loads commands without the addon's package.
        from odoo.addons.mfg_integration_base.models.wake import (  # pylint: disable=odoo-addons-relative-import
            WakeListener,
            concerns,
        )

        with WakeListener(self._dbname) as listener:
            while not self._stop.is_set():
                try:
                    woken = listener.wait(POLL_SECONDS)
                except psycopg2.Error as error:
                    _logger.warning("Listening failed, polling instead: %s", error)
                    time.sleep(ERROR_PAUSE)
                    continue
                for runner in list(self._runners.values()):
                    if concerns(woken, runner.code, runner.direction):
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
    """Tell the person at the command line; exit status, as for arguments of the wrong form."""
    sys.stderr.write(f"mfg_worker: {message}\n")
    return 2
