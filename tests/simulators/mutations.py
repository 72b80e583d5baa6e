"""Requests to the inbound gateway that no honest partner would send, by the thousand.

Deterministic: the same seed gives the same requests. Works on bytes, because most of what is wrong
here no HTTP client would send.
"""

import base64
import gzip
import hashlib
import hmac
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

GOOD = {
    "quantity": 5, "text": "ok", "nested": {"list": [1, 2.5, None, True], "é": "ü"},
}  # fmt: skip


@dataclass
class Target:
    """Where requests go: a connector, its message types, and what it signs with."""

    connector: str
    message_types: tuple[str, ...]
    secret: str


@dataclass
class Attack:
    """One request in the making.

    :param headers: (name, value) pairs of bytes, as they go out
    :param signed: sign what the body has become; else the proof is of another body
    :param broken: not HTTP any more, or more than the server reads: no answer is an answer too
    """

    method: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    message_id: str
    signed: bool = True
    broken: bool = False
    raw_tail: bytes = b""
    names: list[str] = field(default_factory=list)

    def get(self, name: bytes) -> bytes:
        return next((v for n, v in self.headers if n.lower() == name.lower()), b"")

    def set(self, name: bytes, value: bytes) -> None:
        self.drop(name)
        self.headers.append((name, value))

    def drop(self, name: bytes) -> None:
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]

    def encode(self) -> bytes:
        """The bytes of the request."""
        lines = [b"%s %s HTTP/1.1" % (self.method, self.path)]
        lines += [b"%s: %s" % pair for pair in self.headers]
        return b"\r\n".join([*lines, b"", self.body]) + self.raw_tail


Mutation = Callable[[random.Random, Attack], None]


def attacks(seed: int, target: Target, start: int = 0) -> Iterator[Attack]:
    """An endless stream of requests; about one in twelve is honest, and one in twelve a repeat."""
    rng = random.Random(seed)
    number = start
    while True:
        number += 1
        message_id = f"m{seed}-{number if rng.random() > 0.08 else rng.randint(1, number)}"
        attack = _honest(rng, target, message_id)
        for mutation in rng.sample(MUTATIONS, rng.choices((0, 1, 2, 3), (1, 6, 3, 2))[0]):
            attack.names.append(mutation.__name__.strip("_"))
            mutation(rng, attack)
        _finish(rng, target, attack)
        yield attack


def _honest(rng: random.Random, target: Target, message_id: str) -> Attack:
    message_type = rng.choice(target.message_types)
    return Attack(
        b"POST",
        f"/mfg/v1/in/{target.connector}/{message_type}".encode(),
        [
            (b"Host", b"127.0.0.1"),
            (b"Content-Type", b"application/json"),
            (b"webhook-id", message_id.encode()),
            (b"Connection", b"close"),
        ],
        json.dumps({**GOOD, "id": message_id}).encode(),
        message_id,
    )


def _finish(rng: random.Random, target: Target, attack: Attack) -> None:
    """Sign, and say how long the body is, unless a mutation has said something else."""
    names = {name.lower() for name, _value in attack.headers}
    body = attack.body if attack.signed else b"{}"
    now = datetime.now(timezone.utc)
    if b"webhook-timestamp" not in names:
        attack.headers.append((b"webhook-timestamp", str(int(now.timestamp())).encode()))
    if b"webhook-signature" not in names and "no_signature" not in attack.names:
        webhook_id = attack.get(b"webhook-id").decode("latin-1")
        to_sign = f"{webhook_id}.{int(now.timestamp())}.".encode("latin-1", "replace") + body
        # By hand: the official package signs texts, and these bodies need not be any.
        key = base64.b64decode(target.secret.removeprefix("whsec_"))
        digest = hmac.new(key, to_sign, hashlib.sha256).digest()
        attack.headers.append((b"webhook-signature", b"v1," + base64.b64encode(digest)))
    if not names & {b"content-length", b"transfer-encoding"}:
        attack.headers.append((b"Content-Length", str(len(attack.body)).encode()))
    if rng.random() < 0.1:
        rng.shuffle(attack.headers)


# === The line === #


def _method(rng, attack):
    attack.method = rng.choice(
        [b"GET", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"post", b"PROPFIND"]
    )


def _path(rng, attack):
    parts = attack.path.split(b"/")
    attack.path = rng.choice(
        [
            attack.path + b"/",
            attack.path + b"?token=abc&x[]=%00",
            attack.path + b"%00",
            attack.path.replace(b"/in/", b"//in//"),
            b"/".join([*parts[:-2], b"nobody", parts[-1]]),
            b"/".join([*parts[:-1], b"other.type.v1"]),
            b"/".join([*parts[:-1], b"../../../web/login"]),
            b"/".join([*parts[:-1], b"%2e%2e%2f%2e%2e"]),
            b"/".join([*parts[:-1], b"%ff%fe"]),
            b"/".join([*parts[:-1], "größe.v1".encode()]),
            b"/".join([*parts[:-1], b"x" * 5000]),
            b"/".join([*parts[:-1], parts[-1].upper()]),
            b"/".join([*parts[:-1], b"' OR 1=1 --".replace(b" ", b"%20")]),
            b"/mfg/v1/messages/" + rng.choice([b"x", b"0" * 36, b"%00", b"\xff".hex().encode()]),
            b"/mfg/v1/" + rng.choice([b"", b"nothing", b"openapi.json", b"asyncapi.json"]),
            b"/mfg/v1/oauth/token",
            b"/mfg/v1",
        ]
    )


