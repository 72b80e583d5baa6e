"""The dedicated worker in a process of its own."""

import sys
from collections.abc import Mapping
from pathlib import Path

from .process import ChildProcess

START_SECONDS = 60


class Worker(ChildProcess):
    """``python -m odoo mfg_worker -d DATABASE``; environment as for ``OdooServer``.

    :param lanes: codes of the lanes it runs; none: all
    :param processes: more than one: it supervises so many
    """

    def __init__(
        self,
        database: str,
        folder: Path,
        *,
        lanes: tuple[str, ...] = (),
        processes: int = 1,
        name: str = "worker",
        env: Mapping[str, str] = {},
    ):
        argv = [sys.executable, "-m", "odoo", "mfg_worker", "-d", database]
        for lane in lanes:
            argv += ["--lane", lane]
        if processes > 1:
            argv += ["--processes", str(processes)]
        super().__init__(f"{name} of {database}", argv, folder / f"{name}-{database}.log", env)
        self._lines_before = 0

    def spawn(self) -> None:
        self._lines_before = self.output().count("\n")
        super().spawn()

    def wait_ready(self) -> None:
        self.wait_until(self.is_ready, START_SECONDS, "to run its lanes")

    def is_ready(self) -> bool:
        """Whether it runs its lanes since it was started last."""
        return any(" runs " in line for line in self.output().splitlines()[self._lines_before :])
