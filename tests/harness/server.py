"""A real Odoo server in a process of its own."""

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from .ports import LOOPBACK, free_port
from .process import ChildProcess
from .rpc import Rpc

START_SECONDS = 120
CRON_THREADS = 5
"""Lanes plus two, as in the shipped odoo.conf."""


class OdooServer(ChildProcess):
    """``python -m odoo`` in threaded mode on one database.

    Everything else (addons, database server, data folder) comes from the environment: ODOO_RC and
    the PG* and MFG_* variables. The log holds all runs of this server.

    :param database: the only database it serves
    :param folder: for its log
    :param port: default: any free one, the same over restarts
    :param cron_threads: 0 switches scheduled actions off: nothing is dispatched by itself
    """

    def __init__(
        self,
        database: str,
        folder: Path,
        *,
        port: int | None = None,
        cron_threads: int = CRON_THREADS,
        env: Mapping[str, str] = {},
    ):
        self.database = database
        self.port = port or free_port()
        argv = [
            sys.executable, "-m", "odoo",
            f"--database={database}",
            f"--db-filter=^{database}$",
            "--workers=0",
            f"--max-cron-threads={cron_threads}",
            f"--http-interface={LOOPBACK}",
            f"--http-port={self.port}",
            "--log-handler=:INFO",
        ]  # fmt: skip
        super().__init__(f"Odoo on {database}", argv, folder / f"odoo-{database}.log", env)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def wait_ready(self) -> None:
        # The request is served with the database, and so waits until its modules are loaded.
        self.wait_until(lambda: answers(f"{self.url}/web/health"), START_SECONDS, "to answer")

    def is_ready(self) -> bool:
        """Whether it answers within a moment."""
        return answers(f"{self.url}/web/health", seconds=0.5)

    def rpc(self, login: str = "admin", password: str = "admin") -> Rpc:
        """A new session of this user."""
        return Rpc(self.url, self.database, login, password)


def answers(url: str, seconds: float = 30) -> bool:
    """Whether an HTTP server answers 200 there, in time."""
    # Without the proxies that the environment may name: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as answer:
            return answer.status == 200
    except OSError:  # URLError among them
        return False
