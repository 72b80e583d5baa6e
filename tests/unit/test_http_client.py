"""The HTTP client against real sockets that misbehave in every way a partner can."""

import contextlib
import datetime
import gzip
import ipaddress
import os
import queue
import socket
import ssl
import struct
import threading
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from odoo.addons.mfg_integration_base.tools import http_names
from odoo.addons.mfg_integration_base.tools.http_client import HttpCall, HttpClient, HttpTarget
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry
from odoo.addons.mfg_integration_base.tools.url_guard import AllowList, parse_allow_list

LOOPBACK = parse_allow_list("127.0.0.0/8")
PATIENCE = 30  # seconds until a test that waits for something gives up
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def reply(status="200 OK", body=b"", **headers):
    """A complete answer, as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class ScriptedServer:
    """A TCP server on 127.0.0.1 that answers each request by calling ``script(connection)``.

    ``script`` gets the socket after a request was read; returning "close" ends the connection.
    """

    def __init__(self, script, context=None):
        self.requests = []
        self.connections = 0
        self._script = script
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/hook"
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = self._listener.accept()
                self.connections += 1
                self._sockets.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            with connection.makefile("rb") as stream:
                while head := self._read_head(stream):
                    length = int(head["headers"].get("content-length", 0))
                    self.requests.append({**head, "body": stream.read(length)})
                    if self._script(connection) == "close":
                        break
            connection.close()

    @staticmethod
    def _read_head(stream):
        line = stream.readline().decode()
        if not line:
            return None
        pairs = [raw.decode().strip().split(": ", 1) for raw in iter(stream.readline, b"\r\n")]
        return {"line": line.strip(), "headers": {n.lower(): v for n, v in pairs}, "pairs": pairs}

    def close(self):
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@pytest.fixture
def server():
    """Return a function that starts a ScriptedServer; all are closed in the end."""
    servers = []

    def start(script=lambda connection: connection.sendall(OK), context=None):
        servers.append(ScriptedServer(script, context))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


@pytest.fixture
def client():
    client = HttpClient()
    yield client
    client.close(0)


def call_to(
    url,
    headers=(("content-type", "application/json"), ("webhook-id", "m1")),
    body=b'{"good": 5}',
    **changes,
):
    target = {
        "connect_timeout": PATIENCE,
        "read_timeout": PATIENCE,
        "total_timeout": PATIENCE,
        "allow_list": LOOPBACK,
        "allow_http": True,
    }
    return HttpCall(HttpTarget(url=url, **{**target, **changes}), headers, body)


def send(client, *calls):
    """Submit the calls at once and return their answers in the order of the calls."""
    answers = queue.Queue()
    for number, call in enumerate(calls):
        client.submit(call, lambda answer, number=number: answers.put((number, answer)))
    got = dict(answers.get(timeout=PATIENCE) for _call in calls)
    assert answers.empty(), "a call was answered twice"
    return [got[number] for number in range(len(calls))]


# -- what goes out


def test_the_request_is_exactly_what_was_given(client, server):
    peer = server()
    call = call_to(
        f"{peer.url}/%7Eorder/a%2Fb?x=1%202&y=", headers=(("X-One", "1"), ("x-two", "2"))
    )
    [answer] = send(client, call)
    assert answer.outcome == Delivered(200)
    assert (answer.status, answer.response_excerpt) == (200, "")
    [request] = peer.requests
    assert request["line"] == "POST /hook/%7Eorder/a%2Fb?x=1%202&y= HTTP/1.1"
    assert request["headers"] == {
        "host": f"127.0.0.1:{peer.port}",
        "accept-encoding": "identity",
        "x-one": "1",
        "x-two": "2",
        "content-length": "11",
    }
    assert request["body"] == b'{"good": 5}'


def test_a_given_accept_encoding_stands(client, server):
    peer = server()
    send(client, call_to(peer.url, headers=(("Accept-Encoding", "gzip"),)))
    assert peer.requests[0]["headers"]["accept-encoding"] == "gzip"


def test_a_large_body_arrives_whole(client, server):
    peer = server()
    body = os.urandom(3 * 1024 * 1024)
    [answer] = send(client, call_to(peer.url, body=body))
    assert answer.outcome == Delivered(200)
    assert peer.requests[0]["body"] == body


def test_connections_are_kept_alive(client, server):
    peer = server()
    for _n in range(5):
        send(client, call_to(peer.url))
    assert len(peer.requests) == 5
    assert peer.connections == 1


def test_many_calls_at_once(client, server):
    """All 40 are in flight together: none is answered before the last has arrived."""
    everybody = threading.Barrier(40)

    def script(connection):
        everybody.wait(timeout=PATIENCE)
        connection.sendall(OK)

    answers = send(client, *[call_to(server(script).url)] * 40)
    assert {answer.outcome for answer in answers} == {Delivered(200)}


def test_cookies_are_not_kept(client, server):
    peer = server(lambda connection: connection.sendall(reply(Set_Cookie="a=b")))
    send(client, call_to(peer.url))
    send(client, call_to(peer.url))
    assert "cookie" not in peer.requests[1]["headers"]


def test_proxies_of_the_environment_are_ignored(client, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    [answer] = send(client, call_to(server().url))
    assert answer.outcome == Delivered(200)


# -- what comes back


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("204 No Content", Delivered(204)),
        ("429 Too Many", Retry("rate_limited", "Answered 429 (Too Many Requests)", status=429)),
        ("500 Oops", Retry("server_error", "Answered 500 (Internal Server Error)", status=500)),
        ("404 Nope", Reject("rejected_by_partner", "Answered 404 (Not Found)", status=404)),
        ("410 Gone", Reject("gone", "Answered 410 (Gone)", status=410, pause=True)),
    ],
)
def test_statuses(client, server, status, outcome):
    peer = server(lambda connection: connection.sendall(reply(status)))
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome == outcome
    assert answer.status == outcome.status


def test_a_redirect_is_not_followed(client, server):
    target = server()
    peer = server(lambda connection: connection.sendall(reply("302 Found", Location=target.url)))
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome == Reject("redirected", "Answered 302 (Found)", status=302)
    assert target.connections == 0


@pytest.mark.parametrize(
    ("value", "after"), [("17", 17.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0), ("soon", None)]
)
def test_retry_after_by_the_given_clock(server, value, after):
    now = datetime.datetime(1994, 11, 6, 8, 49, 7, tzinfo=datetime.timezone.utc)
    client = HttpClient(clock=lambda: now)
    peer = server(lambda connection: connection.sendall(reply("503 Busy", Retry_After=value)))
    [answer] = send(client, call_to(peer.url))
    client.close(0)
    assert answer.outcome.after == after


def test_the_answer_is_kept_without_secrets(client, server):
    body = b'{"error": "no order 7", "echo": "Basic c2VjcmV0LXZhbHVl", "token": "t0k3n"}'
    peer = server(
        lambda connection: connection.sendall(
            reply("422 No", body, Content_Type="application/json")
        )
    )
    call = call_to(peer.url, headers=(("Authorization", "Basic c2VjcmV0LXZhbHVl"),))
    [answer] = send(client, call)
    assert "no order 7" in answer.response_excerpt
    assert answer.outcome.response == answer.response_excerpt
    assert "c2VjcmV0" not in answer.response_excerpt
    assert "t0k3n" not in answer.response_excerpt


def test_a_huge_body_is_cut_and_its_connection_given_up(client, server):
    sent_all = []

    def script(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _n in range(1000):
                connection.sendall(b"x" * 1_000_000)
            sent_all.append(True)

    peer = server(script)
    [answer] = send(client, call_to(peer.url, max_response_bytes=1000))
    assert answer.status == 200
    assert answer.outcome.response == "x" * 1000 + " … [incomplete]"
    send(client, call_to(peer.url, max_response_bytes=1000))
    assert peer.connections == 2
    assert not sent_all


def test_an_endless_chunked_body_is_cut(client, server):
    def script(connection):
        connection.sendall(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"4\r\nspam\r\n")

    [answer] = send(client, call_to(server(script).url, max_response_bytes=100))
    assert answer.outcome.reason == "rejected_by_partner"
    assert answer.response_excerpt == "spam" * 25 + " … [incomplete]"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda raw: zlib.compress(raw)[2:-4]),
    ],
)
def test_a_compressed_answer_is_read(client, server, encoding, compress):
    body = compress(b'{"error": "no"}')
    peer = server(lambda conn: conn.sendall(reply("400 No", body, Content_Encoding=encoding)))
    [answer] = send(client, call_to(peer.url))
    assert answer.response_excerpt == '{"error": "no"}'


def test_a_gzip_bomb_does_not_go_off(client, server):
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    peer = server(lambda conn: conn.sendall(reply("200 OK", bomb, Content_Encoding="gzip")))
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome.status == 200
    assert len(answer.response_excerpt) < 66_000


def test_a_bomb_is_not_even_unpacked():
    from odoo.addons.mfg_integration_base.tools.http_answer import decoded

    bomb = gzip.compress(b"\0" * 50_000_000)
    assert decoded(bomb, "gzip", 1000) == (b"\0" * 1000, False)
    assert decoded(gzip.compress(b"small"), "GZIP ", 1000) == (b"small", True)


@pytest.mark.parametrize("encoding", ["br", "gzip", "x" * 100])
def test_an_unreadable_encoding_is_only_named(client, server, encoding):
    peer = server(
        lambda conn: conn.sendall(reply("200 OK", b"\x8bjunk", Content_Encoding=encoding))
    )
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome.status == 200
    assert answer.response_excerpt == f"[5 bytes, encoded as {encoding[:40]}]"


def test_a_body_that_breaks_off_does_not_unsay_the_status(client, server):
    def script(connection):
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_RDWR)

    [answer] = send(client, call_to(server(script).url))
    assert answer.outcome == Delivered(201, response="half … [incomplete]")


def test_a_body_that_stalls_does_not_unsay_the_status(client, server):
    peer = server(
        lambda connection: connection.sendall(b"HTTP/1.1 201 X\r\nContent-Length: 9\r\n\r\nhalf")
    )
    [answer] = send(client, call_to(peer.url, read_timeout=0.2))
    assert answer.outcome == Delivered(201, response="half … [incomplete]")


# -- no answer


def _reset(connection):
    # A linger of zero makes the close a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "close"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (_reset, "unreachable"),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), "unreachable"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "bad_response"),
        (lambda connection: connection.sendall(b"\0\xff\x80" * 9 + b"\r\n\r\n"), "bad_response"),
        (lambda connection: connection.sendall(b"HTTP/1.1 abc\r\n\r\n"), "bad_response"),
        (
            lambda connection: connection.sendall(
                b"HTTP/1.1 200 OK\r\n" + b"X: 9 bytes\r\n" * 9999
            ),
            "bad_response",
        ),
        (
            lambda connection: (
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99999 + b"\r\n"),
                "close",
            )[1],
            "bad_response",
        ),
        (
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
            "bad_response",
        ),
    ],
)
def test_broken_answers_are_tried_again(client, server, script, reason):
    [answer] = send(client, call_to(server(script).url))
    assert isinstance(answer.outcome, Retry)
    assert answer.outcome.reason == reason
    assert answer.outcome.detail
    assert answer.status is None


def test_a_kept_connection_that_breaks_is_not_tried_again_in_secret(client, server):
    """The partner has read the request, and the attempt is one."""
    peer = server(lambda connection: "close" if len(peer.requests) == 2 else connection.sendall(OK))
    [first] = send(client, call_to(peer.url))
    [second] = send(client, call_to(peer.url))
    assert first.outcome == Delivered(200)
    assert second.outcome.reason == "unreachable"
    assert len(peer.requests) == 2
    [third] = send(client, call_to(peer.url))
    assert third.outcome == Delivered(200)
    assert len(peer.requests) == 3


def test_no_answer_is_a_timeout(client, server):
    [answer] = send(client, call_to(server(lambda connection: None).url, read_timeout=0.2))
    assert answer.outcome.reason == "timeout"
    assert "waiting" in answer.outcome.detail


def test_headers_that_drip_are_stopped_by_the_total(client, server):
    ended = threading.Event()

    def script(connection):
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.02):
                connection.sendall(b"X-Drip: 1\r\n")

    [answer] = send(client, call_to(server(script).url, total_timeout=0.5))
    ended.set()
    assert answer.outcome.reason == "timeout"
    assert answer.status is None


def test_connection_refused(client):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    [answer] = send(client, call_to(f"http://127.0.0.1:{port}/"))
    assert answer.outcome.reason == "unreachable"
    assert "refused" in answer.outcome.detail


def test_connecting_takes_too_long(client):
    """A listener whose queue is full lets nobody in and tells nobody."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = []
        for _n in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        url = f"http://127.0.0.1:{address[1]}/"
        [answer] = send(client, call_to(url, connect_timeout=0.3))
        for sock in waiting:
            sock.close()
    assert answer.outcome == Retry("timeout", "No answer within the time limit: while connecting")


