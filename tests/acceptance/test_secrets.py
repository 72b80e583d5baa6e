"""Secrets of every kind are used in every way, and then looked for wherever data goes to rest."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import requests
from standardwebhooks import Webhook

from tests.harness import databases
from tests.harness.certificates import Authority
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from . import partner as behaviour
from .partner import Partner, Request
from .site import MESSAGE_TYPE, SOON, Link, Site

TYPED = {
    "bearer": {"secret_input": "bearer-4f1d9c02e7b6a835"},
    "basic": {"secret_input": "basic-9e3b7a61c5d04f28", "login": "plant"},
    "api_key": {"secret_input": "apikey-27c8e1f4b9a6d350", "header_name": "X-API-Key"},
    "oauth2": {"secret_input": "oauth-c61fa8d2047e9b53", "login": "plant"},
}
"""What partners have given us, by kind: all of it goes out as it is, except that of OAuth."""
ACCESS_TOKEN = "access-8b0c2f95e4d7a163"


@pytest.fixture(scope="module")
def site(database: str, folder: Path) -> Iterator[Site]:
    with OdooServer(database, folder, cron_threads=0) as server:
        yield Site(server)


def echo(_partner: Partner, connection, request: Request) -> bool:
    """The worst partner: says all that it was sent again, in an error."""
    body = json.dumps({"error": "no", "headers": request.headers}).encode()
    return behaviour.status(422, {"Content-Type": "application/json"}, body)(
        _partner, connection, request
    )


def token_endpoint(_partner: Partner, connection, request: Request) -> bool:
    body = json.dumps(
        {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}
    ).encode()
    return behaviour.status(200, {"Content-Type": "application/json"}, body)(
        _partner, connection, request
    )


def forms(secret: str) -> set[bytes]:
    """How a secret may stand in a dump or a log."""
    raw = secret.encode()
    key = secret.removeprefix("whsec_")
    found = {raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode(), quote(secret).encode()}
    found |= {quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode(), key.encode()}
    # Inside a longer text that is encoded as a whole, at each of the three places.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        found.add(encoded[4 if shift else 0 : -4])
    return {form for form in found if len(form) >= 12}


def places(site: Site, folder: Path) -> dict[str, bytes]:
    """Everything that stays: the whole database as text, the logs, the files."""
    dump = folder / "plain.sql"
    databases.pg_dump(site.database, dump, layout="plain")
    found = {"dump": dump.read_bytes()}
    for path in [*folder.rglob("*.log"), *databases.filestore(site.database).rglob("*")]:
        if path.is_file():
            found[path.name] = path.read_bytes()
    return found


def test_nothing_shows_a_secret(site, folder):
    secrets: dict[str, str] = {}
    with Partner() as sink, Partner() as tokens:
        tokens.script(then=token_endpoint)
        links = [_connect(site, sink, tokens, kind, secrets) for kind in (None, *TYPED)]
        _send_in(site, links[0], secrets)
        with Worker(site.database, folder):
            for act in (behaviour.ok, echo, behaviour.garbage):
                sink.script(then=act)
                site.emit(site.contacts(2))  # new ones: a dead message holds its contact's others
                wait_for(
                    lambda: not any(site.states(link) & {"pending", "running"} for link in links),
                    SOON, "all to have been tried", seen=lambda: [site.messages(k) for k in links],
                )  # fmt: skip
        sent = b"".join(json.dumps(r.headers).encode() for r in sink.requests)
        for kind in ("bearer", "api_key"):
            assert secrets[kind].encode() in sent, "the test would find nothing, had it been sent"
        assert ACCESS_TOKEN.encode() in sent
    _look_at_everything(site)
    secrets["access token"] = ACCESS_TOKEN
    everything = places(site, folder)
    assert b"mfg_attempt" in everything["dump"]
    assert any(name.startswith("worker") for name in everything)
    found = [
        f"{kind} in {place}: …{data[max(0, at - 80) : at + 20]!r}"
        for kind, secret in secrets.items()
        for form in forms(secret)
        for place, data in everything.items()
        if (at := data.find(form)) >= 0
    ]
    assert not found, "\n".join(found)


def _connect(site: Site, sink: Partner, tokens: Partner, kind, secrets: dict[str, str]) -> Link:
    link = site.connect(sink.url, name=kind or "signed", code=kind or "signed")
    secrets[f"signing secret of {link.code}"] = link.secret
    if kind is None:
        return link
    values = {"name": kind, "connector_id": link.connector_id, "kind": kind, **TYPED[kind]}
    if kind == "oauth2":
        values["token_url"] = tokens.url
    site.rpc().create("mfg.credential", values)
    secrets[kind] = TYPED[kind]["secret_input"]
    return link


def _send_in(site: Site, link: Link, secrets: dict[str, str]) -> None:
    """What we have given out, used well and badly; and a certificate's key."""
    admin = site.rpc()
    issued = Authority("CA").issue("plant 7")
    admin.create(
        "mfg.credential",
        {
            "connector_id": link.connector_id, "kind": "client_certificate",
            "secret_input": issued.pem, "name": "Certificate",
        },
    )  # fmt: skip
    secrets["private key"] = "".join(issued.key.splitlines()[1:-1])
    for kind in ("token", "oauth2_client"):
        (credential,) = admin.create(
            "mfg.credential", {"name": kind, "connector_id": link.connector_id, "kind": kind}
        )
        shown = admin("mfg.credential", "action_generate", [credential])["params"]["message"]
        secrets[kind] = shown.split()[-1]
    token = secrets["token"]
    basic = base64.b64encode(f"x:{token}".encode()).decode()
    for message_id, body, proof in (
        ("good", "{}", f"Bearer {token}"),
        ("bad", "{", f"Bearer {token}"),
        ("other", "{}", f"Basic {basic}"),
        ("almost", "{}", f"Bearer {token}x"),
    ):
        _post(site, link, message_id, body, {"Authorization": proof})
    now = datetime.now(timezone.utc)
    signature = Webhook(link.secret).sign("signed", now, "{}")
    _post(
        site, link, "signed", "{}",
        {"webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature},
    )  # fmt: skip


def _post(site: Site, link: Link, message_id: str, body: str, headers: dict[str, str]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(
            f"{site.server.url}/mfg/v1/in/{link.code}/{MESSAGE_TYPE}",
            data=body.encode(),
            headers={"Content-Type": "application/json", "webhook-id": message_id, **headers},
            timeout=60,
        )


def _look_at_everything(site: Site) -> None:
    """As an administrator and an auditor would: reading, exporting, the error queue."""
    admin = site.rpc()
    for model in ("mfg.credential", "mfg.connector", "mfg.attempt", "mfg.audit.entry"):
        ids = admin(model, "search", [])
        admin(model, "read", ids)
        admin(model, "export_data", ids, ["id", "display_name"])
