"""A cable that is cut breaks what goes through it, and lets everything through when it is back."""

import socket
import socketserver
import threading

import pytest

from tests.harness.cable import Cable


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1024):
            self.request.sendall(data.upper())


@pytest.fixture
def cable():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Cable(server.server_address[1]) as cable:
            yield cable
        server.shutdown()


def connect(cable):
    return socket.create_connection(("127.0.0.1", cable.port), timeout=10)


def test_lets_through(cable):
    with connect(cable) as near:
        near.sendall(b"ping")
        assert near.recv(10) == b"PING"


def test_cut_and_mended(cable):
    with connect(cable) as near:
        near.sendall(b"ping")
        assert near.recv(10) == b"PING"
        cable.cut()
        assert near.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(cable)
    cable.mend()
    with connect(cable) as near:
        near.sendall(b"again")
        assert near.recv(10) == b"AGAIN"


def test_nobody_at_the_other_end():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Cable(port) as cable, connect(cable) as near:
        assert near.recv(10) == b""
