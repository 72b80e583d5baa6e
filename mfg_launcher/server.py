"""Starting, watching and ending Odoo and its workers."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from . import ports, process
from .command import reason
from .errors import LauncherError
from .workspace import Workspace

ODOO = "odoo"
WORKER = "worker-"
#: seconds for Odoo to load its registry and answer
START_SECONDS = 180
#: seconds for requests and jobs under way to end after SIGTERM, before SIGKILL
STOP_SECONDS = 30
#: the same for a worker: a call to a partner may take a minute (MAX_TOTAL_TIMEOUT)
WORKER_STOP_SECONDS = 75
#: what a worker says once it delivers
WORKER_READY = " runs "


def start(workspace: Workspace, database: str, wanted_port: int | None = None) -> process.Recorded:
    """Start Odoo on ``database`` and wait until it answers; one that runs already is kept.

    :raises LauncherError: it runs on another database, ends at once, or does not answer in time
    """
    running = process.load(workspace.layout.run, ODOO)
    if running:
        if running.details["db"] != database:
            raise LauncherError(
                f"Odoo already runs on database {running.details['db']}",
                "End it with ./mfg stop odoo, then start again",
            )
        workspace.console.say(f"ok Odoo already runs at {running.details['url']}")
        return running
    with workspace.console.step(f"Odoo on database {database}") as step:
        record = _launch(workspace, database, wanted_port)
        try:
            _await(workspace, record)
        except BaseException:
            stop_process(record)
            process.load(workspace.layout.run, ODOO)
            raise
        step.result = record.details["url"]
    return record


def _launch(workspace: Workspace, database: str, wanted_port: int | None) -> process.Recorded:
    port = workspace.http_port(wanted_port)
    if not ports.is_free(port):
        fresh = ports.choose(port + 1)
        workspace.console.say(f"   port {port} is in use by another program; taking {fresh}")
        workspace.state.set_port("http", fresh)
        port = fresh
        workspace.write_config()
    argv = workspace.odoo_command("-d", database, "--db-filter", f"^{database}$", "-p", str(port))
    log = log_path(workspace, ODOO)
    with log.open("a") as stream:
        started = subprocess.Popen(
            [str(part) for part in argv],
            cwd=workspace.layout.root,
            env=workspace.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    url = f"http://{ports.LOOPBACK}:{port}"
    try:
        record = process.Recorded.of(started.pid, url=url, db=database, log=log.stat().st_size)
    except ProcessLookupError as error:
        raise LauncherError(f"Odoo did not start: {error}", "See ./mfg logs odoo") from error
    process.save(workspace.layout.run, ODOO, record)
    return record


def log_path(workspace: Workspace, name: str) -> Path:
    return workspace.layout.logs / f"{name}.log"


def _await(workspace: Workspace, record: process.Recorded) -> None:
    """Wait for the login page: it answers only once the registry is loaded."""
    deadline = time.monotonic() + START_SECONDS
    while not _answers(f"{record.details['url']}/web/login"):
        problem = None
        if not record.running:
            problem = f"Odoo ended while starting: {_last_words(workspace, record)}"
        elif time.monotonic() > deadline:
            problem = (
                f"Odoo did not answer within {START_SECONDS} s: {_last_words(workspace, record)}"
            )
        if problem:
            raise LauncherError(problem, "See ./mfg logs odoo")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    # No proxy that the environment names may stand between us and this machine itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _last_words(workspace: Workspace, record: process.Recorded) -> str:
    with log_path(workspace, ODOO).open(errors="replace") as stream:
        stream.seek(record.details["log"])
        return reason(stream.readlines(), 0)


def stop_process(record: process.Recorded, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM, time to finish, and only then SIGKILL."""
    record.send(signal.SIGTERM)
    if not record.wait(seconds):
        record.send(signal.SIGKILL)
        record.wait(STOP_SECONDS)


def stop(workspace: Workspace, what: str | None = None) -> list[str]:
    """End what this checkout's launcher started, and return its names.

    :param what: ``odoo``, ``worker`` or ``postgres``; all of them if None
    """
    ended = []
    layout = workspace.layout
    for part, prefix, seconds in (
        ("worker", WORKER, WORKER_STOP_SECONDS),
        ("odoo", ODOO, STOP_SECONDS),
    ):
        if what in (None, part):
            for name, record in process.load_all(layout.run, prefix):
                with workspace.console.step(f"Ending {name} (process {record.pid})"):
                    stop_process(record, seconds)
                process.load(layout.run, name)
                ended.append(name)
    if what in (None, "postgres") and workspace.cluster.record:
        with workspace.console.step("Ending PostgreSQL"):
            workspace.cluster.stop()
        ended.append("postgres")
    return ended


def worker_arguments(database: str, lanes: list[str], processes: int, more: list[str]) -> list[str]:
    """The arguments of Odoo's command ``mfg_worker``."""
    arguments = ["mfg_worker", "-d", database]
    for lane in lanes:
        arguments += ["--lane", lane]
    if processes != 1:
        arguments += ["--processes", str(processes)]
    return [*arguments, *more]


def worker(workspace: Workspace, database: str, arguments: list[str]) -> None:
    """Become the dedicated dispatcher: this process is replaced by it."""
    name = f"{WORKER}{os.getpid()}"
    record = process.Recorded.of(os.getpid(), db=database)
    # The number and the start time stay the same through execve.
    process.save(workspace.layout.run, name, record)
    argv = [str(part) for part in workspace.odoo_command(*arguments)]
    os.chdir(workspace.layout.root)
    os.execve(argv[0], argv, workspace.environment())


def background_worker(
    workspace: Workspace, database: str, arguments: list[str]
) -> process.Recorded:
    """Start a dedicated dispatcher beside this process and wait until it delivers.

    :raises LauncherError: it ends at once, or does not come so far in time
    """
    log = log_path(workspace, "worker")
    with workspace.console.step(f"Worker on database {database}") as step:
        with log.open("a") as stream:
            before = log.stat().st_size
            started = subprocess.Popen(
                [str(part) for part in workspace.odoo_command(*arguments)],
                cwd=workspace.layout.root,
                env=workspace.environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        try:
            record = process.Recorded.of(started.pid, db=database)
        except ProcessLookupError as error:
            raise LauncherError(f"The worker did not start: {error}", _WORKER_LOG) from error
        name = f"{WORKER}{started.pid}"
        process.save(workspace.layout.run, name, record)
        try:
            _await_worker(record, log, before)
        except BaseException:
            stop_process(record, WORKER_STOP_SECONDS)
            process.load(workspace.layout.run, name)
            raise
        step.result = f"process {record.pid}"
    return record


_WORKER_LOG = "See ./mfg logs worker"


def _await_worker(record: process.Recorded, log: Path, before: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with log.open(errors="replace") as stream:
            stream.seek(before)
            lines = stream.readlines()
        if any(WORKER_READY in line for line in lines):
            return
        if not record.running:
            raise LauncherError(f"The worker ended while starting: {reason(lines, 0)}", _WORKER_LOG)
        if time.monotonic() > deadline:
            raise LauncherError(
                f"The worker was not ready within {START_SECONDS} s: {reason(lines, 0)}",
                _WORKER_LOG,
            )
        time.sleep(0.1)


def status(workspace: Workspace) -> dict[str, Any]:
    """What runs; the shape of `./mfg status --json`."""
    odoo = process.load(workspace.layout.run, ODOO)
    workers = [record for _, record in process.load_all(workspace.layout.run, WORKER)]
    cluster = workspace.cluster.record
    return {
        "odoo": {
            "running": odoo is not None,
            "pid": odoo.pid if odoo else None,
            "url": odoo.details["url"] if odoo else None,
            "db": odoo.details["db"] if odoo else None,
        },
        "worker": {
            "running": bool(workers),
            "pids": [record.pid for record in workers],
            "db": workers[0].details["db"] if workers else None,
        },
        "postgres": {
            "running": cluster is not None,
            "pid": cluster.pid if cluster else None,
            "port": cluster.details["port"] if cluster else None,
        },
    }
