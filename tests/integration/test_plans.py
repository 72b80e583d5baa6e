"""What runs all the time finds its rows by index, however much history there is."""

import json
import re

import pytest

from odoo.addons.mfg_integration_base.models import mfg_retention
from odoo.addons.mfg_integration_base.models.mfg_message_queue import Share
from odoo.tools import SQL

from tests.harness import databases

from . import engine
from .conftest import transaction

HISTORY = 200_000
"""Enough for PostgreSQL to prefer an index wherever one fits; so it does at ten million then."""
LARGE = {"mfg_outbox_message_history", "mfg_attempt", "mfg_event"}
BACKLOG = 50_000
"""Keys with a message each that waits for a person, in a lane of its own."""
HOT = {"mfg_outbox_message", "mfg_outbox_key"}


@pytest.fixture(scope="module")
def history(registry):
    """Messages of long ago, with their events and attempts, and fresh statistics."""
    with transaction(registry) as env:
        event_type = env["mfg.event.type"].search([], limit=1)
        env["res.partner"].create({"name": "model"})._mfg_emit(event_type.code, {"n": 0})
        env.cr.execute(
            """
            INSERT INTO mfg_event (uuid, event_type_id, type, source, subject, ordering_key,
                                   occurred_at, recorded_at, company_id, data)
            SELECT gen_random_uuid()::text, %s, %s, '/test', 'res.partner/' || n, 'key:' || n,
                   now(), now() - n * interval '1 minute', 1, '{}'
              FROM generate_series(1, %s) n
            """,
            [event_type.id, event_type.code, HISTORY],
        )
        env.cr.execute(
            """
            INSERT INTO mfg_outbox_message_history
                   (id, uuid, event_id, event_type, subscription_id, connector_id, company_id,
                    lane_id, ordering_key, key_id, state, attempt_count, tries, created_at,
                    finished_at)
            SELECT nextval('mfg_outbox_message_id_seq'), gen_random_uuid()::text, id, type,
                   1, 1, 1, 1, ordering_key, id, 'done', 1, 1, recorded_at, recorded_at
              FROM mfg_event WHERE source = '/test'
            """
        )
        env.cr.execute(
            """
            INSERT INTO mfg_attempt (direction, outbox_message_id, message_count, number,
                                     started_at, closed_at, outcome)
            SELECT 'out', id, 1, 1, created_at, created_at, 'delivered'
              FROM mfg_outbox_message_history
            """
        )
    databases.query(registry.db_name, "VACUUM (ANALYZE)")
    yield
    with transaction(registry) as env:
        env.cr.execute("DELETE FROM mfg_event WHERE source = '/test'")
        env.cr.execute("TRUNCATE mfg_outbox_message_history, mfg_attempt")


@pytest.fixture
def backlog(registry, history):
    """Very many parked keys beside what a test works with, and fresh statistics."""
    with transaction(registry) as env:
        env.cr.execute(
            """
            WITH key AS (
                INSERT INTO mfg_outbox_key (owner_id, ordering_key, lane_id, waiting, claim_no)
                SELECT -1, 'parked:' || n, -1, 1, 1 FROM generate_series(1, %s) n
                RETURNING id, ordering_key
            )
            INSERT INTO mfg_outbox_message
                   (uuid, event_id, event_type, subscription_id, connector_id, company_id, lane_id,
                    ordering_key, key_id, state, dead_at, attempt_count, tries, created_at)
            SELECT gen_random_uuid()::text, 1, 'parked', -1, -1, 1, -1, ordering_key, id, 'dead',
                   now(), 1, 1, now()
              FROM key
            """,
            [BACKLOG],
        )
    databases.query(registry.db_name, "VACUUM (ANALYZE) mfg_outbox_message, mfg_outbox_key")
    yield
    with transaction(registry) as env:
        env.cr.execute("DELETE FROM mfg_outbox_message WHERE lane_id = -1")
        env.cr.execute("DELETE FROM mfg_outbox_key WHERE lane_id = -1")


