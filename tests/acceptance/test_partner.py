"""The scripted partner does what its script says; otherwise tests built on it prove nothing."""

import http.client
import socket

import pytest

from . import partner as faults
from .partner import Partner


@pytest.fixture
def partner():
    with Partner() as running:
        yield running


def post(partner, body=b"{}", timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", partner.port, timeout=timeout)
    try:
        connection.request("POST", "/hook", body, {"webhook-id": "m1"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_records_requests_and_follows_the_script(partner):
    partner.script(faults.status(500), faults.redirect("http://127.0.0.1/x"))
    assert [post(partner)[0] for _ in range(3)] == [500, 307, 204]
    assert partner.message_ids == ["m1"] * 3
    assert partner.requests[0].path == "/hook"
    assert partner.requests[0].event == {}


def test_stalls_until_released(partner):
    partner.script(faults.stall(faults.status(200, body=b"late")))
    with pytest.raises(TimeoutError):
        post(partner, timeout=0.2)
    partner.release()
    assert post(partner) == (204, b"")


def test_cuts_the_connection(partner):
    partner.script(faults.reset, faults.reset_mid_body, faults.garbage)
    with pytest.raises(ConnectionResetError):
        post(partner)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        post(partner)
    with pytest.raises(http.client.BadStatusLine):
        post(partner)


def test_ends_with_a_request_still_stalled():
    with Partner() as partner:
        partner.script(then=faults.stall())
        client = socket.create_connection(("127.0.0.1", partner.port))
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        partner.wait_for_requests(1, 5)
    client.close()
