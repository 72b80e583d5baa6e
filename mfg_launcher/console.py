"""What a person sees while the launcher works; standard error only, so that output stays clean."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

#: seconds between two progress lines where the output is no terminal
QUIET_INTERVAL = 10.0
#: seconds between two redraws on a terminal
REDRAW_INTERVAL = 0.2


class Step:
    """One piece of work under way; several can be under way at once, in threads."""

    def __init__(self, console: "Console", label: str) -> None:
        self._console = console
        self.label = label
        self.started = time.monotonic()
        self._shown = self.started
        self.result = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def progress(self, text: str) -> None:
        """Say how far it is; said too often, most of it is dropped."""
        interval = REDRAW_INTERVAL if self._console.live else QUIET_INTERVAL
        if time.monotonic() - self._shown >= interval:
            self._shown = time.monotonic()
            self._console.show_progress(self, text)


class Console:
    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose
        self.live = sys.stderr.isatty() and not verbose
        self._lock = threading.Lock()
        self._line_open = False

    def say(self, text: str) -> None:
        with self._lock:
            self._clear()
            print(text, file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """Said under --verbose only."""
        if self.verbose:
            self.say(f"    {text}")

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """Name a piece of work, and at its end the seconds it took and its `result`."""
        step = Step(self, label)
        self.say(f"-> {label}")
        try:
            yield step
        except BaseException:
            self.say(f"!! {label}: stopped after {step.seconds:.1f} s")
            raise
        result = f": {step.result}" if step.result else ""
        self.say(f"ok {label}{result} ({step.seconds:.1f} s)")

    def show_progress(self, step: Step, text: str) -> None:
        with self._lock:
            self._clear()
            line = f"   {step.label}: {text} ({step.seconds:.0f} s)"
            if self.live:
                print(line[:119], end="", file=sys.stderr, flush=True)
                self._line_open = True
            else:
                print(line, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._line_open:
            print("\r\033[K", end="", file=sys.stderr)
            self._line_open = False
