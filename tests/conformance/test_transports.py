"""Transports: whatever a partner does becomes one Outcome, given back exactly once."""

import queue
from datetime import datetime, timezone
from functools import partial

import pytest

from odoo.addons.mfg_integration_base.exceptions import ConfigurationError
from odoo.addons.mfg_integration_base.models.mfg_transport import Outgoing
from odoo.addons.mfg_integration_base.models.uuids import new_uuid
from odoo.addons.mfg_integration_base.tools.envelope import EventRecord
from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry

from tests.acceptance import partner as faults
from tests.acceptance.partner import Partner
from tests.harness.ports import LOOPBACK, free_port

CONTRACT = "mfg.transport"
SECRET = "whsec_" + "c2hhcmVkIHNlY3JldCBvZiB0aGUgdGVzdHM9PT0="
ANSWER_SECONDS = 15

SPEAKS_HTTP = ["http"]
"""Transports whose partner is the scripted one of the acceptance tests."""

STAYS_HERE = ["local"]
"""Transports that send nothing: their messages are carried out in the database itself."""

EXPECTED = {
    "ok": (faults.ok, Delivered, None),
    "created": (faults.status(201, body=b"{}"), Delivered, None),
    "slow": (faults.slow(0.3), Delivered, None),
    "too slow": (faults.slow(10), Retry, "timeout"),
    "stalls": (faults.stall(), Retry, "timeout"),
    # The status has said that the message is taken; what is missing is only the answer's body.
    "endless": (faults.endless, Delivered, None),
    "resets half-way": (faults.reset_mid_body, Delivered, None),
    "fails": (faults.status(500, body=b"Traceback"), Retry, "server_error"),
    "busy": (faults.status(503, {"Retry-After": "7"}), Retry, "server_error"),
    "limits": (faults.status(429, {"Retry-After": "7"}), Retry, "rate_limited"),
    "refuses": (faults.status(422, body=b"\xff\x00"), Reject, "rejected_by_partner"),
    "forbids": (faults.status(401), Reject, "auth"),
    "is gone": (faults.status(410), Reject, "gone"),
    "has moved": (faults.redirect("http://169.254.169.254/"), Reject, "redirected"),
    "resets": (faults.reset, Retry, "unreachable"),
    "garbage": (faults.garbage, Retry, "bad_response"),
}
"""What the partner does, and what the transport makes of it, with its reason."""


@pytest.fixture(params=SPEAKS_HTTP)
def transport(request, plugins):
    return plugins(CONTRACT)[request.param]


@pytest.fixture
def connector(env, transport):
    code = transport._name.rpartition(".")[2]
    connector = env["mfg.connector"].create(
        {
            "name": "Conformance",
            "code": "conformance",
            "transport": code,
            "allow_http": True,
            "allow_list": "127.0.0.1/32",
            "connect_timeout": 2,
            "read_timeout": 1,
            "total_timeout": 2,
        }
    )
    env["mfg.credential"].create(
        {"name": "Conformance", "connector_id": connector.id, "secret_input": SECRET}
    )
    return connector


@pytest.fixture
def partner():
    with Partner() as running:
        yield running


def outgoing(data='{"a": "ä"}'):
    return Outgoing(
        message_id=1,
        uuid=new_uuid(),
        event=EventRecord(
            id=new_uuid(),
            source="/odoo/test/1",
            type="mfg.test.contact.changed.v1",
            subject="res.partner/1",
            time=datetime.now(timezone.utc),
            dataschema="",
            sequence=1,
            partitionkey="res.partner:1",
            traceparent="",
            correlationid="",
            causationid="",
            data_text=data,
        ),
    )


def send(transport, connector, *messages):
    """The answers, in the order of ``messages``; fails when one of them is answered twice."""
    answers = queue.SimpleQueue()
    prepare = transport._preparer(connector=connector)
    for place, message in enumerate(messages):
        prepared = prepare(message)
        assert SECRET not in prepared.excerpt
        transport._sender().submit(prepared.call, partial(_put, answers, place))
    by_place = dict(answers.get(timeout=ANSWER_SECONDS) for _message in messages)
    assert len(by_place) == len(messages)
    assert answers.empty()
    return [by_place[place] for place in range(len(messages))]


def _put(answers, place, answer):
    answers.put((place, answer))


def test_every_transport_has_a_partner(plugins):
    assert set(plugins(CONTRACT)) == {*SPEAKS_HTTP, *STAYS_HERE}


@pytest.mark.parametrize("code", STAYS_HERE)
def test_what_stays_here_prepares_nothing_and_nobody_edits_it(env, plugins, code):
    transport = plugins(CONTRACT)[code]
    with pytest.raises(ConfigurationError):
        transport._preparer(connector=env["mfg.connector"])
    assert not transport._needs_address()
    assert not transport._payload_editable()


@pytest.mark.parametrize("case", EXPECTED)
def test_whatever_the_partner_does_becomes_an_outcome(transport, connector, partner, case):
    behaviour, kind, reason = EXPECTED[case]
    connector.url = partner.url
    partner.script(then=behaviour)
    (answer,) = send(transport, connector, outgoing())
    assert isinstance(answer.outcome, kind)
    if kind is not Delivered:
        assert answer.outcome.reason == reason
        assert reason in REASONS
    assert answer.duration_ms >= 0
    assert isinstance(answer.response_excerpt, str)
    assert len(partner.requests) == 1  # a transport does not repeat by itself


def test_the_partner_names_the_time_to_come_back(transport, connector, partner):
    connector.url = partner.url
    partner.script(then=faults.status(503, {"Retry-After": "7"}))
    (answer,) = send(transport, connector, outgoing())
    assert answer.outcome.after == 7


def test_a_partner_that_is_gone_pauses_the_subscription(transport, connector, partner):
    connector.url = partner.url
    partner.script(then=faults.status(410))
    (answer,) = send(transport, connector, outgoing())
    assert answer.outcome.pause


def test_nobody_there(transport, connector):
    connector.url = f"http://{LOOPBACK}:{free_port()}/"
    (answer,) = send(transport, connector, outgoing())
    assert isinstance(answer.outcome, Retry)
    assert answer.outcome.reason == "unreachable"


def test_an_address_that_is_not_allowed(transport, connector, partner):
    connector.write({"url": partner.url, "allow_list": False})
    (answer,) = send(transport, connector, outgoing())
    assert isinstance(answer.outcome, Reject)
    assert answer.outcome.reason == "blocked_address"
    assert partner.requests == []


def test_the_message_id_is_on_the_wire(transport, connector, partner):
    connector.url = partner.url
    message = outgoing()
    send(transport, connector, message)
    assert partner.message_ids == [message.uuid]


def test_many_at_once_and_one_that_stalls(transport, connector, partner):
    """A call that hangs costs its own time only."""
    connector.url = partner.url
    partner.script(faults.stall(), then=faults.ok)
    answers = send(transport, connector, *(outgoing() for _n in range(40)))
    kinds = [type(answer.outcome) for answer in answers]
    assert kinds.count(Delivered) == 39
    assert kinds.count(Retry) == 1