def test_a_name_that_does_not_exist(client):
    [answer] = send(client, call_to("https://nothing.invalid/"))
    assert isinstance(answer.outcome, Retry)
    assert answer.outcome.reason == "unreachable"
    assert "host name" in answer.outcome.detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://127.0.0.1/", "allow_http": False}, "https"),
        ({"url": "ftp://127.0.0.1/"}, "https://"),
        ({"url": "http://user:pa55@127.0.0.1/"}, "user name"),
        ({"headers": (("X", "a\r\nInjected: 1"),)}, "control character"),
        ({"headers": (("X", "a\0"),)}, "the header X"),
        ({"headers": (("X Y", "a"),)}, "header name"),
        ({"headers": (("", "a"),)}, "header name"),
        ({"method": "PO ST"}, "HTTP method"),
    ],
)
def test_what_cannot_be_sent_costs_this_message_only(client, server, changes, said):
    peer = server()
    bad, good = send(client, call_to(**{"url": peer.url, **changes}), call_to(peer.url))
    assert isinstance(bad.outcome, Reject)
    assert bad.outcome.reason == "prepare_failed"
    assert said in bad.outcome.detail
    assert "pa55" not in bad.outcome.detail
    assert good.outcome == Delivered(200)
    assert len(peer.requests) == 1


