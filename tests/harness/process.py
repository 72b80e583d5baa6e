"""A child process under our control, with its output in a file."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: working folder of every child, so that ``python -m tests...`` finds us."""

LOG_TAIL = 4000


class ChildProcess:
    """One program that can be started, ended, killed, frozen, and started again.

    It leads a process group of its own, so that what it starts ends with it.

    :param name: for messages and for the name of the log
    :param argv: the command line
    :param log: file that gets standard output and error, appended over restarts
    :param env: variables on top of this process's own
    """

    def __init__(self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] = {}):
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ChildProcess":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """:raises RuntimeError: it was never started"""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program and wait until it is ready for use.

        :raises AssertionError: it ended at once, or was not ready in time
        """
        if self.running:
            raise RuntimeError(f"{self.name} runs already (pid {self.pid}).")
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start the program and return at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                self.argv,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Refined by programs that need time before they can be used."""

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self._signal(signal.SIGKILL)
        self._reap(10)

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting."""
        self._signal(signal.SIGTERM)

    def wait_for_end(self, deadline: float) -> int:
        """Its exit code.

        :raises AssertionError: it still runs at the deadline
        """
        return self._reap(deadline)

    def terminate(self, deadline: float = 30) -> int:
        """SIGTERM, then wait for the program to end by itself; its exit code."""
        self.ask_to_end()
        return self.wait_for_end(deadline)

    def freeze(self) -> None:
        """SIGSTOP: the process holds everything it has and does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it by whatever it takes, and whatever it started."""
        if self._process is None:
            return
        if self.running:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        # The group outlives its leader if a child of it does.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def output(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_until(self, condition, deadline: float, what: str):
        """``wait_for``, but end at once when the program has ended."""

        def ready():
            if not self.running:
                raise AssertionError(f"{self.name} ended while starting:\n{self.tail()}")
            return condition()

        return wait_for(ready, deadline, f"{self.name}: {what}", seen=self.tail)

    def tail(self) -> str:
        return self.output()[-LOG_TAIL:]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _reap(self, deadline: float) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started.")
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} did not end within {deadline:g} s:\n{self.tail()}"
            ) from None
