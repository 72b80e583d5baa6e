# ruff: noqa: F811  pytest fixtures are imported, and then are arguments
"""Client certificates of the HTTP client, against real TLS servers that ask for them."""

import dataclasses
import ssl

import pytest

from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry
from odoo.addons.mfg_integration_base.tools.url_guard import parse_allow_list

from tests.harness.certificates import Authority
from tests.unit.test_http_client import OK, call_to, client, send, server  # noqa: F401

CA = Authority()
OURS = CA.issue("plant")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def strict(request, server):
    """A server that lets nobody in without a certificate of ours."""
    return server(context=CA.server_context(clients=CA, version=request.param))


@pytest.fixture
def trusting(monkeypatch, tmp_path):
    """This machine trusts our authority."""
    path = tmp_path / "ca.pem"
    path.write_text(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def tls_call(url, issued=OURS, **changes):
    pem = issued and issued.pem
    return call_to(url, **{"client_certificate": pem, "verify_tls": False, **changes})


# -- shown to the partner


def test_our_certificate_lets_us_in(client, strict):
    [answer] = send(client, tls_call(strict.url))
    assert answer.outcome == Delivered(200)
    assert [request["body"] for request in strict.requests] == [b'{"good": 5}']


def test_the_partner_sees_who_we_are_and_the_chain_between(client, server):
    plant = Authority("Plant CA", parent=CA)
    issued = plant.issue("press 3")
    seen = []

    def script(connection):
        seen.append(dict(part[0] for part in connection.getpeercert()["subject"]))
        connection.sendall(OK)

    peer = server(script, context=CA.server_context(clients=CA))
    with_chain = dataclasses.replace(issued, certificate=issued.certificate + plant.pem)
    alone, complete = send(client, tls_call(peer.url, issued), tls_call(peer.url, with_chain))
    assert alone.outcome.reason in ("tls", "unreachable"), "the end may overtake the alert"
    assert complete.outcome == Delivered(200)
    assert seen == [{"commonName": "press 3"}]


def test_the_partner_is_verified_all_the_same(client, strict, trusting):
    [answer] = send(client, tls_call(strict.url, verify_tls=True))
    assert answer.outcome == Delivered(200)


def test_an_untrusted_partner_gets_nothing(client, strict):
    [answer] = send(client, tls_call(strict.url, verify_tls=True))
    assert isinstance(answer.outcome, Retry)
    assert answer.outcome.reason == "tls"
    assert strict.requests == []


def test_a_partner_under_another_name_gets_nothing(client, strict, trusting):
    url = strict.url.replace("127.0.0.1", "localhost")
    [answer] = send(client, tls_call(url, verify_tls=True))
    assert answer.outcome.reason == "tls"
    assert "localhost" in answer.outcome.detail
    assert strict.requests == []


# -- refused by the partner


REFUSED = {
    "none": (None, "required|handshake failure"),
    "of a stranger": (Authority("Stranger").issue("plant"), "unknown ca"),
    "expired": (CA.issue("plant", days=(-9, -2)), "expired"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_certificate_that_the_partner_refuses(client, strict, case):
    """Also in TLS 1.3, where our side of the handshake is over before the partner says so."""
    issued, said = REFUSED[case]
    [answer] = send(client, tls_call(strict.url, issued))
    assert isinstance(answer.outcome, Retry)
    if answer.outcome.reason == "unreachable":  # the end overtook the alert
        said = "ask for a client certificate"
    else:
        assert answer.outcome.reason == "tls"
    assert any(part in answer.outcome.detail for part in said.split("|")), answer.outcome
    assert answer.status is None
    assert strict.requests == []


def test_a_connection_that_just_ends_is_no_matter_of_certificates(client, server):
    peer = server(lambda connection: "close", context=CA.server_context(clients=CA))
    [answer] = send(client, tls_call(peer.url))
    assert answer.outcome.reason == "unreachable"


# -- what cannot be used


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_certificate": "hunter2"}, "no certificate"),
        ({"client_certificate": OURS.certificate}, "no private key"),
        ({"url": "http://127.0.0.1/"}, "https"),
    ],
)
def test_nothing_is_sent_without_the_certificate(client, strict, changes, said):
    [bad] = send(client, tls_call(**{"url": strict.url, **changes}))
    assert isinstance(bad.outcome, Reject)
    assert bad.outcome.reason == "prepare_failed"
    assert said in bad.outcome.detail
    assert "hunter2" not in bad.outcome.detail
    assert strict.connections == 0


def test_plain_http_with_a_certificate_is_not_spoken(client, server):
    peer = server()
    [answer] = send(client, tls_call(peer.url))
    assert answer.outcome.reason == "prepare_failed"
    assert peer.connections == 0


def test_the_key_does_not_print():
    assert "PRIVATE" not in repr(tls_call("https://127.0.0.1/"))


# -- connections


def test_connections_are_kept_alive(client, strict):
    for _n in range(3):
        # As after a reload of the settings: an equal text, another object.
        send(client, tls_call(strict.url, dataclasses.replace(OURS, key="\n" + OURS.key)))
    assert len(strict.requests) == 3
    assert strict.connections == 1


def test_a_connection_serves_one_certificate_only(client, server):
    """Nor a call without one, nor one that verifies the partner, if it was opened by another."""
    peer = server(context=CA.server_context())
    other = CA.issue("other")
    for expected in (4, 4):
        for issued, verify in ((None, False), (OURS, False), (other, False)):
            [answer] = send(client, tls_call(peer.url, issued, verify_tls=verify))
            assert answer.outcome == Delivered(200)
        [answer] = send(client, tls_call(peer.url, OURS, verify_tls=True))
        assert answer.outcome.reason == "tls"
        # The verified ones never become connections that could be kept.
        assert len(peer.requests) in (3, 6)
        assert peer.connections >= expected
    # Three of the first round, which serve the second too, and two that were refused.
    assert peer.connections == 5


def test_a_kept_connection_asks_whether_it_may_be_used(client, strict):
    """libcurl has one for this host and certificate; the host name alone is permitted there."""
    url = strict.url.replace("127.0.0.1", "localhost")
    first, *others = [
        send(client, tls_call(url, allow_list=parse_allow_list(networks)))[0].outcome
        for networks in ("127.0.0.1\n::1", "127.0.0.2", "127.0.0.1/32")
    ]
    assert first == others[1] == Delivered(200)
    assert others[0].reason == "blocked_address"
    assert len(strict.requests) == 2
    assert strict.connections == 1
