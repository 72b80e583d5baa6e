"""Thousands of requests that are wrong in some way: none breaks anything, none is booked by half.

The oracle counts: whatever got a 2xx is stored once, with the bytes that were sent; whatever is
stored was sent, and got a 2xx, or its sender could not hear the answer.
"""

import contextlib
import gzip
import itertools
import json
import re
import socket
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness import databases
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker
from tests.simulators.mutations import Attack, Target, attacks

from .site import MESSAGE_TYPE, Site

AT_ONCE = 6
PATIENCE = 60
"""Seconds until a request without an answer has failed."""
SEED = 20261126
FINAL = {"done", "dead", "cancelled"}
BELOW = {
    "AttributeError: 'super' object has no attribute 'headers'",
    "KeyError: 'HTTP_HOST'",
    "http.client.HTTPException: got more than 100 headers",
    "http.client.LineTooLong: got more than 65536 bytes when reading header line",
}
"""What Odoo's HTTP server logs of requests that are no HTTP, before it asks for a route. A proxy in
front answers those (test_nginx)."""
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(\S.*)\n")


@pytest.fixture(scope="module")
def site(database: str, folder: Path) -> Iterator[Site]:
    with OdooServer(database, folder, cron_threads=0) as server:
        yield Site(server)


class Oracle:
    """What was answered, against what is stored."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.accepted: dict[str, Attack | None] = {}  # uuid -> the request, if it was one message
        self.unheard: set[str] = set()  # ids of messages whose senders got no answer
        self.faults: list[str] = []

    def note(self, attack: Attack, answer: bytes) -> None:
        """Judge one answer."""
        match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
        if match is None:
            self.statuses["none"] += 1
            self._unheard(attack)
            if not attack.broken:
                self._fault(attack, answer, "no answer")
            return
        status = int(match[1])
        self.statuses[str(status)] += 1
        # Where the head breaks off there may be no host: Odoo's own server fails at that before it
        # asks for a route, and a traceback of ours would be found.
        if status >= 500 and not attack.broken:
            self._fault(attack, answer, f"answered {status}")
        if b"Traceback" in answer or b"psycopg2" in answer:
            self._fault(attack, answer, "shows our insides")
        if 200 <= status < 300 and b"/in/" in attack.path and attack.method.upper() == b"POST":
            self._accepted(attack, answer)

    def _accepted(self, attack: Attack, answer: bytes) -> None:
        head, _blank, body = answer.partition(b"\r\n\r\n")
        if not body and attack.get(b"Upgrade"):  # Odoo's server keeps bodies back from these
            place = re.search(rb"Location: /mfg/v1/messages/(\S+)", head)
            if place:
                self.accepted.setdefault(place[1].decode(), attack)
            else:
                self._unheard(attack)
            return
        try:
            document = json.loads(body)
            if "results" in document:
                for result in document["results"]:
                    if 200 <= result["status"] < 300:
                        self.accepted.setdefault(result["id"], None)
            else:
                self.accepted.setdefault(document["id"], attack)
        except (ValueError, KeyError) as error:
            self._fault(attack, answer, f"accepted, and does not say what: {error!r}")

    def _unheard(self, attack: Attack) -> None:
        """Whatever ids the request's messages may have been stored under."""
        names = (b"webhook-id", b"idempotency-key", b"ce-id")
        headers = {value for name, value in attack.headers if name.lower() in names}
        self.unheard |= {attack.message_id, *(value.decode("latin-1") for value in headers)}

    def _fault(self, attack: Attack, answer: bytes, what: str) -> None:
        self.faults.append(f"{what}: {attack.names} {attack.encode()[:600]!r} -> {answer[:600]!r}")


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, and read until the server has no more to say; without interim answers."""
    answer = b""
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", port), PATIENCE) as sock,
    ):
        with contextlib.suppress(OSError):  # it may have heard enough, and be gone
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            answer += data
    return re.sub(rb"^(?:HTTP/1\.1 1\d\d .*?\r\n\r\n)+", b"", answer, flags=re.DOTALL)


def play(site: Site, count: int, folder: Path) -> Oracle:
    """Send so many, look at what is stored, let it be booked, and look again."""
    link = site.connect("http://127.0.0.1:9/", lane="bulk", name="Mutations")
    target = Target(link.code, (MESSAGE_TYPE,), link.secret)
    oracle = Oracle()
    log_before = len(site.server.output())
    stream = itertools.islice(attacks(SEED, target), count)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for attack, answer in _answers(pool, site.server.port, stream):
            oracle.note(attack, answer)
    assert not oracle.faults, "\n".join([f"{len(oracle.faults)} faults", *oracle.faults[:5]])
    said = site.server.output()[log_before:]
    ours = [m[0] for m in _TRACEBACK.finditer(said) if m[1] not in BELOW]
    assert not ours, "\n".join([f"{len(ours)} tracebacks", *ours[:3]])
    assert_books_agree(site, link, oracle)
    with Worker(site.database, folder, lanes=("bulk",)):
        wait_for(
            lambda: _states(site, link) <= FINAL, 1800, "all to be booked",
            seen=lambda: _states(site, link),
        )  # fmt: skip
    assert_books_agree(site, link, oracle)
    return oracle


def _answers(
    pool: ThreadPoolExecutor, port: int, stream: Iterable[Attack]
) -> Iterator[tuple[Attack, bytes]]:
    """In the order of sending, some at a time: all of them would not fit into memory."""
    while part := list(itertools.islice(stream, 200)):
        yield from zip(
            part, pool.map(lambda attack: exchange(port, attack.encode()), part), strict=True
        )


def _states(site: Site, link) -> set[str]:
    rows = databases.query(
        site.database,
        "SELECT DISTINCT state FROM mfg_inbox_message WHERE connector_id = %s",
        [link.connector_id],
    )
    return {state for (state,) in rows}


def assert_books_agree(site: Site, link, oracle: Oracle) -> None:
    rows = databases.query(
        site.database,
        "SELECT uuid, external_id, body FROM mfg_inbox_message WHERE connector_id = %s",
        [link.connector_id],
    )
    stored = {uuid: (external_id, bytes(body)) for uuid, external_id, body in rows}
    assert len(stored) == len(rows)
    lost = set(oracle.accepted) - set(stored)
    assert not lost, f"{len(lost)} were accepted and are not stored: {sorted(lost)[:5]}"
    for uuid in set(stored) - set(oracle.accepted):
        external_id = stored[uuid][0]
        base = re.sub("(-[ef]|#.*)$", "", external_id)  # of a batch
        assert {external_id, base} & oracle.unheard, f"{external_id} is stored unasked"
    for uuid, attack in oracle.accepted.items():
        if attack is not None and not attack.broken:
            assert stored[uuid][1] == plain(attack), f"{attack.names}: other bytes are stored"
    ids = Counter(external_id for external_id, _body in stored.values())
    assert max(ids.values(), default=1) == 1, "a message is stored twice"


def plain(attack: Attack) -> bytes:
    """The body as it was meant."""
    encoding = attack.get(b"Content-Encoding").lower()
    if encoding == b"gzip":
        return gzip.decompress(attack.body)
    if encoding == b"deflate":
        return zlib.decompress(attack.body)
    return attack.body


def test_some_thousand(site, tmp_path, record_property):
    oracle = play(site, 2_000, tmp_path)
    record_property("statuses", dict(oracle.statuses))
    print(dict(oracle.statuses), len(oracle.accepted), "accepted")
    # The oracle would agree with a server that refuses everything.
    assert len(oracle.accepted) > 100
    assert {"202", "400", "401", "404", "413", "415", "422"} <= set(oracle.statuses)


@pytest.mark.long
def test_a_hundred_thousand(site, tmp_path, record_property):
    oracle = play(site, 100_000, tmp_path)
    record_property("statuses", dict(oracle.statuses))
    print(dict(oracle.statuses), len(oracle.accepted), "accepted")
    assert len(oracle.accepted) > 5_000
