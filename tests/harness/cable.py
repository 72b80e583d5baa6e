"""A network cable between two processes on this machine, which can be pulled out."""

import contextlib
import socket
import threading

from .ports import LOOPBACK, free_port

CHUNK = 65536


class Cable:
    """Relays TCP connections to ``port`` from a port of its own, until it is cut.

    Cutting breaks all connections and refuses new ones, as a switch without power does.

    :param port: of the process at the other end
    """

    def __init__(self, port: int):
        self.port = free_port()
        self._to = port
        self._door: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> "Cable":
        self.mend()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.cut()

    def mend(self) -> None:
        """Put it in."""
        door = socket.create_server((LOOPBACK, self.port), backlog=128)
        with self._lock:
            self._door = door
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()

    def cut(self) -> None:
        """Pull it out."""
        with self._lock:
            doomed = [self._door, *self._open]
            self._door = None
            self._open.clear()
        for each in doomed:
            if each is not None:
                _end(each)

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                near, _address = door.accept()
            except OSError:  # closed: the cable was pulled
                return
            try:
                far = socket.create_connection((LOOPBACK, self._to))
            except OSError:
                _end(near)
                continue
            with self._lock:
                if self._door is not door:
                    _end(near)
                    _end(far)
                    return
                self._open |= {near, far}
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(CHUNK):
                there.sendall(data)
        # Either end is gone: so is the connection.
        with self._lock:
            self._open -= {here, there}
        _end(here)
        _end(there)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
