"""One lock file keeps two launchers of one checkout from stepping on each other."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(path: Path, *, command: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold ``path`` locked; the kernel lets go of it even if this process is killed.

    :param command: what this process does, for the one that has to wait
    :param waiting: called once with the holder's words if the lock is taken
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            waiting(stream.read().strip() or "another launcher")
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        stream.truncate()
        stream.write(f"./mfg {command} (process {os.getpid()})\n")
        stream.flush()
        try:
            yield
        finally:
            stream.seek(0)
            stream.truncate()
