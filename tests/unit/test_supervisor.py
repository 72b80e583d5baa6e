"""Keeping processes alive: real ones, that do what a script tells them."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from odoo.addons.mfg_integration_base.tools import supervisor as module
from odoo.addons.mfg_integration_base.tools.supervisor import (
    LONGEST_PAUSE,
    Supervisor,
    child_command,
    pause_before,
)

from tests.harness.waiting import wait_for

SOON = 20


class Signals:
    """As ``StopSignals``, told by the test instead of the system."""

    def __init__(self):
        self.count = 0
        self._event = threading.Event()

    def stop(self):
        self.count += 1
        self._event.set()

    def wait(self, seconds):
        self._event.wait(min(seconds, 0.05))
        self._event.clear()
        return self.count > 0


class Run:
    """A supervisor in a thread; each child writes its process id into ``folder``."""

    def __init__(self, folder, script, count=2):
        self.folder = folder
        self.signals = Signals()
        program = (
            "import os, pathlib, signal, sys, time\n"
            f"folder = pathlib.Path({str(folder)!r})\n"
            "def ready():\n"
            "    (folder / f'{os.getpid()}').touch()\n" + textwrap.dedent(script)
        )
        self.supervisor = Supervisor(
            [sys.executable, "-c", program], count, self.signals, logging.getLogger("test")
        )
        self.status = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        self.status = self.supervisor.run()

    @property
    def seen(self):
        """Process ids of all children so far that came up."""
        return {int(path.name) for path in self.folder.iterdir() if path.name.isdigit()}

    def wait_for_children(self, number):
        return wait_for(
            lambda: len(self.seen) >= number and self.seen,
            SOON,
            f"{number} children",
            seen=self.logs,
        )

    def logs(self):
        return self.seen, self.supervisor.pids

    def end(self):
        """Stop it; exit status."""
        self.signals.stop()
        return self.join()

    def join(self):
        self._thread.join(SOON)
        assert not self._thread.is_alive()
        return self.status


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    started = []

    def start(script, count=2):
        started.append(Run(tmp_path, script, count))
        return started[-1]

    yield start
    for each in started:
        for pid in each.supervisor.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        each.end()


OBEDIENT = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ready()
time.sleep(600)
"""


def test_starts_so_many_and_ends_them_in_order(run):
    started = run(OBEDIENT, count=3)
    assert started.wait_for_children(3) == set(started.supervisor.pids)
    assert started.end() == 0
    assert all(not Path(f"/proc/{pid}").exists() for pid in started.seen)


def test_a_killed_child_is_replaced_and_its_sister_left_alone(run):
    started = run(OBEDIENT)
    killed, sister = started.wait_for_children(2)
    os.kill(killed, signal.SIGKILL)
    (new,) = started.wait_for_children(3) - {killed, sister}
    assert set(started.supervisor.pids) == {sister, new}
    assert started.end() == 0


def test_waits_for_what_is_in_flight_however_often_it_is_asked(run):
    """A second SIGTERM does not cut a child short."""
    started = run(
        """
        asked = []
        def ask(*_):
            asked.append(1)
            (folder / f"asked{len(asked)}-{os.getpid()}").touch()
        signal.signal(signal.SIGTERM, ask)
        ready()
        while len(asked) < 2 or not (folder / "release").exists():
            time.sleep(0.01)
        """
    )
    started.wait_for_children(2)
    for request in (1, 2):
        started.signals.stop()
        asked = f"asked{request}-*"
        wait_for(lambda asked=asked: len([*started.folder.glob(asked)]) == 2, SOON, asked)
    assert started.status is None
    (started.folder / "release").touch()
    assert started.join() == 0


def test_gives_up_when_none_can_run(run):
    started = run("sys.exit(2)")
    assert started.join() == 2


def test_ends_the_others_when_it_gives_up(run):
    started = run(
        """
        try:
            (folder / "first").touch(exist_ok=False)  # both may ask at once
        except FileExistsError:
            while len([p for p in folder.iterdir() if p.name.isdigit()]) < 1:
                time.sleep(0.01)
            sys.exit(2)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        ready()
        time.sleep(600)
        """
    )
    assert started.join() == 2
    assert all(not Path(f"/proc/{pid}").exists() for pid in started.seen)


def test_once_proven_an_error_is_only_a_reason_to_start_again(run, monkeypatch):
    monkeypatch.setattr(module, "PROVEN_SECONDS", 0.0)
    started = run("ready()\nsys.exit(1)", count=1)
    started.wait_for_children(3)
    started.end()


def test_gives_up_when_the_last_one_says_it_never_can(run, monkeypatch):
    """However long it took to find that out."""
    monkeypatch.setattr(module, "PROVEN_SECONDS", 0.0)
    assert run("time.sleep(0.2)\nsys.exit(2)").join() == 2


def test_a_child_that_fails_while_it_ends_shows_in_the_status(run):
    started = run(
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        ready()
        time.sleep(600)
        """
    )
    started.wait_for_children(2)
    assert started.end() == 1


def test_the_pause_grows_to_a_limit():
    pauses = [pause_before(ends) for ends in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[1] == 2 * pauses[0]
    assert pauses[-1] == LONGEST_PAUSE


@pytest.mark.parametrize(
    "original",
    [
        ["python3", "-m", "odoo", "mfg_worker", "-d", "x", "--processes", "2"],
        ["python3", "-m", "odoo", "mfg_worker", "--processes=2", "-d", "x"],
    ],
)
def test_a_child_is_the_same_program_for_one_worker(original):
    assert child_command("/py", original, 7) == [
        "/py", "-m", "odoo", "mfg_worker", "-d", "x", "--parent", "7",
    ]  # fmt: skip


def test_signals_are_heard_while_waiting():
    """In a process of its own: handlers belong to a main thread."""
    program = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from stop_signals import StopSignals
signals = StopSignals()
signals.install(signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGUSR1)
assert signals.wait(60) is False
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
assert signals.wait(60) is True
assert signals.count == 2
assert signals.wait(0) is True
"""
    tools = Path(module.__file__).parent
    subprocess.run([sys.executable, "-c", program, str(tools)], check=True, timeout=30)
