"""The Odoo server of a scenario, however it was started."""

import json
import os
import signal
import subprocess
from typing import Any, Protocol

from tests.harness.rpc import Rpc
from tests.harness.waiting import wait_for


class Odoo(Protocol):
    """What a scenario does with its server. ``harness.server.OdooServer`` is one as well."""

    database: str

    @property
    def url(self) -> str: ...

    def start(self) -> None:
        """Start it and wait until it answers."""

    def kill(self) -> None:
        """SIGKILL."""

    def rpc(self, login: str = "admin", password: str = "admin") -> Rpc: ...


class LaunchedOdoo:
    """The server that ``./mfg start`` runs; it outlives the scenario.

    :param launcher: path of ``./mfg``
    """

    def __init__(self, launcher: str, database: str):
        self._launcher = launcher
        self.database = database

    @property
    def url(self) -> str:
        return self._status()["url"]

    def start(self) -> None:
        self._call("start", "--db", self.database)

    def kill(self) -> None:
        pid = self._status()["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self._status()["running"], 10, f"process {pid} to be gone")

    def rpc(self, login: str = "admin", password: str = "admin") -> Rpc:
        return Rpc(self.url, self.database, login, password)

    def _status(self) -> dict[str, Any]:
        return json.loads(self._call("status", "--json"))["odoo"]

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._launcher, *arguments], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(
                f"./mfg {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout
