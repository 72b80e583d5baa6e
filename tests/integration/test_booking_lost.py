"""The database goes away while a message is booked: that is not the message's fault."""

import time
import uuid

import pytest

from odoo.addons.mfg_integration_base.models.inbox_exchange import Item, Received
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from tests.harness import databases

from .conftest import transaction

MESSAGE_TYPE = "test.lost.v1"


@pytest.fixture
def stored(flow):
    """A message of the flow's connector; its id."""
    with transaction(flow.registry) as env:
        route = env["mfg.inbox.route"].create(
            {
                "connector_id": flow.connector_id,
                "message_type": MESSAGE_TYPE,
                "lane_id": flow.lane_id,
            }
        )
        env["mfg.inbox.store"]._store(
            route=route._spec(flow.connector_id, MESSAGE_TYPE),
            connector=route.connector_id,
            message_type=MESSAGE_TYPE,
            items=[Item(uuid.uuid4().hex, None, b"{}", "application/json")],
            received=Received((), b"{}"),
            credential_id=None,
        )
        env.cr.execute("SELECT max(id) FROM mfg_inbox_message")
        return env.cr.fetchone()[0]


def book(flow):
    with transaction(flow.registry) as env:
        return env["mfg.inbox.dispatcher"]._pump(
            flow.lane_id, "test", deadline=time.monotonic() + 30, should_stop=lambda: False
        )


def message(flow, message_id):
    return databases.query(
        flow.registry.db_name,
        "SELECT state, reason_code, tries FROM mfg_inbox_message WHERE id = %s",
        [message_id],
    )[0]


def test_it_is_tried_again(flow, stored, monkeypatch):
    handler = flow.registry["mfg.inbox.handler.ping"]

    def lose_the_connection(self, **_arguments):
        pid = self.env.cr._cnx.get_backend_pid()
        databases.query(flow.registry.db_name, "SELECT pg_terminate_backend(%s)", [pid])
        self.env.cr.execute("SELECT 1")
        return Delivered()

    monkeypatch.setattr(handler, "_handle", lose_the_connection)
    assert book(flow) == 1
    assert message(flow, stored) == ("retrying", "interrupted", 1)


def test_a_message_that_takes_its_runner_along_does_not_do_so_for_ever(flow, stored):
    """Each claim counts, also one that nobody lived to settle."""
    with transaction(flow.registry) as env:
        env.cr.execute("UPDATE mfg_inbox_message SET tries = 99 WHERE id = %s", [stored])
    assert book(flow) == 1
    assert message(flow, stored) == ("dead", "attempts_exhausted", 100)
