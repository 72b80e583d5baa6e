"""Failures are told in one line: what went wrong, and what to do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mfg_launcher import cli
from mfg_launcher.command import Runner, reason
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "demo",
    "test",
    "setup",
    "start",
    "stop",
    "status",
    "worker",
    "shell",
    "psql",
    "logs",
    "lint",
    "bench",
    "reset",
)


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path / "setup.log", Console())


def test_both_parts_become_one_line():
    assert str(LauncherError("it broke.\nbadly", "mend  it.")) == "it broke. badly. mend it."


def test_the_reason_is_the_line_that_tells_it():
    lines = ["reading\n", "FATAL:  no room\n", "hint: look around\n", "\n"]
    assert reason(lines, 1) == "FATAL:  no room"
    assert reason(["all is well\n", "bye\n"], 1) == "bye"
    odoo = "2026-01-02 03:04:05,678 12 CRITICAL db odoo.service.server: Failed to start\n"
    assert reason([odoo], 1) == "Failed to start"
    assert reason([odoo, "Traceback ...\n", "KeyError: 'x'\n"], 1) == "KeyError: 'x'"
    assert reason([], 7) == "it said nothing and ended with status 7"


def test_a_failing_program_tells_its_own_reason(runner):
    script = "print('step 1'); print('error: disk is full'); raise SystemExit(3)"
    with pytest.raises(LauncherError) as caught:
        runner.run([sys.executable, "-c", script], what="unpacking")
    assert caught.value.problem == "unpacking failed: error: disk is full"
    assert str(runner.log) in caught.value.remedy
    assert "step 1" in runner.log.read_text()


def test_a_missing_program_is_named(runner):
    with pytest.raises(LauncherError, match="unpacking failed: no-such-program cannot be run"):
        runner.run(["no-such-program"], what="unpacking", remedy="install it")


def test_output_is_returned_and_given_line_by_line(runner):
    lines = []
    text = runner.run(["cat"], what="reading", stdin="a\nb\n", line=lines.append)
    assert (text, lines) == ("a\nb\n", ["a", "b"])


def test_the_command_line_shows_no_traceback(monkeypatch, capsys):
    def fail(_options):
        raise LauncherError("the disk is full", "Make room")

    monkeypatch.setattr(cli, "_status", fail)
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().err == "mfg: the disk is full. Make room.\n"
    with pytest.raises(LauncherError):
        cli.main(["--verbose", "status"])


def test_a_defect_is_told_in_one_line_too(monkeypatch, capsys):
    def fail(_options):
        return {}["missing"]

    monkeypatch.setattr(cli, "_status", fail)
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().err.startswith("mfg: KeyError: 'missing'. This is a defect")


def test_every_command_has_a_line_of_help():
    shown = subprocess.run(
        [sys.executable, ROOT / "mfg", "--help"], capture_output=True, text=True, check=True
    ).stdout
    lines = {
        line.split()[0]: line.split()[1:] for line in shown.splitlines() if line[:4] == " " * 4
    }
    assert [command for command in COMMANDS if len(lines.get(command, [])) < 3] == []


def test_an_unknown_command_is_refused():
    done = subprocess.run(
        [sys.executable, ROOT / "mfg", "destroy"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "invalid choice: 'destroy'" in done.stderr


FINISHES_FIRST = """
import signal, sys, time
def finish(number, frame):
    print("finished", flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, finish)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_program_may_finish(number):
    launcher = (
        "import sys; from mfg_launcher.command import foreground;"
        "sys.exit(foreground([sys.executable, '-c', sys.argv[1]]))"
    )
    argv = [sys.executable, "-c", launcher, FINISHES_FIRST]
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        assert started.stdout.readline() == "ready\n"
        # A terminal sends Ctrl-C to all of the group, a supervisor SIGTERM to the launcher alone.
        if number == signal.SIGINT:
            os.killpg(started.pid, number)
        else:
            started.send_signal(number)
        assert started.stdout.readline() == "finished\n"
        assert started.wait(30) == 7
