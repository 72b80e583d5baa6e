"""The receiver as the benchmark sees it."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import ChildProcess
from tests.harness.waiting import wait_for

START_SECONDS = 20
POLL_SECONDS = 0.25


class Counts(NamedTuple):
    """What came since the last reset. ``seconds``: from the first arrival to the last."""

    distinct: int
    requests: int
    repeated: int
    bytes: int
    waiting: int
    seconds: float

    @property
    def rate(self) -> float:
        """Arrivals per second: the first one starts the clock, and is not counted."""
        return (self.distinct - 1) / self.seconds


class Receiver(ChildProcess):
    """``python -m tests.bench.kit.receiver``."""

    def __init__(self, folder: Path, name: str = "receiver"):
        self.port = free_port()
        self._http = requests.Session()
        self._http.trust_env = False  # the environment may name a proxy
        argv = [sys.executable, "-m", "tests.bench.kit.receiver", f"--port={self.port}"]
        super().__init__(name, argv, folder / f"{name}.log")

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/events"

    def wait_ready(self) -> None:
        self.wait_until(self._answers, START_SECONDS, "to answer")

    def reset(self, *, delay: float = 0.0) -> None:
        """Forget what came; answer after ``delay`` seconds from now on."""
        self._ask("reset", {"delay": delay})

    def counts(self) -> Counts:
        return Counts(**self._ask("counts"))

    def arrivals(self) -> dict[str, float]:
        """``{token: when it first came}`` by the monotonic clock, in seconds."""
        return self._ask("arrivals")

    def wait_for(self, distinct: int, deadline: float) -> Counts:
        """Until so many different tokens came.

        :raises NotInTime: fewer came
        """
        wait_for(
            lambda: self.counts().distinct >= distinct,
            deadline,
            f"{distinct} messages at the receiver",
            poll=POLL_SECONDS,
            seen=self.counts,
        )
        return self.counts()

    def _answers(self) -> bool:
        try:
            self.counts()
        except requests.ConnectionError:
            return False
        return True

    def _ask(self, what: str, document: Any = None) -> Any:
        answer = self._http.post(
            f"http://{LOOPBACK}:{self.port}/control/{what}", json=document, timeout=60
        )
        answer.raise_for_status()
        return answer.json()
