"""The suite under measurement: its database, its configuration, its events."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from odoo import api, models
from odoo.modules.registry import Registry
from odoo.tools import split_every

from tests.harness import databases
from tests.harness.waiting import wait_for

from . import odoo_process
from .payload import event_data, ready_text
from .run import Bench

EVENT = "mfg.bench.order.confirmed.v1"
"""The event type that is measured; it exists once a connector gets it."""
UNHEARD = "mfg.bench.order.ignored.v1"
"""An event type that nobody subscribes to and that is not kept."""
PER_TRANSACTION = 1000


@dataclass(frozen=True)
class Link:
    event: str
    connector_id: int
    subscription_id: int
    lane_id: int


class Suite:
    """A database of its own with the suite's addons, and its registry in this process.

    :param registry: open as long as the suite is used
    """

    def __init__(self, registry: Registry):
        self.registry = registry
        self.database = registry.db_name
        self._numbers = count(1)
        self._next_key = 1
        with odoo_process.transaction(registry) as env:
            self._event_type(env, UNHEARD)

    @classmethod
    def create(
        cls, bench: Bench, name: str = "suite", addons: Sequence[str] = ("bench_order",)
    ) -> "Suite":
        """Make the database and open it for the rest of the run.

        :param addons: of the benchmarks, to be installed in it
        """
        bench.say(f"database of the suite ({name})")
        database = bench.database(name, "MFG_TEST_TEMPLATE")
        odoo_process.install(database, *addons)
        return cls(bench.stack.enter_context(odoo_process.opened(database)))

    # === Configuration === #

    def connect(self, url: str, *, lane: str, event: str = EVENT, **connector: Any) -> Link:
        """An active connector with a secret that gets every event of one type in this lane.

        :param event: code of the type, which is made if it does not exist
        :param connector: further fields of it
        """
        with odoo_process.transaction(self.registry) as env:
            code = f"bench{next(self._numbers)}"
            record = env["mfg.connector"].create(
                {
                    "name": code, "code": code, "url": url, "allow_http": True,
                    "allow_list": "127.0.0.1/32", **connector,
                }
            )  # fmt: skip
            env["mfg.credential"].create({"connector_id": record.id}).action_generate()
            lane_record = env["mfg.lane"].search([("code", "=", lane)])
            subscription = env["mfg.subscription"].create(
                {
                    "name": code,
                    "connector_id": record.id,
                    "event_type_ids": [(6, 0, self._event_type(env, event).ids)],
                    "lane_id": lane_record.id,
                }
            )
            record.action_activate()
            return Link(event, record.id, subscription.id, lane_record.id)

    def configure(self, model: str, record_id: int, **values: Any) -> None:
        """Change settings of a lane, a connector or a subscription."""
        with odoo_process.transaction(self.registry) as env:
            env[model].browse(record_id).write(values)

    def call(self, model: str, record_id: int, method: str) -> None:
        """Press a button, e.g. a connector's ``action_pause``."""
        with odoo_process.transaction(self.registry) as env:
            getattr(env[model].browse(record_id), method)()

    def modes(self) -> list[str]:
        """The delivery modes that a subscription knows."""
        with odoo_process.transaction(self.registry) as env:
            return env["mfg.subscription"]._fields["mode"].get_values(env)

    # === Events === #

    def emit(self, tokens: Iterable[str], event: str = EVENT) -> None:
        """One event a token, each about an object of its own, many in one transaction."""
        for some in split_every(PER_TRANSACTION, tokens):
            first = self._next_key
            self._next_key += len(some)
            with odoo_process.transaction(self.registry) as env:
                # Nothing about the orders is read but their ids, so that they need not exist.
                orders = env["bench.order"].browse(range(first, first + len(some)))
                found = dict(zip(orders.ids, some, strict=True))
                orders._mfg_emit(event, lambda order, found=found: event_data(found[order.id]))

    def emit_one(self, token: str) -> float:
        """One event in a transaction of its own; when its commit returned (monotonic, seconds)."""
        key = self._next_key
        self._next_key += 1
        with odoo_process.transaction(self.registry) as env:
            env["bench.order"].browse(key)._mfg_emit(EVENT, ready_text(token))
        return time.monotonic()

    def wait_until_settled(self, deadline: float) -> None:
        """Until nothing is on its way any more.

        :raises NotInTime: something still is
        """

        def unfinished() -> int:
            ((number,),) = databases.query(
                self.database,
                "SELECT count(*) FROM mfg_outbox_message"
                " WHERE state IN ('pending', 'running', 'retrying')",
            )
            return number

        wait_for(
            lambda: not unfinished(), deadline, "the last to be settled", poll=0.2, seen=unfinished
        )

    @staticmethod
    def _event_type(env: api.Environment, code: str) -> models.BaseModel:
        types = env["mfg.event.type"]
        return types.search([("code", "=", code)]) or types.create(
            {"code": code, "description": "For benchmarks.", "state": "published"}
        )
