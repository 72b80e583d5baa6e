"""A scriptable partner on 127.0.0.1: records what it gets and misbehaves as told.

It speaks HTTP over plain sockets, because most of what it is asked to do no HTTP server library
would do: answer with garbage, cut the connection in the middle of an answer, never answer.
"""

import json
import socket
import socketserver
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.ports import LOOPBACK
from tests.harness.waiting import wait_for

IDLE_SECONDS = 60
"""A connection without a new request is closed after this."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived. ``at`` is the monotonic clock in seconds."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def message_id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


Behaviour = Callable[["Partner", socket.socket, Request], bool]
"""Answers one request on its connection; returns whether the connection stays open."""


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """A well-formed answer."""
    return lambda _partner, connection, _request: _send(connection, code, headers or {}, body)


ok = status(204)


def redirect(location: str, code: int = 307) -> Behaviour:
    return status(code, {"Location": location})


def slow(seconds: float, then: Behaviour = ok) -> Behaviour:
    """Answer after a while."""

    def answer(partner: "Partner", connection: socket.socket, request: Request) -> bool:
        partner.stopping.wait(seconds)
        return then(partner, connection, request)

    return answer


def stall(then: Behaviour = ok) -> Behaviour:
    """Take the request and keep silent until ``Partner.release``."""

    def answer(partner: "Partner", connection: socket.socket, request: Request) -> bool:
        partner.released.wait()
        return then(partner, connection, request)

    return answer


def reset(_partner: "Partner", connection: socket.socket, _request: Request) -> bool:
    """Take the request, then reset the connection (RST) without a byte of an answer."""
    return _reset(connection)


def reset_mid_body(_partner: "Partner", connection: socket.socket, _request: Request) -> bool:
    """Announce 100 bytes, send 10, reset the connection."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    return _reset(connection)


def garbage(_partner: "Partner", connection: socket.socket, _request: Request) -> bool:
    """Answer with what is not HTTP."""
    connection.sendall(b"\x16\x03\x01 this is not HTTP \x00\xff\r\n\r\n")
    return False


def endless(partner: "Partner", connection: socket.socket, _request: Request) -> bool:
    """Start an answer that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not partner.stopping.wait(0.05):
        connection.sendall(b"1\r\nx\r\n")
    return False


def _send(connection: socket.socket, code: int, headers: dict[str, str], body: bytes) -> bool:
    lines = [f"HTTP/1.1 {code} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    if code != 204:
        lines.append(f"Content-Length: {len(body)}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return True


def _reset(connection: socket.socket) -> bool:
    # Lingering for zero seconds makes the kernel send RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


class Partner:
    """The server. Use it as a context manager.

    :param port: default: any free one
    """

    def __init__(self, port: int = 0):
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self.released = threading.Event()
        self._script: deque[Behaviour] = deque()
        self._default: Behaviour = ok
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.partner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="partner", daemon=True
        )

    def __enter__(self) -> "Partner":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stopping.set()
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/hook"

    @property
    def message_ids(self) -> list[str]:
        """Of every request, repeats included, in the order of arrival."""
        with self._lock:
            return [request.message_id for request in self.requests]

    def script(self, *behaviours: Behaviour, then: Behaviour = ok) -> None:
        """From now on: one behaviour a request, then always ``then``."""
        with self._lock:
            self.released.clear()
            self._script = deque(behaviours)
            self._default = then

    def release(self) -> None:
        """Let every stalled request be answered, and stall no more."""
        self.released.set()

    def forget(self) -> None:
        """Drop what was recorded so far."""
        with self._lock:
            self.requests.clear()

    def wait_for_requests(self, count: int, deadline: float) -> list[Request]:
        """The recorded requests, once there are ``count``.

        :raises NotInTime: fewer came
        """
        wait_for(
            lambda: len(self.requests) >= count,
            deadline,
            f"{count} requests at the partner",
            seen=lambda: len(self.requests),
        )
        with self._lock:
            return list(self.requests)

    def _next(self, request: Request) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            return self._script.popleft() if self._script else self._default


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a stalled request must not hold up the end of a test
    request_queue_size = 128
    partner: Partner

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away in the middle is what many tests are about."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS
    server: _Server

    def handle(self) -> None:
        partner = self.server.partner
        while not partner.stopping.is_set():
            request = self._read()
            if request is None or not partner._next(request)(partner, self.connection, request):
                return

    def _read(self) -> Request | None:
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = {}
        while (text := self.rfile.readline(65536).decode("latin-1").strip()) != "":
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(line[0], line[1], headers, body)