class Plans:
    """Asks for the plan of each statement that a cursor runs, before it runs it."""

    def __init__(self, cr, large=LARGE):
        self._cr = cr
        self._large = large
        self._execute = cr.execute
        self.scans = []

    def __enter__(self):
        self._cr.execute = self._explained
        return self

    def __exit__(self, *exc_info):
        del self._cr.execute

    def _explained(self, query, params=None, **kwargs):
        text = query.code if isinstance(query, SQL) else query
        if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)", text):
            values = query.params if isinstance(query, SQL) else params
            self._execute("EXPLAIN (FORMAT JSON) " + text, values)
            ((plans,),) = self._cr.fetchall()
            for plan in plans if isinstance(plans, list) else json.loads(plans):
                self._collect(plan["Plan"], text)
        return self._execute(query, params, **kwargs)

    def _collect(self, plan, text):
        if plan["Node Type"] == "Seq Scan" and plan.get("Relation Name") in self._large:
            self.scans.append((plan["Relation Name"], " ".join(text.split())))
        for inner in plan.get("Plans", ()):
            self._collect(inner, text)


def test_a_message_s_way(flow, history, backlog):
    """Emission, admission, claims of every kind, settling, looking for what is due."""
    with transaction(flow.registry) as env, Plans(env.cr) as plans:
        for number in range(8):
            flow.emit(env, f"key {number}", f"key {number}")
    scans = plans.scans
    with engine.runner(flow.registry) as env:
        fingerprint = env["mfg.environment"]._fingerprint()
        with Plans(env.cr, LARGE | HOT) as plans:
            queue = env["mfg.message.queue"]
            queue._admit(engine.OUT, flow.lane_id, 1000)
            queue._has_new(engine.OUT, flow.lane_id)
            queue._due_subscriptions(flow.lane_id, fingerprint)
            queue._seconds_until_due(engine.OUT, flow.lane_id, fingerprint)
            batch = Share(3, run=2, batch=10, messages=10)
            claims = queue._claim(engine.OUT, {flow.subscription_id: 2}, 10, "test")
            claims += queue._claim(engine.OUT, {flow.subscription_id: batch}, 10, "test")
            newest = Share(3, conflate=True)
            claims += queue._claim(engine.OUT, {flow.subscription_id: newest}, 10, "test")
            env["mfg.outbox.dispatcher"]._load(env, claims)
            results = [engine.delivered, engine.retried, lambda c: engine.buried(c, park=False)]
            queue._settle(engine.OUT, [results[n % 3](claim) for n, claim in enumerate(claims)])
        scans += plans.scans
    assert not scans


def test_what_people_look_at(flow, history):
    """Lists, forms, traces and the lanes' figures."""
    with transaction(flow.registry) as env:
        message = env["mfg.outbox.message"].search([("state", "=", "done")], limit=1)
        uuid, event = message.uuid, message.event_id
        with Plans(env.cr) as plans:
            env["mfg.outbox.message"].search_read([], ["uuid", "state"], limit=80)
            env["mfg.outbox.message"].search_count([], limit=10001)
            env["mfg.outbox.message"].search([("uuid", "=", uuid)])
            env["mfg.outbox.message"].search([("connector_id", "=", flow.connector_id)], limit=80)
            env.invalidate_all()
            event.outbox_message_ids.mapped("attempt_ids.outcome")
            env["mfg.event"].search([("model", "=", "res.partner"), ("res_id", "=", 1)])
            env["mfg.message.dead"].search_read([], ["uuid", "detail"], limit=80)
            lane = env["mfg.lane"].browse(flow.lane_id)
            lane.read(["waiting_count", "dead_count", "status"])
            connector = env["mfg.connector"].browse(flow.connector_id)
            connector.read(["outbox_count", "inbox_count", "dead_count"])
    assert not plans.scans


def test_retention(registry, history, monkeypatch):
    """What leaves is found from the oldest on, and its attempts with it."""
    # In proportion: a thousand of two hundred thousand are better found by reading them all.
    monkeypatch.setattr(mfg_retention, "CHUNK", 20)
    with engine.runner(registry) as env, Plans(env.cr) as plans:
        retention = env["mfg.retention"]
        for what in ("_messages_out", "_messages_in", "_attempts", "_identities", "_events"):
            getattr(retention, what)(env, {})
    assert not plans.scans