# -- where to


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]"])
def test_blocked_addresses_are_not_connected_to(client, server, host):
    peer = server()
    call = call_to(f"http://{host}:{peer.port}/", allow_list=AllowList())
    [answer] = send(client, call)
    assert isinstance(answer.outcome, Reject)
    assert answer.outcome.reason == "blocked_address"
    assert peer.connections == 0


def test_a_permitted_name_is_connected_to(client, server):
    peer = server()
    [answer] = send(client, call_to(f"http://localhost:{peer.port}/"))
    assert answer.outcome == Delivered(200)


def test_a_connection_of_one_allow_list_does_not_serve_another(client, server):
    peer = server()
    url = f"http://localhost:{peer.port}/"
    [first] = send(client, call_to(url))
    [second] = send(client, call_to(url, allow_list=AllowList()))
    assert first.outcome == Delivered(200)
    assert second.outcome.reason == "blocked_address"
    assert len(peer.requests) == 1


def test_only_the_permitted_addresses_of_a_name_are_used(client, server, monkeypatch):
    """The name server answers with a public-looking mixture; only 127.0.0.1 is on the list."""
    peer = server()
    asked = []

    def getaddrinfo(host, port, **kwargs):
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("169.254.169.254", "127.0.0.1", "10.1.2.3")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    allow_list = parse_allow_list("127.0.0.1")
    url = f"http://partner.example:{peer.port}/"
    [answer] = send(client, call_to(url, allow_list=allow_list))
    assert answer.outcome == Delivered(200)
    assert asked == ["partner.example"]
    assert peer.requests[0]["headers"]["host"] == f"partner.example:{peer.port}"


