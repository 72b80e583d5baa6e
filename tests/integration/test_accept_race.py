"""The same message by many requests at once is stored once, and all get the same answer."""

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
from standardwebhooks import Webhook

from odoo.addons.mfg_integration_base.models.inbox_exchange import Received, Refused
from odoo.modules.registry import Registry

from tests.harness import databases

from .conftest import transaction

SECRET = "whsec_" + "c2hhcmVkIHNlY3JldCBvZiB0aGUgdGVzdHM9PT0="
THREADS = 8


@dataclass(frozen=True)
class Door:
    registry: Registry
    connector_id: int
    code: str


@pytest.fixture
def door(flow):
    """The flow's connector, taking messages of one type that nobody books here."""
    with transaction(flow.registry) as env:
        env["mfg.credential"].create(
            {"name": "Test", "connector_id": flow.connector_id, "secret_input": SECRET}
        )
        env["mfg.inbox.route"].create(
            {
                "connector_id": flow.connector_id,
                "message_type": "test.ping.v1",
                "handler": "ping",
                "lane_id": flow.lane_id,
            }
        )
        return Door(
            flow.registry, flow.connector_id, env["mfg.connector"].browse(flow.connector_id).code
        )


def request(message_id, body):
    now = datetime.now(timezone.utc)
    return Received(
        headers=(
            ("Content-Type", "application/json"),
            ("webhook-id", message_id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            ("webhook-signature", Webhook(SECRET).sign(message_id, now, body)),
        ),
        body=body.encode(),
    )


def accept(door, message_id, body):
    """(HTTP status, the message's UUID or the problem's title)."""
    with transaction(door.registry) as env:
        try:
            answer = env["mfg.inbox.gateway"]._accept(
                door.code, "test.ping.v1", request(message_id, body)
            )
        except Refused as refused:
            return refused.problem.status, refused.problem.title
    return answer.status, answer.document["id"]


def accept_together(door, requests):
    """Answers in the order of ``requests``, all sent at once."""
    answers = [None] * len(requests)
    barrier = threading.Barrier(len(requests))

    def send(place, message_id, body):
        barrier.wait(30)
        answers[place] = accept(door, message_id, body)

    threads = [threading.Thread(target=send, args=(n, *r)) for n, r in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def stored(door):
    return databases.query(
        door.registry.db_name,
        "SELECT uuid, external_id FROM mfg_inbox_message WHERE connector_id = %s",
        [door.connector_id],
    )


@pytest.mark.parametrize("round_number", range(5))
def test_one_message_by_many_requests(door, round_number):
    body = json.dumps({"round": round_number})
    answers = accept_together(door, [("m1", body)] * THREADS)
    ((uuid, external_id),) = stored(door)
    assert answers == [(202, uuid)] * THREADS
    assert external_id == "m1"


def test_many_messages_by_many_requests(door):
    answers = accept_together(door, [(f"m{n}", "{}") for n in range(THREADS)])
    assert [status for status, _uuid in answers] == [202] * THREADS
    assert {(uuid, f"m{n}") for n, (_status, uuid) in enumerate(answers)} == set(stored(door))


def test_two_bodies_under_one_id(door):
    """One of them is stored, by chance; every request with the other one is refused."""
    bodies = ['{"a": 1}', '{"b": 2}']
    answers = accept_together(door, [("m1", bodies[n % 2]) for n in range(THREADS)])
    assert len(stored(door)) == 1
    assert sorted(status for status, _uuid in answers) == [202] * 4 + [422] * 4
    assert len({status for status, _uuid in answers[::2]}) == 1
