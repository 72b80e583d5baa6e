"""The dedicated worker under measurement."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.process import ChildProcess
from tests.harness.worker import Worker

from .run import BenchError

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_rss_mb(pid: int) -> float:
    """The largest resident memory that a process has had so far, in megabytes (10^6 bytes)."""
    status = Path("/proc", str(pid), "status").read_text()
    return int(_PEAK.search(status)[1]) * 1024 / 1e6


@contextmanager
def frozen(*runners: ChildProcess) -> Iterator[None]:
    """Hold running workers back, so that they all start at once when the block ends.

    They are up and warm, and do none of the work before the clock runs.
    """
    for runner in runners:
        runner.freeze()
    try:
        yield
    finally:
        for runner in runners:
            runner.thaw()


@contextmanager
def profiled(worker: Worker, path: Path | None) -> Iterator[None]:
    """Let py-spy watch the worker during the block, if a file is named.

    :raises BenchError: py-spy cannot be run
    """
    if path is None:
        yield
        return
    argv = ["py-spy", "record", f"--pid={worker.pid}", f"--output={path}", "--format=raw"]
    # Waiting included: what a thread waits for tells as much as what it computes.
    argv += ["--threads", "--idle", "--rate=200", "--nonblocking"]
    try:
        spy = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BenchError("--profile needs py-spy: pip install py-spy") from None
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)  # as Ctrl-C does: it writes its file and ends
        spy.wait(60)
