"""Production reports: how fast one worker books them, beside the same Odoo calls made bare.

Orders of one operation and two components, run by the shop floor. A progress report sets what an
operation has made; a completion report finishes the operation and closes its order. The bare script
makes the calls that an integrator would: it sets the quantity, or finishes and closes, and commits.
Both begin with operations that are under way.
"""

import json
import sys
import time
import uuid
from dataclasses import dataclass
from itertools import count
from typing import Any

from odoo import Command, api

from tests.harness import databases
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .inbound import CONNECTIONS, Request, send
from .kit import odoo_process, run
from .kit.figures import Quantity
from .kit.suite import Suite
from .kit.worker import frozen

QUANTITIES = {
    "progress_rate": Quantity("/s", "progress reports booked, one worker"),
    "completion_rate": Quantity("/s", "completion reports booked, one worker"),
    "bare_progress_rate": Quantity("/s", "the quantity set in a bare script"),
    "bare_completion_rate": Quantity("/s", "operation finished and order closed in one"),
    "accept_rate": Quantity("/s", f"reports accepted, {CONNECTIONS} connections, while booking"),
}
LANE = "bulk"
TYPE = "production.report.v1"
QUANTITY = 20
STEPS = (5, 10, 15)
"""What the measured progress reports of an operation say, one after the other."""
DEADLINE = 600
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Plant:
    connector_id: int
    code: str
    secret: str
    products: dict[str, int]  # by who runs their orders


def main() -> int:
    return run.run("mes", QUANTITIES, measure, rounds=3)


def measure(bench: run.Bench) -> None:
    odoo_process.set_up()
    suite = Suite.create(bench)
    plant = _plant(suite)
    figures, orders = bench.figures, bench.count(60, 3)
    figures.note(f"{orders} orders a case and round; {len(STEPS)} progress reports on each.")
    server = bench.stack.enter_context(OdooServer(suite.database, bench.folder, cron_threads=0))
    worker = bench.stack.enter_context(Worker(suite.database, bench.folder, lanes=(LANE,)))
    for _number in bench.rounds():
        ours, bare = (_released(suite, plant, orders, owner) for owner in ("mes", "odoo"))
        _book(suite, plant, worker, [_report(order, 1, 1) for order in ours])
        _bare(suite, [(order, _start) for order in bare])
        progress = [
            _report(order, number, good)
            for number, good in enumerate(STEPS, start=2)
            for order in ours
        ]
        figures.add("progress_rate", _book(suite, plant, worker, progress))
        steps = [(order, _setter(good)) for good in STEPS for order in bare]
        figures.add("bare_progress_rate", _bare(suite, steps))
        ends = [_report(order, 9, QUANTITY, "finished") for order in ours]
        figures.add("completion_rate", _book(suite, plant, worker, ends))
        figures.add("bare_completion_rate", _bare(suite, [(order, _close) for order in bare]))
        _check_closed(suite, [*ours, *bare])
        figures.add("accept_rate", _accept(bench, suite, plant, server.url, worker, orders))


# === What there is === #


def _plant(suite: Suite) -> Plant:
    with odoo_process.transaction(suite.registry) as env:
        plate, screw = env["product.product"].create(
            [{"name": name, "is_storable": True} for name in ("Plate", "Screw")]
        )
        warehouse = env["stock.warehouse"].search([("company_id", "=", env.company.id)], limit=1)
        for component in (plate, screw):
            env["stock.quant"]._update_available_quantity(
                component, warehouse.lot_stock_id, 10_000_000
            )
        parts = {plate: 2, screw: 4}
        products = {owner: _product(env, owner, parts) for owner in ("mes", "odoo")}
        connector = env["mfg.connector"].create({"name": "Bench", "code": "bench-mes"})
        credential = env["mfg.credential"].create({"connector_id": connector.id})
        secret = credential.action_generate()["params"]["message"]
        lane = env["mfg.lane"].search([("code", "=", LANE)])
        env["mfg.inbox.route"].create(
            {
                "connector_id": connector.id,
                "message_type": TYPE,
                "handler": "production_report",
                "lane_id": lane.id,
            }
        )
        connector.action_activate()
        return Plant(connector.id, connector.code, secret, products)


def _product(env: api.Environment, owner: str, parts: dict[Any, int]) -> int:
    """A product that is made in one operation; id."""
    workcenter = env["mrp.workcenter"].create({"name": owner, "mfg_owner_default": owner})
    product = env["product.product"].create({"name": f"Box {owner}", "is_storable": True})
    env["mrp.bom"].create(
        {
            "product_tmpl_id": product.product_tmpl_id.id,
            "product_qty": 1,
            "operation_ids": [Command.create({"name": "Press", "workcenter_id": workcenter.id})],
            "bom_line_ids": [
                Command.create({"product_id": part.id, "product_qty": number})
                for part, number in parts.items()
            ],
        }
    )
    return product.id


@dataclass(frozen=True)
class Order:
    id: int
    uuid: str
    workorder: str


def _released(suite: Suite, plant: Plant, number: int, owner: str = "mes") -> list[Order]:
    """New orders, confirmed and reserved."""
    with odoo_process.transaction(suite.registry) as env:
        orders = env["mrp.production"].create(
            [{"product_id": plant.products[owner], "product_qty": QUANTITY} for _n in range(number)]
        )
        orders.action_confirm()
        orders.action_assign()
        return [Order(o.id, o.mfg_uuid, o.workorder_ids.mfg_uuid) for o in orders]


