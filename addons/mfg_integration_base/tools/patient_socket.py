"""A socket that hears the other side out before it reports that nothing can be sent any more."""

import socket
from typing import Any

_CLOSED = (ConnectionResetError, BrokenPipeError)


class PatientSocket(socket.socket):
    """For asyncio, which gives a connection up at the first failed write, unread answer and all.

    A partner that refuses us in the middle of a request, by a TLS alert or an early answer, says
    why and closes. If its words have arrived before we write on, they still wait to be read. So the
    first failed write is reported as "not now": asyncio waits for the socket, finds it readable as
    well as writable, and reads before it writes again. A second failed write is reported as it is.
    """

    __slots__ = ("_failed",)

    def send(self, *args: Any) -> int:
        try:
            return super().send(*args)
        except _CLOSED as error:
            self._once_later(error)

    def sendmsg(self, *args: Any) -> int:
        """What asyncio calls since Python 3.12 when several pieces wait."""
        try:
            return super().sendmsg(*args)
        except _CLOSED as error:
            self._once_later(error)

    def _once_later(self, error: OSError) -> None:
        if getattr(self, "_failed", False):
            raise error
        self._failed = True
        raise BlockingIOError from error


def connection_socket(address: tuple) -> socket.socket:
    """Return a socket for an address as ``getaddrinfo`` gives it; aiohttp's ``socket_factory``."""
    family, kind, protocol, *_rest = address
    return PatientSocket(family, kind, protocol)