def test_a_name_that_comes_to_lead_elsewhere_is_not_followed(client, server, monkeypatch):
    """DNS rebinding: harmless when it was checked, the metadata service when it is used."""
    peer = server()
    leads_to = ["127.0.0.1"]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, **_kwargs: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to[0], port))
        ],
    )
    monkeypatch.setattr(http_names, "TTL", 0)
    call = call_to(f"http://partner.example:{peer.port}/", allow_list=parse_allow_list("127.0.0.1"))
    outcomes = []
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "127.0.0.1"):
        leads_to[0] = address
        [answer] = send(client, call)
        outcomes.append(answer.outcome.reason if isinstance(answer.outcome, Reject) else "sent")
    assert outcomes == ["sent", "blocked_address", "blocked_address", "sent"]
    assert len(peer.requests) == 2


def test_a_lookup_is_shared_and_kept_for_a_moment(client, server, monkeypatch):
    peer = server()
    asked = []

    def getaddrinfo(host, port, **_kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    call = call_to(f"http://partner.example:{peer.port}/")
    answers = send(client, *[call] * 20) + send(client, call)
    assert {answer.outcome for answer in answers} == {Delivered(200)}
    assert asked == ["partner.example"]


def test_a_name_server_that_does_not_answer_holds_up_nobody_else(client, server, monkeypatch):
    peer, over = server(), threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host == "stuck.example":
            over.wait(PATIENCE)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    stuck, sent = send(
        client, call_to("http://stuck.example/", connect_timeout=0.3), call_to(peer.url)
    )
    over.set()
    assert stuck.outcome == Retry("timeout", "No answer within the time limit: while connecting")
    assert sent.outcome == Delivered(200)


def test_targets_of_edited_connectors_do_not_pile_up(client, server):
    peer = server()
    for number in range(80):
        allow_list = parse_allow_list(f"127.0.0.0/8\n10.0.0.{number}")
        [answer] = send(client, call_to(peer.url, allow_list=allow_list))
        assert answer.outcome == Delivered(200)
    assert len(client._runner._exchanger._lines) <= 64


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1; nobody trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_an_untrusted_certificate_is_refused(client, server, certificate):
    peer = server(context=certificate)
    [answer] = send(client, call_to(peer.url))
    assert isinstance(answer.outcome, Retry)
    assert answer.outcome.reason == "tls"
    assert "self" in answer.outcome.detail
    assert not peer.requests


def test_verification_can_be_switched_off_for_one_call(client, server, certificate):
    peer = server(context=certificate)
    unverified, verified = send(
        client, call_to(peer.url, verify_tls=False), call_to(peer.url, verify_tls=True)
    )
    assert unverified.outcome == Delivered(200)
    assert verified.outcome.reason == "tls"


def test_plain_http_behind_an_https_address(client):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak_plainly():
            connection, _peer = listener.accept()
            with connection:
                connection.sendall(OK)
                connection.recv(9999)

        threading.Thread(target=speak_plainly, daemon=True).start()
        [answer] = send(client, call_to(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
    assert answer.outcome.reason == "tls"


# -- life of the client


def test_close_waits_for_open_requests(server):
    go_on = threading.Event()

    def script(connection):
        go_on.wait(PATIENCE)
        connection.sendall(OK)

    peer, client, answers = server(script), HttpClient(), queue.Queue()
    client.submit(call_to(peer.url), answers.put)
    threading.Timer(0.1, go_on.set).start()
    client.close(PATIENCE)
    assert answers.get_nowait().outcome == Delivered(200)


def test_close_interrupts_what_does_not_end(server):
    client, answers = HttpClient(), queue.Queue()
    for _n in range(3):
        client.submit(call_to(server(lambda connection: None).url), answers.put)
    client.close(0.05)
    outcomes = [answers.get_nowait().outcome for _n in range(3)]
    assert {outcome.reason for outcome in outcomes} == {"interrupted"}


def test_a_closed_client_starts_afresh(client, server):
    peer = server()
    send(client, call_to(peer.url))
    client.close(PATIENCE)
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome == Delivered(200)
    assert peer.connections == 2


def test_closing_an_unused_client_does_nothing():
    HttpClient().close(0)


def test_close_from_a_callback_is_refused(server):
    client, raised = HttpClient(), queue.Queue()

    def on_done(_answer):
        try:
            client._runner.close(0)
        except RuntimeError as error:
            raised.put(error)

    client.submit(call_to(server().url), on_done)
    assert "callbacks" in str(raised.get(timeout=PATIENCE))
    client.close(0)


def test_a_failing_callback_harms_nobody_else(client, server, caplog):
    peer = server()
    client.submit(call_to(peer.url), lambda answer: 1 / 0)
    [answer] = send(client, call_to(peer.url))
    assert answer.outcome == Delivered(200)
    client.close(PATIENCE)
    assert "callback" in caplog.text


def test_threads_may_share_it(client, server):
    peer = server()
    answers = queue.Queue()
    threads = [
        threading.Thread(
            target=lambda: [client.submit(call_to(peer.url), answers.put) for _n in range(50)]
        )
        for _thread in range(4)
    ]
    for thread in threads:
        thread.start()
    outcomes = {answers.get(timeout=PATIENCE).outcome for _n in range(200)}
    for thread in threads:
        thread.join()
    assert outcomes == {Delivered(200)}
    assert len(peer.requests) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(client, server):
    peer = server()
    send(client, call_to(peer.url))
    child = os.fork()
    if not child:
        code = 1
        try:
            [answer] = send(client, call_to(peer.url))
            code = 0 if answer.outcome == Delivered(200) else 2
        finally:
            os._exit(code)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert peer.connections == 2
    send(client, call_to(peer.url))
    assert peer.connections == 2, "the parent's connection still works"


def test_the_other_tools_work_without_pycurl():
    """Importing the client does not import pycurl; the first request does."""
    import subprocess
    import sys

    import odoo.addons.mfg_integration_base.tools as tools

    code = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]);"
        "importlib.import_module('tools.http_client');"
        "sys.exit('pycurl' in sys.modules)"
    )
    parent = os.path.dirname(os.path.dirname(tools.__file__))
    subprocess.run([sys.executable, "-c", code, parent], check=True, timeout=PATIENCE)
