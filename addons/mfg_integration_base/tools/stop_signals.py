"""SIGTERM and SIGINT as something to wait for.

A handler that sets a ``threading.Event`` can hang for ever: it runs in the main thread, between
two instructions, perhaps while that very thread holds the event's lock in ``wait()``. Here it only
counts and writes one byte to a pipe.
"""

import contextlib
import os
import select
import signal


class StopSignals:
    """Hears that this process shall end. For the main thread."""

    def __init__(self):
        self.count = 0
        self._heard, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def install(self, *waking):
        """Take over SIGTERM and SIGINT; ``waking`` signals end a wait and mean nothing else."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for number in waking:
            signal.signal(number, lambda *_args: self._wake())

    def _stop(self, *_args):
        self.count += 1
        self._wake()

    def _wake(self):
        with contextlib.suppress(BlockingIOError):  # full: whoever waits is woken anyway
            os.write(self._write, b"!")

    def wait(self, seconds):
        """Wait up to ``seconds`` for any of the signals; whether this process shall end."""
        ready, _, _ = select.select([self._heard], [], [], max(seconds, 0))
        if ready:
            os.read(self._heard, 4096)
        return self.count > 0
