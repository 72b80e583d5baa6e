# ruff: noqa: F811  pytest fixtures are imported, and then are arguments
"""Access tokens: fetched once, used until shortly before their end, never shown."""

import asyncio
import base64
import contextlib
import json
from urllib.parse import parse_qs

import pytest

from odoo.addons.mfg_integration_base.tools import oauth_client
from odoo.addons.mfg_integration_base.tools.oauth_client import (
    Grant,
    Token,
    TokenError,
    Tokens,
    read_answer,
)
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry

from tests.unit.test_http_client import OK, call_to, client, reply, send, server  # noqa: F401

GRANT = Grant("https://id.example/token", "plant", "s3cret", "orders:write")
ANSWER = {"access_token": "access-1", "token_type": "Bearer", "expires_in": 3600}


def answer(**changes):
    return json.dumps({**ANSWER, **changes}).encode()


# -- the request


def test_id_and_secret_go_into_the_header():
    headers, body = GRANT.request()
    assert dict(headers)["authorization"] == "Basic " + base64.b64encode(b"plant:s3cret").decode()
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["orders:write"],
    }


def test_both_are_encoded_before_they_are_joined():
    """RFC 6749 section 2.3.1 and appendix B."""
    headers, _body = Grant("https://x/t", "a:b c", "d%é").request()
    pair = base64.b64decode(dict(headers)["authorization"].removeprefix("Basic "))
    assert pair == b"a%3Ab+c:d%25%C3%A9"


def test_or_into_the_form():
    headers, body = Grant("https://x/t", "plant", "s&=", in_body=True).request()
    assert "authorization" not in dict(headers)
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["plant"], "client_secret": ["s&="],
    }  # fmt: skip


# -- the answer


@pytest.mark.parametrize(
    ("body", "life"),
    [
        (answer(), 3600),
        (answer(token_type="bearer"), 3600),
        (answer(expires_in="120"), 120),
        (answer(expires_in=None), oauth_client.DEFAULT_LIFE),
        (answer(expires_in=True), oauth_client.DEFAULT_LIFE),
        (answer(expires_in=-5), 0),
        (answer(expires_in=1e12), oauth_client.LONGEST_LIFE),
    ],
)
def test_a_token(body, life):
    assert read_answer(200, body) == Token("access-1", life)


@pytest.mark.parametrize(
    ("status", "body", "reason", "says"),
    [
        (401, b'{"error": "invalid_client"}', "auth", "401: invalid_client"),
        (400, b'{"error": "invalid_scope"}', "auth", "invalid_scope"),
        (400, b'{"error": "<b>boo</b>"}', "auth", "answered 400. Check"),
        (302, b"", "auth", "answered 302"),
        (503, b"busy", "server_error", "503"),
        (429, b"{}", "server_error", "429"),
        (200, b"access-1", "bad_response", "access_token"),
        (200, b"[]", "bad_response", "access_token"),
        (200, b"[" * 100000, "bad_response", "access_token"),
        (200, answer(access_token=""), "bad_response", "access_token"),
        (200, answer(access_token="tok\r\nx: y"), "bad_response", "access_token"),
        (200, answer(access_token=5), "bad_response", "access_token"),
        (200, answer(token_type="mac"), "bad_response", "another type"),
        (200, answer(token_type=None), "bad_response", "another type"),
    ],
)
def test_no_token(status, body, reason, says):
    with pytest.raises(TokenError) as raised:
        read_answer(status, body)
    outcome = raised.value.outcome
    assert isinstance(outcome, Retry), "the message has not been tried"
    assert outcome.reason == reason
    assert says in outcome.detail
    assert "access-1" not in outcome.detail
    assert "<b>" not in outcome.detail


# -- keeping them


class Endpoint:
    """Gives tokens one after the other; ``fail`` raises instead."""

    def __init__(self, life=3600.0):
        self.life = life
        self.calls = 0
        self.fail = None
        self.gate = None

    async def __call__(self, grant):
        self.calls += 1
        number = self.calls
        if self.gate:
            await self.gate.wait()
        if self.fail:
            raise self.fail
        return Token(f"access-{number}", self.life)


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def tokens(now):
    return Tokens(lambda: now[0])


def test_a_token_is_used_until_shortly_before_its_end(tokens, now):
    endpoint = Endpoint(life=100)

    async def scene():
        assert await tokens.get(GRANT, endpoint) == "access-1"
        now[0] += 100 - oauth_client.MARGIN - 1
        assert await tokens.get(GRANT, endpoint) == "access-1"
        now[0] += 2
        assert await tokens.get(GRANT, endpoint) == "access-2"

    asyncio.run(scene())


def test_one_with_a_short_life_is_still_used(tokens, now):
    endpoint = Endpoint(life=10)

    async def scene():
        await tokens.get(GRANT, endpoint)
        now[0] += 4
        assert await tokens.get(GRANT, endpoint) == "access-1"
        now[0] += 2
        assert await tokens.get(GRANT, endpoint) == "access-2"

    asyncio.run(scene())


def test_many_that_wait_cost_one_request(tokens):
    endpoint = Endpoint()

    async def scene():
        endpoint.gate = asyncio.Event()
        waiting = [asyncio.ensure_future(tokens.get(GRANT, endpoint)) for _ in range(50)]
        await asyncio.sleep(0)
        endpoint.gate.set()
        assert await asyncio.gather(*waiting) == ["access-1"] * 50

    asyncio.run(scene())
    assert endpoint.calls == 1