# === Headers === #


def _no_header(rng, attack):
    name = rng.choice([b"Content-Type", b"webhook-id", b"Host"])
    attack.broken = attack.broken or name == b"Host"  # RFC 9112 section 3.2
    attack.drop(name)


def _no_signature(_rng, attack):
    attack.names.append("no_signature")


def _bad_signature(rng, attack):
    good = b"v1,g0hM9SsE+OTPJTGt/tmzKtSyZlE3uFJELVlNIOLJ1OE="
    attack.set(
        b"webhook-signature",
        rng.choice(
            [good, good[:-5], b"v1,", b"v2," + good[3:], b"", b" ".join([good] * 50), b"v1," * 500,
             b"v1a," + b"A" * 90, b"\xff\xfe", b"v1,\xc3\xa9", b","]
        ),
    )  # fmt: skip


def _other_body(_rng, attack):
    attack.signed = False


def _timestamp(rng, attack):
    attack.set(
        b"webhook-timestamp",
        rng.choice(
            [b"0", b"-1", b"9" * 30, b"1e9", b"soon", b"", b"1.5", b"0x10", "١٢٣".encode(),
             b"1" * 5000, b"NaN"]
        ),
    )  # fmt: skip


def _webhook_id(rng, attack):
    attack.set(
        b"webhook-id",
        rng.choice(
            [b"", b" ", b"a.b", b"x" * 256, b"x" * 5000, "größe".encode(), b"\x01", b"a\tb",
             b"<script>alert(1)</script>", b"'; DROP TABLE x;--", b"\xff", b"../../etc/passwd"]
        ),
    )  # fmt: skip


def _content_type(rng, attack):
    attack.set(
        b"Content-Type",
        rng.choice(
            [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x",
             b"text/plain",
             b"multipart/form-data", b"", b"json", b"application/json; charset=utf-16",
             b"application/json; charset=nothing", b"application/cloudevents+json",
             b"application/cloudevents-batch+json", b"application/x-ndjson", b"application/jsonl",
             b"application/xml", b"text/xml; charset=\xff", b"application/json" + b";a=b" * 1000,
             b"APPLICATION/JSON", b"application/json\t", b"*/*"]
        ),
    )  # fmt: skip


def _encoding(rng, attack):
    kind = rng.choice(["gzip", "deflate", "torn", "bomb", "lie", "twice", "br", "odd"])
    body = attack.body
    if kind == "bomb":
        attack.body = gzip.compress(b" " * rng.choice([2_000_000, 20_000_000]))
    elif kind == "torn":
        attack.body = gzip.compress(body)[: rng.randint(1, 20)]
    elif kind == "twice":
        attack.body = gzip.compress(gzip.compress(body))
    elif kind in ("gzip", "deflate"):
        attack.body = gzip.compress(body) if kind == "gzip" else zlib.compress(body)
    names = {"bomb": "gzip", "torn": "gzip", "lie": "gzip", "twice": "gzip, gzip", "odd": "\x7f,"}
    attack.set(b"Content-Encoding", names.get(kind, kind).encode())


def _more_headers(rng, attack):
    name, value = rng.choice(
        [
            (b"Authorization", b"Bearer " + b"x" * rng.choice([1, 40, 5000])),
            (b"Authorization", b"Basic Og=="),
            (b"Authorization", b"\xff"),
            (b"Client-Cert", b":AAAA:"),
            (b"X-Forwarded-For", b"127.0.0.1, 10.0.0.1"),
            (b"X-Odoo-Database", b"other"),
            (b"Idempotency-Key", rng.choice([b"", b'"a"', b"k" * 1000, b"\xff", b"k1"])),
            (b"traceparent", rng.choice([b"", b"00-0-0-0", b"x" * 1000, b"\xff"])),
            (b"Cookie", b"session_id=" + b"a" * 200),
            (b"Accept", b"text/html\xff"),
            (b"Expect", b"100-continue"),
            (b"ce-id", b"%00%ff"),
            (b"ce-specversion", rng.choice([b"1.0", b"0.1", b"\xff"])),
            (b"Range", b"bytes=0-18446744073709551615"),
            (b"If-Match", b"*"),
            (b"Upgrade", b"websocket"),
        ]
    )
    attack.headers.append((name, value))


def _many_headers(rng, attack):
    count = rng.choice([50, 120])
    attack.broken = attack.broken or count > 80
    attack.headers += [(b"X-H%d" % n, b"v") for n in range(count)]


def _twice(rng, attack):
    name = rng.choice([b"webhook-id", b"webhook-timestamp", b"Content-Type", b"Host"])
    attack.headers.append((name, attack.get(name) or b"1"))


