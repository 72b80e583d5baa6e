"""Processes the launcher started: recorded by number *and* start time, ended by nothing less.

A process number alone is reused by the kernel; together with the start time and the boot it names
one process for ever (proc(5), field 22 of /proc/PID/stat).
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .layout import write_atomic

PROC = Path("/proc")


def _stat(pid: int) -> tuple[str, int] | None:
    """(state letter, start time in clock ticks since boot), or None without such a process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name (field 2) may itself contain blanks and brackets: count from the last bracket.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Recorded:
    """One process, and what there is to tell about it."""

    pid: int
    start: int
    boot: str
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, pid: int, **details: Any) -> "Recorded":
        found = _stat(pid)
        if found is None:
            raise ProcessLookupError(f"process {pid} ended at once")
        return cls(pid=pid, start=found[1], boot=_boot_id(), details=details)

    @property
    def running(self) -> bool:
        found = _stat(self.pid)
        return (
            found is not None
            and found[0] not in "ZX"  # ended, only not yet collected by its parent
            and found[1] == self.start
            and self.boot == _boot_id()
        )

    def send(self, number: signal.Signals) -> None:
        """Signal this very process; one that is gone already needs no signal."""
        # The file descriptor pins the process: between the check and the signal its number cannot
        # pass to another one.
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.running:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended within ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def save(folder: Path, name: str, record: Recorded) -> None:
    write_atomic(folder / f"{name}.json", json.dumps(asdict(record)) + "\n")


def load(folder: Path, name: str) -> Recorded | None:
    """The recorded process if it still runs; the record of one that ended is removed."""
    path = folder / f"{name}.json"
    try:
        record = Recorded(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # a record cut short by a full disk names no process
        path.unlink(missing_ok=True)
        return None
    if record.running:
        return record
    path.unlink(missing_ok=True)
    return None


def load_all(folder: Path, prefix: str) -> Iterator[tuple[str, Recorded]]:
    for path in sorted(folder.glob(f"{prefix}*.json")):
        record = load(folder, path.stem)
        if record:
            yield path.stem, record