def test_who_gives_up_does_not_take_it_from_the_others(tokens):
    endpoint = Endpoint()

    async def scene():
        endpoint.gate = asyncio.Event()
        first = asyncio.ensure_future(tokens.get(GRANT, endpoint))
        second = asyncio.ensure_future(tokens.get(GRANT, endpoint))
        await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        endpoint.gate.set()
        assert await second == "access-1"

    asyncio.run(scene())
    assert endpoint.calls == 1


def test_a_failure_is_shared_and_not_remembered(tokens):
    endpoint = Endpoint()
    endpoint.fail = TokenError(Retry("auth", "no"))

    async def scene():
        endpoint.gate = asyncio.Event()
        endpoint.gate.set()
        failed = await asyncio.gather(
            *(tokens.get(GRANT, endpoint) for _ in range(5)), return_exceptions=True
        )
        assert {type(one) for one in failed} == {TokenError}
        assert endpoint.calls == 1
        endpoint.fail = None
        assert await tokens.get(GRANT, endpoint) == "access-2"

    asyncio.run(scene())


def test_each_grant_has_its_own(tokens):
    endpoint = Endpoint()
    other = Grant(GRANT.token_url, GRANT.client_id, "changed", GRANT.scope)

    async def scene():
        assert await tokens.get(GRANT, endpoint) == "access-1"
        assert await tokens.get(other, endpoint) == "access-2"
        assert await tokens.get(GRANT, endpoint) == "access-1"

    asyncio.run(scene())


def test_only_the_refused_token_is_dropped(tokens):
    endpoint = Endpoint()

    async def scene():
        old = await tokens.get(GRANT, endpoint)
        tokens.refused(GRANT, old)
        new = await tokens.get(GRANT, endpoint)
        tokens.refused(GRANT, old)  # a request that was under way with it
        assert await tokens.get(GRANT, endpoint) == new == "access-2"

    asyncio.run(scene())


# -- on the wire


class Partner:
    """A script for ``ScriptedServer``: a token endpoint and what it protects, on one port."""

    def __init__(self):
        self.good = {"access-1"}
        self.given = 0
        self.token_answer = None
        self.server = None

    def __call__(self, connection):
        request = self.server.requests[-1]
        if "/token" in request["line"]:
            self.given += 1
            fresh = self._token(f"access-{self.given}")
            connection.sendall(fresh if self.token_answer is None else self.token_answer)
            return
        token = request["headers"].get("authorization", "").removeprefix("Bearer ")
        connection.sendall(OK if token in self.good else reply("401 Unauthorized", token.encode()))

    @staticmethod
    def _token(text):
        return reply(body=answer(access_token=text), content_type="application/json")


@pytest.fixture
def partner(server):
    partner = Partner()
    partner.server = server(partner)
    return partner


def guarded(partner, **changes):
    grant = Grant(partner.server.url.replace("/hook", "/token"), "plant", "s3cret")
    return call_to(partner.server.url, grant=grant, **changes)


def lines(partner):
    return [request["line"].split()[1] for request in partner.server.requests]


def test_a_message_goes_out_with_a_token(client, partner):
    answers = [send(client, guarded(partner))[0] for _ in range(3)]
    assert [one.outcome for one in answers] == [Delivered(200)] * 3
    assert lines(partner) == ["/token", "/hook", "/hook", "/hook"]
    assert partner.server.requests[0]["body"] == b"grant_type=client_credentials"


def test_a_token_that_is_no_longer_taken_is_replaced_once(client, partner):
    send(client, guarded(partner))
    partner.good = {"access-2"}
    (got,) = send(client, guarded(partner))
    assert got.outcome == Delivered(200)
    assert lines(partner) == ["/token", "/hook", "/hook", "/token", "/hook"]
    bodies = [r["body"] for r in partner.server.requests if r["line"].split()[1] == "/hook"]
    assert len(set(bodies)) == 1


def test_a_partner_that_takes_no_token_at_all_is_asked_twice(client, partner):
    partner.good = set()
    (got,) = send(client, guarded(partner))
    assert isinstance(got.outcome, Reject)
    assert (got.outcome.reason, got.status) == ("auth", 401)
    assert lines(partner) == ["/token", "/hook", "/token", "/hook"]
    assert "access-" not in got.response_excerpt, "the partner repeated the token"


def test_a_token_endpoint_that_refuses_us(client, partner):
    partner.token_answer = reply("401 Unauthorized", b'{"error": "invalid_client"}')
    (got,) = send(client, guarded(partner))
    assert isinstance(got.outcome, Retry)
    assert got.outcome.reason == "auth"
    assert lines(partner) == ["/token"], "nothing was sent"


def test_a_token_endpoint_that_is_not_there(client, partner):
    grant = Grant("http://127.0.0.1:9/token", "plant", "s3cret")
    (got,) = send(client, call_to(partner.server.url, grant=grant))
    assert got.outcome.reason == "unreachable"
    assert "token endpoint" in got.outcome.detail
    assert lines(partner) == []


def test_the_guard_stands_before_the_token_endpoint_as_well(client, partner):
    grant = Grant("http://169.254.169.254/token", "plant", "s3cret")
    (got,) = send(client, call_to(partner.server.url, grant=grant))
    assert isinstance(got.outcome, Retry)
    assert got.outcome.reason == "blocked_address"
    assert lines(partner) == []


def test_a_token_endpoint_that_stalls_is_left_in_time(client, partner):
    partner.token_answer = b""
    (got,) = send(client, guarded(partner, total_timeout=0.3))
    assert isinstance(got.outcome, Retry)
    assert got.outcome.reason == "timeout"
