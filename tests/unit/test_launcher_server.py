"""What runs, as programs are told it, and ending exactly that."""

import json
import subprocess
import sys

import pytest

from mfg_launcher import cli, process, server
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError
from mfg_launcher.layout import Layout
from mfg_launcher.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(Layout(tmp_path / "checkout", tmp_path / "cache"), Console(), {}, {})


@pytest.fixture
def running(workspace):
    """Start a process and record it under a name, as the launcher does with its own."""
    started = []

    def start(name, **details):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        started.append(child)
        process.save(workspace.layout.run, name, process.Recorded.of(child.pid, **details))
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()


def test_nothing_runs(workspace):
    assert server.status(workspace) == {
        "odoo": {"running": False, "pid": None, "url": None, "db": None},
        "worker": {"running": False, "pids": [], "db": None},
        "postgres": {"running": False, "pid": None, "port": None},
    }


def test_everything_runs(workspace, running):
    odoo = running("odoo", url="http://127.0.0.1:8069", db="mfg_demo", log=0)
    workers = [running(f"worker-{number}", db="mfg_demo") for number in (1, 2)]
    postgres = running("postgres", port=25432)
    found = json.loads(json.dumps(server.status(workspace)))
    assert found == {
        "odoo": {
            "running": True,
            "pid": odoo.pid,
            "url": "http://127.0.0.1:8069",
            "db": "mfg_demo",
        },
        "worker": {"running": True, "pids": [w.pid for w in workers], "db": "mfg_demo"},
        "postgres": {"running": True, "pid": postgres.pid, "port": 25432},
    }


def test_a_killed_odoo_is_seen_at_once(workspace, running):
    odoo = running("odoo", url="http://127.0.0.1:8069", db="mfg_demo", log=0)
    odoo.kill()
    odoo.wait()
    assert not server.status(workspace)["odoo"]["running"]


def test_stop_ends_what_is_named_and_nothing_else(workspace, running):
    odoo = running("odoo", url="http://127.0.0.1:8069", db="mfg_demo", log=0)
    worker = running("worker-1", db="mfg_demo")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert server.stop(workspace, "worker") == ["worker-1"]
        assert odoo.poll() is None
        assert server.stop(workspace) == ["odoo"]
        assert (worker.wait(10), odoo.wait(10)) == (-15, -15)
        assert stranger.poll() is None
        assert server.stop(workspace) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_odoo_on_another_database_is_not_taken_for_the_wanted_one(workspace, running):
    running("odoo", url="http://127.0.0.1:8069", db="mfg_demo", log=0)
    with pytest.raises(LauncherError, match="already runs on database mfg_demo"):
        server.start(workspace, "another")
    assert server.start(workspace, "mfg_demo").details["db"] == "mfg_demo"


# === Workers === #


def test_worker_arguments_are_odoos():
    assert server.worker_arguments("db", [], 1, []) == ["mfg_worker", "-d", "db"]
    assert server.worker_arguments("db", ["critical", "bulk"], 3, ["--log-level=debug"]) == [
        "mfg_worker", "-d", "db", "--lane", "critical", "--lane", "bulk", "--processes", "3",
        "--log-level=debug",
    ]  # fmt: skip


def test_the_command_line_knows_lanes_processes_and_background():
    options = cli.parser().parse_args(
        ["worker", "--lane", "critical", "--lane", "bulk", "--processes", "2", "--background"]
    )
    assert (options.lane, options.processes, options.background) == (["critical", "bulk"], 2, True)
    options = cli.parser().parse_args(["worker"])
    assert (options.lane, options.processes, options.background) == ([], 1, False)
    for wrong in ("0", "-1", "many"):
        with pytest.raises(SystemExit):
            cli.parser().parse_args(["worker", "--processes", wrong])


@pytest.fixture
def command(workspace, monkeypatch):
    """Let a Python program stand in for Odoo's command."""
    workspace.layout.logs.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(type(workspace), "environment", lambda _self: {})

    def stand_in(program):
        monkeypatch.setattr(
            type(workspace), "odoo_command", lambda _self, *_args: [sys.executable, "-c", program]
        )

    yield stand_in
    server.stop(workspace, "worker")


def test_a_background_worker_is_there_once_it_delivers_and_is_ended_with_the_others(
    workspace, command
):
    command("import time; print('x runs critical', flush=True); time.sleep(600)")
    record = server.background_worker(workspace, "mfg_demo", ["mfg_worker"])
    assert server.status(workspace)["worker"] == {
        "running": True, "pids": [record.pid], "db": "mfg_demo",
    }  # fmt: skip
    assert server.stop(workspace, "worker") == [f"worker-{record.pid}"]
    assert not server.status(workspace)["worker"]["running"]


def test_a_background_worker_that_cannot_run_says_why(workspace, command):
    command("import sys; sys.exit('mfg_worker: Unknown lane: x. This failed.')")
    with pytest.raises(LauncherError, match="Unknown lane: x"):
        server.background_worker(workspace, "mfg_demo", ["mfg_worker"])
    assert not server.status(workspace)["worker"]["running"]


def test_what_an_earlier_worker_said_does_not_count(workspace, command):
    server.log_path(workspace, "worker").write_text("x runs critical\n")
    command("import sys; sys.exit('failed')")
    with pytest.raises(LauncherError, match="ended while starting"):
        server.background_worker(workspace, "mfg_demo", ["mfg_worker"])
