"""docs/nginx.conf in a real nginx: what it keeps away from Odoo, and what it lets through."""

import base64
import contextlib
import hashlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from standardwebhooks import Webhook

from tests.harness import databases
from tests.harness.certificates import Authority
from tests.harness.nginx import Nginx
from tests.harness.waiting import wait_for

from .site import MESSAGE_TYPE, Link, Site

LORIS = 24
"""Slow clients at once; fewer than the connections that one address may have."""
CONNECTIONS = 32
"""As many as one address may have."""
HEADER_TIMEOUT = "2s"
"""Instead of the shipped 10 s, so that the test need not wait for so long."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Plant CA")


@pytest.fixture(scope="module")
def nginx(quiet_site: Site, authority: Authority, folder: Path) -> Iterator[Nginx]:
    admin = quiet_site.rpc()
    for name, value in {
        "trusted_proxies": "127.0.0.1",
        "client_certificate_header": "X-Client-Cert",
        "client_certificate_form": "nginx",
    }.items():
        admin("ir.config_parameter", "set_param", f"mfg_integration_base.{name}", value)
    patient = {
        "client_header_timeout 10s;": f"client_header_timeout {HEADER_TIMEOUT};",
        "client_body_timeout 10s;": f"client_body_timeout {HEADER_TIMEOUT};",
    }
    (folder / "ca.pem").write_text(authority.pem)
    with Nginx(folder, quiet_site.server.port, authority.issue("127.0.0.1"), patient) as running:
        yield running


@pytest.fixture(scope="module")
def link(quiet_site: Site) -> Link:
    return quiet_site.connect("http://127.0.0.1:9/")


def send(
    nginx: Nginx,
    link: Link,
    message_id: str,
    *,
    signed: bool = True,
    cert: tuple[str, str] | None = None,
    headers: Mapping[str, str] = {},
) -> requests.Response:
    """One ping through the proxy.

    :param cert: files of the client's certificate and key
    """
    now, body = datetime.now(timezone.utc), "{}"
    proof = {
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(link.secret).sign(message_id, now, body),
    }
    with requests.Session() as session:
        session.trust_env = False  # the environment may name a proxy
        return session.post(
            nginx.url + address(link),
            data=body.encode(),
            headers={
                "Content-Type": "application/json",
                "webhook-id": message_id,
                **(proof if signed else {}),
                **headers,
            },
            verify=str(nginx.folder / "ca.pem"),
            cert=cert,
            timeout=60,
        )


def address(link: Link) -> str:
    return f"/mfg/v1/in/{link.code}/{MESSAGE_TYPE}"


def stored(site: Site) -> set[str]:
    """The ids of the messages that Odoo has."""
    rows = databases.query(site.database, "SELECT external_id FROM mfg_inbox_message")
    return {external_id for (external_id,) in rows}


def connection(nginx: Nginx) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", nginx.port), 30))


def request_head(link: Link, length: int, **headers: str) -> bytes:
    lines = [
        f"POST {address(link)} HTTP/1.1",
        "Host: odoo.example.com",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


# === What comes through === #


def test_a_signed_message(quiet_site, nginx, link):
    answer = send(nginx, link, "through")
    assert answer.status_code == 202, answer.text
    assert "through" in stored(quiet_site)


def test_partners_are_not_redirected_to_tls(nginx, link):
    """The first request would have gone over the net readable; people are."""
    with requests.Session() as session:
        session.trust_env = False
        plain = f"http://127.0.0.1:{nginx.plain_port}"
        refused = session.post(plain + address(link), data=b"{}", allow_redirects=False, timeout=60)
        led = session.get(plain + "/odoo", allow_redirects=False, timeout=60)
    assert refused.status_code == 403
    assert (led.status_code, led.headers["Location"]) == (301, "https://127.0.0.1/odoo")


def test_nobody_manages_databases_from_outside(nginx):
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(
            f"{nginx.url}/web/database/manager", verify=str(nginx.folder / "ca.pem"), timeout=60
        )
    assert answer.status_code == 404


# === What is kept away from Odoo === #


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_of_50_mb(quiet_site, nginx, link, declared):
    """Refused as all other errors are, and Odoo never hears of it."""
    before = quiet_site.server.output()
    with connection(nginx) as sock:
        sock.settimeout(60)
        if declared:
            sock.sendall(request_head(link, 50_000_000))
        else:
            head = request_head(link, 0).replace(
                b"Content-Length: 0", b"Transfer-Encoding: chunked"
            )
            sock.sendall(head)
            chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            with contextlib.suppress(OSError):  # it need not listen to the end
                for _number in range(50_000_000 // 0x10000):
                    sock.sendall(chunk)
        answer = b""
        with contextlib.suppress(OSError):
            while b"}" not in answer and (data := sock.recv(65536)):
                answer += data
    head, _blank, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 "), answer[:500]
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("urn:mfg:problem:too-large", 413)
    assert address(link) not in quiet_site.server.output()[len(before) :]


@pytest.mark.parametrize("part", ["head", "body"])
def test_slow_loris(quiet_site, nginx, link, part):
    """Many that send a byte now and then: partners are served meanwhile, and the slow ones cut."""
    before = quiet_site.server.output()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connection(nginx)) for _number in range(LORIS)]
        whole = request_head(link, 100, webhook_id="slow")
        start = whole[:40] if part == "head" else whole + b"{"
        for sock in slow:
            sock.sendall(start)
            sock.settimeout(0.01)
        served = send(nginx, link, f"beside-slow-{part}")
        assert served.status_code == 202, served.text

        def cut():
            for sock in list(slow):
                with contextlib.suppress(TimeoutError):
                    try:
                        if part == "head":  # drips on, and is cut all the same
                            sock.sendall(b"x")
                        gone = not sock.recv(65536)
                    except OSError as error:
                        if isinstance(error, TimeoutError):
                            raise
                        gone = True
                    if gone:
                        slow.remove(sock)
            return not slow

        wait_for(cut, 60, "the slow ones to be cut", seen=lambda: len(slow))
    said = quiet_site.server.output()[len(before) :]
    assert said.count(address(link)) == 1, "the slow ones never reached Odoo"
    assert "slow" not in stored(quiet_site)


def test_more_connections_than_one_address_may_have(nginx, link):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connection(nginx)) for _number in range(CONNECTIONS)]
        for sock in slow:
            sock.sendall(request_head(link, 100) + b"{")
        # Each of them is asked for; those that were taken are silent.
        [refused] = wait_for(
            lambda: (answer := send(nginx, link, "too-many")).status_code == 429 and [answer],
            30, "the one too many to be refused", seen=lambda: nginx.tail(),
        )  # fmt: skip
    assert refused.json()["type"] == "urn:mfg:problem:rate-limited"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"


# === Client certificates === #


@pytest.fixture(scope="module")
def certified(quiet_site, nginx, link):
    """A credential for the bearer of a certificate that Odoo knows by its fingerprint."""
    issued = Authority("The partner's own CA").issue("plant 7")
    der = ssl.PEM_cert_to_DER_cert(issued.certificate)
    quiet_site.rpc().create(
        "mfg.credential",
        {
            "name": "Certificate", "connector_id": link.connector_id, "kind": "peer_certificate",
            "secret_input": hashlib.sha256(der).hexdigest(),
        },
    )  # fmt: skip
    return issued


def files(folder: Path, issued) -> tuple[str, str]:
    paths = folder / "client.crt", folder / "client.key"
    for path, text in zip(paths, (issued.certificate, issued.key), strict=True):
        path.write_text(text)
    return str(paths[0]), str(paths[1])


def test_who_holds_the_key_needs_no_signature(quiet_site, nginx, link, certified, tmp_path):
    answer = send(nginx, link, "certified", signed=False, cert=files(tmp_path, certified))
    assert answer.status_code == 202, answer.text
    assert "certified" in stored(quiet_site)


def test_another_certificate_does_not_do(quiet_site, nginx, link, certified, tmp_path):
    other = Authority("The partner's own CA").issue("plant 7")
    answer = send(nginx, link, "another", signed=False, cert=files(tmp_path, other))
    assert answer.status_code == 401
    assert "another" not in stored(quiet_site)


@pytest.mark.parametrize("name", ["X-Client-Cert", "x-client-cert", "X_Client_Cert", "Client-Cert"])
def test_a_forged_header_is_stripped(quiet_site, nginx, link, certified, name):
    """Everybody may know the certificate; only its bearer has the key."""
    forged = {name: quote(certified.certificate, safe="")}
    if name == "Client-Cert":
        der = ssl.PEM_cert_to_DER_cert(certified.certificate)
        forged = {name: f":{base64.b64encode(der).decode()}:"}
    answer = send(nginx, link, "forged", signed=False, headers=forged)
    assert answer.status_code == 401
    assert "forged" not in stored(quiet_site)


def test_nor_does_it_help_beside_another_certificate(quiet_site, nginx, link, certified, tmp_path):
    other = Authority("Stranger").issue("plant 7")
    answer = send(
        nginx, link, "forged-beside", signed=False, cert=files(tmp_path, other),
        headers={"X-Client-Cert": quote(certified.certificate, safe="")},
    )  # fmt: skip
    assert answer.status_code == 401
    assert "forged-beside" not in stored(quiet_site)
