"""Running other programs: their output goes to the setup log, their last words into the error."""

import contextlib
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .console import Console
from .errors import LauncherError

#: lines of a failed program's output that are searched for the reason
TAIL = 200
_REASON = re.compile(
    r"error\b|\b(fatal|critical|failed|denied|refused|no space|exception)\b|^E:", re.IGNORECASE
)
#: what Odoo puts before each line of its log
_ODOO_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>[A-Z]+) \S+ [\w.]+: ")


@dataclass(frozen=True)
class Runner:
    """Runs programs for the set-up, quietly unless asked.

    :param log: every command and all of its output is appended here
    """

    log: Path
    console: Console

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        what: str,
        remedy: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        line: Callable[[str], None] | None = None,
    ) -> str:
        """Run a program to its end and return what it printed (both streams as one).

        :param what: the work's name for an error message ("installing Odoo's requirements")
        :param line: called with each line while the program runs
        :raises LauncherError: it ended with another status than 0, or does not exist
        """
        command = [str(part) for part in argv]
        printed: list[str] = []
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                process = subprocess.Popen(
                    command,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            except (FileNotFoundError, PermissionError) as error:
                raise LauncherError(
                    f"{what} failed: {command[0]} cannot be run ({error.strerror})",
                    remedy or "Install it and run the same command again",
                ) from error
            with process:
                if stdin is not None:
                    process.stdin.write(stdin)
                    process.stdin.close()
                for text in process.stdout:
                    log.write(text)
                    printed.append(text)
                    self.console.detail(text.rstrip())
                    if line:
                        line(text.rstrip("\n"))
        if process.returncode:
            raise LauncherError(
                f"{what} failed: {reason(printed, process.returncode)}",
                remedy or f"All of its output is in {self.log}; run again with --verbose to see it",
            )
        return "".join(printed)


def reason(lines: Sequence[str], status: int) -> str:
    """The line of a program's output that most likely says why it failed."""
    tail = [text.strip() for text in lines[-TAIL:] if text.strip()]
    telling = [text for text in tail if _REASON.search(text)]
    if telling or tail:
        return _ODOO_PREFIX.sub("", (telling or tail)[-1])[:300]
    return f"it said nothing and ended with status {status}"


def foreground(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | None = None,
) -> int:
    """Run a program in the place of this one and return its exit status.

    It alone decides what an interruption means: pytest ends its servers, psql only its query.
    """
    with subprocess.Popen(argv, env=env, cwd=cwd, stdin=stdin) as process, _yielding(process):
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _yielding(process: subprocess.Popen) -> Iterator[None]:
    """While ``process`` runs: Ctrl-C is left to it, SIGTERM reaches it as an interruption."""

    def interrupt(_number: int, _frame: object) -> None:
        process.send_signal(signal.SIGINT)

    previous = [
        # The terminal sends SIGINT to both: we only must not die of it before the other has ended.
        (signal.SIGINT, signal.signal(signal.SIGINT, lambda _number, _frame: None)),
        (signal.SIGTERM, signal.signal(signal.SIGTERM, interrupt)),
    ]
    try:
        yield
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
