"""SIGKILL while partners send: what was acknowledged is booked, and booked once."""

import json
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.harness import databases
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.scenarios import plant
from tests.simulators.sender import Sender

from .site import SOON, Site, post, run_scheduled_actions


@pytest.fixture(scope="module")
def site(database, folder) -> Iterator[Site]:
    """A running Odoo with its scheduled actions."""
    with OdooServer(database, folder) as server:
        yield Site(server)


def inbox(site, connector_id):
    """``{partner's id: (state, outcomes of its attempts)}``"""
    rows = databases.query(
        site.database,
        "SELECT m.external_id, m.state,"
        " array_remove(array_agg(a.outcome::text ORDER BY a.id), NULL)"
        " FROM mfg_inbox_message m LEFT JOIN mfg_attempt a ON a.inbox_message_id = m.id"
        " WHERE m.connector_id = %s GROUP BY m.id",
        [connector_id],
    )
    return {external_id: (state, outcomes) for external_id, state, outcomes in rows}


def restart(site):
    site.server.start()
    site.let_leases_run_out()
    run_scheduled_actions(site.database)


def test_nothing_acknowledged_is_lost(site):
    """Eight partners send without a pause; the server dies in the middle of it."""
    link = site.connect("http://127.0.0.1:9/")
    acknowledged, under_way = set(), set()

    def send(sender):
        for number in range(10_000):
            message_id = f"{sender}-{number}"
            under_way.add(message_id)
            try:
                answer = post(site.server.url, link, message_id)
            except requests.RequestException:
                return  # the server is gone
            assert answer.status_code == 202
            acknowledged.add(message_id)

    senders = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in senders:
        thread.start()
    wait_for(lambda: len(acknowledged) > 100, SOON, "a good number of acknowledged messages")
    site.server.kill()
    for thread in senders:
        thread.join(SOON)
    restart(site)
    wait_for(
        lambda: {state for state, _outcomes in inbox(site, link.connector_id).values()} == {"done"},
        SOON,
        "all to be booked",
    )
    stored = inbox(site, link.connector_id)
    assert acknowledged <= set(stored) <= under_way
    assert all(outcomes.count("delivered") == 1 for _state, outcomes in stored.values())
    # What got no answer is sent again by a careful partner, and stored once.
    for message_id in under_way - acknowledged:
        assert post(site.server.url, link, message_id).status_code in (200, 202)
    wait_for(lambda: set(inbox(site, link.connector_id)) == under_way, SOON, "all to be stored")


def test_killed_while_booking(site):
    """The handler has begun and waits for a lock when the process dies."""
    admin = site.rpc()
    connection = plant.connect(admin)
    plant.activate(admin, connection, "http://127.0.0.1:9/")
    order = plant.Planner(site.rpc("demo", "demo")).release(plant.DRAWER, 10)
    report = {
        "order": order.uuid, "sequence": 1, "status": "progress", "good_total": 4,
        "scrap_total": 2, "scrap": [{"quantity": 2, "reason": "Cracked"}],
    }  # fmt: skip
    sender = Sender(site.server.url, plant.CONNECTOR, connection.secret)
    with databases.connect(site.database) as connected, connected.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM mrp_production WHERE id = %s FOR UPDATE", [order.id])
        assert sender.post(plant.REPORT, "r1", json.dumps(report)).status == 202
        wait_for(lambda: somebody_waits(site.database), SOON, "the booking to wait for the order")
        site.server.kill()
        cursor.execute("ROLLBACK")
    restart(site)
    wait_for(
        lambda: inbox(site, connection.connector_id) == {"r1": ("done", ["lost", "delivered"])},
        SOON,
        "the report to be booked",
        seen=lambda: inbox(site, connection.connector_id),
    )
    scraps = site.rpc().search(
        "stock.scrap", [("production_id", "=", order.id)], "scrap_qty", "state"
    )
    assert [(scrap["scrap_qty"], scrap["state"]) for scrap in scraps] == [(2, "done")]


def somebody_waits(database):
    return databases.query(
        database,
        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
        [database],
    )
