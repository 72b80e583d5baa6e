"""The call stage of the HTTP transport: hundreds of requests at once, no database, no Odoo.

One event loop in a thread of its own serves the whole process. ``submit`` hands a request over and
returns at once; the answer comes back by a callback. A partner can do nothing that raises here:
whatever happens becomes an Outcome.

pycurl is imported when the first request is made, so that the rest of ``tools`` works without it.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple

from .oauth_client import Grant
from .outcome import Answer
from .url_guard import AllowList


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """Where requests go and under which rules: what all messages to a connector have in common.

    Keep it for as long as it holds: requests with the same object share what it takes to make one.

    :param method: e.g. ``POST``
    :param url: absolute, checked by ``url_guard.check_url`` before it is used
    :param connect_timeout: seconds for name resolution, connection and TLS together
    :param read_timeout: seconds without a byte from the partner
    :param total_timeout: seconds for everything
    :param max_response_bytes: how much of the answer's body is read, and kept after decompression
    :param allow_list: addresses outside the public internet that may be connected to
    :param allow_http: permit unencrypted ``http``
    :param verify_tls: check the partner's certificate and host name
    :param client_certificate: certificate and key in PEM to show to a partner that asks for them,
        see ``client_certificate.parse``; only with ``https``
    :param secrets: what of the headers must not be kept when the partner repeats it
    :param grant: put an access token into the header ``authorization``, got by this
    """

    url: str
    method: str = "POST"
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    max_response_bytes: int = 65536
    allow_list: AllowList = AllowList()  # noqa: RUF009  frozen
    allow_http: bool = False
    verify_tls: bool = True
    client_certificate: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    grant: Grant | None = None


class HttpCall(NamedTuple):
    """One request, complete: nothing is added but ``Host``, ``Content-Length`` and, unless given,
    ``Accept-Encoding: identity``.

    :param headers: (name, value) pairs; never printed, as they hold secrets
    """

    target: HttpTarget
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"HttpCall({self.target!r}, {len(self.headers)} headers, {len(self.body)} bytes)"


OnDone = Callable[[Answer], None]


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class HttpClient:
    """Sends requests concurrently; how many at once is the caller's business.

    Safe to use from any thread. The loop thread starts with the first request, and again in a
    forked child, which shares no connection with its parent.

    :param clock: current time with a zone, to read ``Retry-After`` dates by
    """

    def __init__(self, *, clock: Callable[[], datetime] = _utc_now):
        self._clock = clock
        self._lock = threading.Lock()
        self._runner: _Runner | None = None

    def start(self) -> None:
        """Start the loop thread now rather than with the first request."""
        self._running()

    def submit(self, call: HttpCall, on_done: OnDone) -> None:
        """Send a request; ``on_done(answer)`` is called exactly once when it is over.

        ``on_done`` runs on the loop thread, where it holds up every other request: let it put the
        answer into a queue and return.
        """
        self._running().submit(call, on_done)

    def close(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for open requests, then interrupt the rest.

        Interrupted requests are answered too (reason ``interrupted``). A later ``submit`` starts
        afresh. Must not be called from ``on_done``.
        """
        with self._lock:
            runner, self._runner = self._runner, None
        if runner and runner.pid == os.getpid():
            runner.close(timeout)

    def _running(self) -> "_Runner":
        runner = self._runner
        if runner and runner.pid == os.getpid():
            return runner
        if runner:
            # Forked: the thread stayed behind, and the lock may have been held at that moment.
            self._lock, self._runner = threading.Lock(), None
        with self._lock:
            if self._runner is None:
                self._runner = _Runner(self._clock)
            return self._runner


class _Runner:
    """One loop thread and what it works on. All but ``submit`` and ``close`` run on the loop."""

    def __init__(self, clock: Callable[[], datetime]):
        # Not on the loop: where pycurl is missing, whoever sends has to know.
        from .http_exchange import Exchanger

        self.pid = os.getpid()
        self._inbox: deque[tuple[HttpCall, OnDone]] = deque()
        self._woken = False
        self._loop = asyncio.new_event_loop()
        self._exchanger = Exchanger(self._loop, clock)
        self._thread = threading.Thread(target=self._run, name="mfg-http", daemon=True)
        self._thread.start()

    def submit(self, call: HttpCall, on_done: OnDone) -> None:
        self._inbox.append((call, on_done))
        # One wake-up serves everything that is handed over before the loop gets to it.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._drain)

    def close(self, timeout: float) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("The client cannot be closed from one of its own callbacks.")
        asyncio.run_coroutine_threadsafe(self._finish(timeout), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _drain(self) -> None:
        # Cleared first: what is appended from here on wakes the loop again.
        self._woken = False
        while self._inbox:
            self._exchanger.start(*self._inbox.popleft())
        self._exchanger.kick()

    async def _finish(self, timeout: float) -> None:
        self._drain()
        await self._exchanger.close(max(0.0, timeout))
