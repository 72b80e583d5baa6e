"""Ports: remembered while they are free, never shared."""

import socket

import pytest

from mfg_launcher.errors import LauncherError
from mfg_launcher.ports import SPAN, choose, is_free

CASES = [
    # preferred, remembered, avoid,  taken,        chosen
    (8069, None, set(), set(), 8069),
    (8069, None, set(), {8069, 8070}, 8071),
    (8069, 9000, set(), set(), 9000),
    (8069, 9000, set(), {9000}, 8069),
    (8069, 9000, {9000}, set(), 8069),
    (8069, None, {8069}, set(), 8070),
]


@pytest.mark.parametrize(("preferred", "remembered", "avoid", "taken", "chosen"), CASES)
def test_choice(preferred, remembered, avoid, taken, chosen):
    port = choose(
        preferred, remembered=remembered, avoid=avoid, free=lambda port: port not in taken
    )
    assert port == chosen


def test_no_port_left_says_what_to_do():
    with pytest.raises(LauncherError, match="no free port between 8069 and"):
        choose(8069, free=lambda _port: False)


def test_only_the_span_is_tried():
    tried = []
    with pytest.raises(LauncherError):
        choose(100, free=lambda port: bool(tried.append(port)))
    assert tried == list(range(100, 100 + SPAN))


def test_a_listening_socket_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
