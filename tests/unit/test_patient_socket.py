"""What the other side said before it closed is read before a failed write is reported."""

import contextlib
import select
import socket
import threading

import pytest

from odoo.addons.mfg_integration_base.tools.outcome import Reject
from odoo.addons.mfg_integration_base.tools.patient_socket import connection_socket

from tests.unit.test_http_client import PATIENCE, call_to, client, reply, send  # noqa: F401

BROKEN = (ConnectionResetError, BrokenPipeError)


def hang_up(connection, words):
    """Say something, then close with something unread, which makes it a reset."""
    connection.settimeout(PATIENCE)
    assert connection.recv(1, socket.MSG_PEEK)
    connection.sendall(words)
    connection.close()


@pytest.fixture
def broken():
    """A connection whose other side has said "bye" and is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with connection_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", address)) as ours:
            ours.connect(address)
            ours.send(b"hello")
            hang_up(listener.accept()[0], b"bye")
            poll = select.poll()
            poll.register(ours, 0)  # errors are always reported
            assert poll.poll(PATIENCE * 1000)
            yield ours


@pytest.mark.parametrize("write", [lambda s: s.send(b"x"), lambda s: s.sendmsg([b"x", b"y"])])
def test_the_first_failure_is_not_now(broken, write):
    with pytest.raises(BlockingIOError):
        write(broken)
    assert broken.recv(99) == b"bye"
    with pytest.raises(BROKEN):
        write(broken)


def test_what_works_is_as_usual():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with connection_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", address)) as ours:
            ours.connect(address)
            theirs = listener.accept()[0]
            with theirs:
                assert ours.send(b"one") == 3
                assert ours.sendmsg([b"two", b"three"]) == 8
                assert theirs.recv(11, socket.MSG_WAITALL) == b"onetwothree"


def test_an_answer_that_comes_before_all_was_sent(client):  # noqa: F811
    """For example a limit on the size of the body: the partner answers and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            with contextlib.suppress(OSError):
                while True:
                    words = reply("413 Too Large", b"at most 1 MB", Connection="close")
                    hang_up(listener.accept()[0], words)

        threading.Thread(target=refuse, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for _n in range(20):
            [answer] = send(client, call_to(url, body=b"x" * 8_000_000))
            assert isinstance(answer.outcome, Reject)
            assert (answer.status, answer.response_excerpt) == (413, "at most 1 MB")