# === The frame === #


def _length(rng, attack):
    attack.broken = True
    size = len(attack.body)
    attack.set(
        b"Content-Length",
        rng.choice(
            [str(size + 50), str(max(0, size - 5)), "-1", "abc", "", "9" * 25, f"+{size}", "0"]
        ).encode(),
    )


def _chunked(rng, attack):
    attack.broken = True
    attack.drop(b"Content-Length")
    attack.set(b"Transfer-Encoding", rng.choice([b"chunked", b"chunked, chunked", b"gzip", b"x"]))
    body = attack.body
    attack.raw_tail = b""
    attack.body = rng.choice(
        [
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"ffffffffffffffff\r\n",
            b"zz\r\n",
            b"-1\r\n",
            b"",
        ]
    )


def _garbage(rng, attack):
    attack.broken = True
    attack.headers.append(
        rng.choice(
            [(b"no colon\r\nX", b"1"), (b"", b"empty"), (b"a b", b"1"), (b"X", b"a\r\n folded"),
             (b"X", b"\x00"), (b"X", b"y" * 70_000), (b"X\x00Y", b"1")]
        )
    )  # fmt: skip


def _version(rng, attack):
    attack.broken = True
    attack.path += rng.choice([b" HTTP/9.9", b" x y z", b"\t", b"\x00"])


# === The body === #


def _json(rng, attack):
    deep = rng.choice([70, 2000, 60_000])
    attack.body = rng.choice(
        [
            b"", b" ", b"null", b"0", b'"text"', b"[]", b"{}", b"{", b"[1,]", b"nul", b"{'a': 1}",
            b"[" * deep, b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep,
            b'{"quantity": NaN}', b'{"quantity": Infinity}', b'{"quantity": 1e999999}',
            b'{"quantity": ' + b"9" * 5000 + b"}", b'{"quantity": -0}', b'{"a": 1, "a": 2}',
            b'{"text": "\\ud800"}', b'{"text": "\\u0000"}', b'{"text": "\x00"}',
            b'{"text": "\xff\xfe"}', b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"),
            b'{"__proto__": {"x": 1}, "constructor": 1}', b'{"$ref": "file:///etc/passwd"}',
            b'{"text": "' + b"x" * 900_000 + b'"}', b'{"text": "' + b"x" * 1_100_000 + b'"}',
            b'{"' + b"k" * 100_000 + b'": 1}', b"{}{}", b"{}\n{}\n", b"[{},{}]",
            b'{"text": "<img src=x onerror=alert(1)>"}', b'{"text": "{{7*7}} ${7*7} %s"}',
            b"{" + b",".join(b'"k%d":1' % n for n in range(5000)) + b"}",
        ]
    )  # fmt: skip


def _flip(rng, attack):
    body = bytearray(attack.body)
    for _number in range(rng.randint(1, 8)):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    attack.body = bytes(body)


def _cut(rng, attack):
    attack.body = attack.body[: rng.randrange(len(attack.body) + 1)]


def _xml(rng, attack):
    attack.body = rng.choice(
        [
            b"<a/>", b"<a", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            b"<?xml version='1.0' encoding='utf-7'?><a/>", b"<a>" * 5000,
            b'<!DOCTYPE l [<!ENTITY a "' + b"x" * 1000 + b'">]><l>' + b"&a;" * 5000 + b"</l>",
            b"ISA*00*          *00*          *ZZ*A*", b"UNB+UNOA:1+A+B+'",
        ]
    )  # fmt: skip


def _batch(rng, attack):
    """A batch of events, some of which are none."""
    event = {
        "specversion": "1.0", "id": f"{attack.message_id}-e", "source": "/s", "type": "t",
        "data": GOOD,
    }  # fmt: skip
    odd = [
        {**event, "id": f"{attack.message_id}-f"}, {**event, "id": 5}, {**event, "id": None}, {},
        None, [], "x", {**event, "specversion": "9"}, {**event, "data_base64": "!!"},
        {**event, "id": "\ud800"}, {**event, "time": "yesterday"}, event,
    ]  # fmt: skip
    chosen = [event, *rng.sample(odd, rng.randint(0, 5))] * rng.choice([1, 1, 1, 400])
    if rng.random() < 0.5:
        attack.set(b"Content-Type", b"application/cloudevents-batch+json")
        attack.body = json.dumps(chosen).encode()
    else:
        attack.set(b"Content-Type", b"application/x-ndjson")
        lines = [json.dumps(one).encode() for one in chosen]
        attack.body = rng.choice([b"\n", b"\r\n", b"\n\n", b""]).join(lines)


MUTATIONS: list[Mutation] = [
    _method, _path, _no_header, _no_signature, _bad_signature, _other_body, _timestamp, _webhook_id,
    _content_type, _encoding, _more_headers, _many_headers, _twice, _length, _chunked, _garbage,
    _version, _json, _json, _flip, _cut, _xml, _batch, _batch,
]  # fmt: skip