def _check_closed(suite: Suite, orders: list[Order]) -> None:
    rows = databases.query(
        suite.database,
        "SELECT p.state, w.qty_produced, count(*) FROM mrp_production p"
        " JOIN mrp_workorder w ON w.production_id = p.id WHERE p.id = ANY(%s) GROUP BY 1, 2",
        [[order.id for order in orders]],
    )
    if rows != [("done", float(QUANTITY), len(orders))]:
        raise run.BenchError(f"The orders are not all closed with {QUANTITY} pieces: {rows}")


# === Ours === #


def _report(order: Order, sequence: int, good: int, status: str = "progress") -> dict[str, Any]:
    return {
        "order": order.uuid,
        "workorder": order.workorder,
        "sequence": sequence,
        "status": status,
        "good_total": good,
        "operator": "Pat",
        "started_at": "2026-11-26T06:00:00Z",
        "ended_at": f"2026-11-26T07:{sequence:02}:00Z",
    }


def _book(suite: Suite, plant: Plant, worker: Worker, reports: list[dict[str, Any]]) -> float:
    """Reports booked per second, from the moment the worker may go on until the last is booked."""
    with frozen(worker):
        _store(suite, plant, reports)
        start = time.monotonic()
    _wait_booked(suite, plant)
    return len(reports) / (time.monotonic() - start)


def _store(suite: Suite, plant: Plant, reports: list[dict[str, Any]]) -> None:
    """Put reports into the inbox, as the gateway does."""
    # Once set_up() has told Python where the addons are.
    from odoo.addons.mfg_integration_base.models.inbox_exchange import Item, Received

    with odoo_process.transaction(suite.registry) as env:
        connector = env["mfg.connector"].browse(plant.connector_id)
        items = [
            Item(uuid.uuid4().hex, f"mrp.production:{report['order']}",
                 json.dumps(report).encode(), "application/json")
            for report in reports
        ]  # fmt: skip
        env["mfg.inbox.store"]._store(
            route=env["mfg.inbox.route"]._spec(connector.id, TYPE),
            connector=connector,
            message_type=TYPE,
            items=items,
            received=Received(headers=(), body=b""),
            credential_id=None,
        )


def _wait_booked(suite: Suite, plant: Plant) -> None:
    wait_for(
        lambda: not _unfinished(suite, plant), DEADLINE, "the reports to be booked",
        poll=POLL_SECONDS,
    )  # fmt: skip


def _unfinished(suite: Suite, plant: Plant) -> int:
    ((waiting, dead),) = databases.query(
        suite.database,
        "SELECT count(*) FILTER (WHERE state != 'dead'), count(*) FILTER (WHERE state = 'dead')"
        " FROM ONLY mfg_inbox_message WHERE connector_id = %s",
        [plant.connector_id],
    )
    if dead:
        raise run.BenchError(f"{dead} reports were not booked.")
    return waiting


def _accept(
    bench: run.Bench, suite: Suite, plant: Plant, url: str, worker: Worker, number: int
) -> float:
    """Reports accepted per second, while the worker has as many to book."""
    orders = _released(suite, plant, number)
    with frozen(worker):
        _store(suite, plant, [_report(order, 1, 1) for order in orders])
        requests = _signed(plant, url, [
            _report(order, sequence, 1) for sequence in range(2, 22) for order in orders
        ])  # fmt: skip
    found = send(bench, requests)
    if found["statuses"].keys() != {"202"}:
        raise run.BenchError(f"Reports were answered {found['statuses']}")
    _wait_booked(suite, plant)
    return len(requests) / found["seconds"]


def _signed(plant: Plant, url: str, reports: list[dict[str, Any]]) -> list[Request]:
    from odoo.addons.mfg_integration_base.tools import signature

    secret, numbers = signature.Secret.parse(plant.secret), count(time.time_ns())
    requests = []
    for report in reports:
        text, message_id = json.dumps(report), f"r-{next(numbers)}"
        headers = signature.headers([secret], message_id, int(time.time()), text.encode())
        requests.append(
            Request(
                f"{url}/mfg/v1/in/{plant.code}/{TYPE}",
                {"Content-Type": "application/json", **headers},
                text,
            )
        )
    return requests


# === Bare === #


def _bare(suite: Suite, steps: list[tuple[Order, Any]]) -> float:
    """Steps per second, each in a transaction of its own."""
    start = time.monotonic()
    for order, step in steps:
        with odoo_process.transaction(suite.registry) as env:
            step(env, env["mrp.production"].browse(order.id))
    return len(steps) / (time.monotonic() - start)


def _start(_env: api.Environment, order: Any) -> None:
    order.workorder_ids.button_start()
    order.workorder_ids.qty_produced = 1


def _setter(good: int) -> Any:
    def set_progress(_env: api.Environment, order: Any) -> None:
        order.workorder_ids.qty_produced = good

    return set_progress


def _close(_env: api.Environment, order: Any) -> None:
    order.workorder_ids.qty_produced = QUANTITY
    order.workorder_ids.button_finish()
    order.button_mark_done()


if __name__ == "__main__":
    sys.exit(main())
