"""One database for all integration tests, with real cursors that really commit.

Each test makes a lane, a connector and a subscription of its own: what it leaves behind is never
claimed by another test.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import odoo
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from tests.harness import databases

EVENT_TYPE = "mfg.integration.connector.tested.v1"


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """The registry of a copy of the template."""
    name = f"mfg_integration_{os.getpid()}"
    databases.create_from_template(name, os.environ["MFG_TEST_TEMPLATE"])
    try:
        yield Registry(name)
    finally:
        Registry.delete(name)
        odoo.sql_db.close_db(name)
        databases.drop(name)


@contextmanager
def transaction(registry: Registry, uid: int = SUPERUSER_ID) -> Iterator[api.Environment]:
    """A business transaction as a request or an action has it: REPEATABLE READ, committed at the
    end of the block, rolled back if the block raises."""
    with registry.cursor() as cr:
        # A test whose transactions block each other fails; it does not hang.
        cr.execute("SET LOCAL lock_timeout = '60s'")
        yield api.Environment(cr, uid, {})


@dataclass(frozen=True)
class Flow:
    """What one test works with: ids, because records belong to one cursor."""

    registry: Registry
    lane_id: int
    connector_id: int
    subscription_id: int

    def emit(self, env: api.Environment, *keys: str, **data: Any) -> list[str]:
        """Emit one event a key, in the caller's transaction; their UUIDs."""
        event_uuids = []
        for key in keys:
            partner = env["res.partner"].search([("ref", "=", key)], limit=1)
            partner = partner or env["res.partner"].create({"name": key, "ref": key})
            event_uuids += partner._mfg_emit(EVENT_TYPE, {"connector": key, **data})
        return event_uuids

    def messages(self, *columns: str) -> list[tuple]:
        """Committed outbox rows of this flow, in the order of their ids."""
        return databases.query(
            self.registry.db_name,
            f"SELECT {', '.join(columns)} FROM mfg_outbox_message"
            " WHERE subscription_id = %s ORDER BY id",
            [self.subscription_id],
        )


_numbers = itertools.count(1)


@pytest.fixture
def flow(registry: Registry) -> Flow:
    """A connector (active, its partner unreachable) with one subscription in a lane of its own."""
    number = next(_numbers)
    with transaction(registry) as env:
        lane = env["mfg.lane"].create({"name": f"Test {number}", "code": f"test{number}"})
        lane.cron_id.active = False
        connector = env["mfg.connector"].create(
            {
                "name": f"Test {number}",
                "code": f"test{number}",
                "url": "http://127.0.0.1:9/",  # the discard port: nothing listens there
                "allow_http": True,
                "allow_list": "127.0.0.1/32",
            }
        )
        event_type = env["mfg.event.type"].search([("code", "=", EVENT_TYPE)])
        subscription = env["mfg.subscription"].create(
            {
                "name": f"Test {number}",
                "connector_id": connector.id,
                "event_type_ids": [(6, 0, event_type.ids)],
                "lane_id": lane.id,
                "filter_model": "res.partner",
            }
        )
        connector.action_activate()
        return Flow(registry, lane.id, connector.id, subscription.id)
