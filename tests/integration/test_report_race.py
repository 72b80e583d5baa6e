"""Reports on one production order by several runners at once: booked once each, no deadlock."""

import json
import threading
import time
from dataclasses import dataclass

import pytest
from psycopg2.errors import SerializationFailure

from odoo.addons.mfg_integration_base.models.inbox_exchange import Item, Received
from odoo.modules.registry import Registry

from tests.harness import databases

from .conftest import transaction

RUNNERS = 4
REPORTS = 5
DEADLINE = 120


@dataclass(frozen=True)
class Plant:
    registry: Registry
    lane_id: int
    route_id: int
    order_id: int
    workorders: tuple[str, ...]


@pytest.fixture
def plant(flow):
    """An order of ten pieces over three operations; its reports are booked in the flow's lane."""
    with transaction(flow.registry) as env:
        route = env["mfg.inbox.route"].create(
            {
                "connector_id": flow.connector_id,
                "message_type": "production.report.v1",
                "handler": "production_report",
                "lane_id": flow.lane_id,
            }
        )
        workcenters = env["mrp.workcenter"].create(
            [{"name": name, "mfg_owner_default": "mes"} for name in ("Cut", "Drill", "Pack")]
        )
        product, component = env["product.product"].create(
            [{"name": "Box", "is_storable": True}, {"name": "Plate", "is_storable": True}]
        )
        env["mrp.bom"].create(
            {
                "product_tmpl_id": product.product_tmpl_id.id,
                "bom_line_ids": [(0, 0, {"product_id": component.id, "product_qty": 2})],
                "operation_ids": [
                    (0, 0, {"name": w.name, "workcenter_id": w.id, "sequence": w.id})
                    for w in workcenters
                ],
            }
        )
        order = env["mrp.production"].create({"product_id": product.id, "product_qty": 10})
        order.action_confirm()
        return Plant(
            flow.registry,
            flow.lane_id,
            route.id,
            order.id,
            tuple(order.workorder_ids.mapped("mfg_uuid")),
        )


def send(plant, document):
    """Store one report as the gateway does."""
    with transaction(plant.registry) as env:
        route = env["mfg.inbox.route"].browse(plant.route_id)
        spec = route._spec(route.connector_id.id, route.message_type)
        env["mfg.inbox.store"]._store(
            route=spec,
            connector=route.connector_id,
            message_type=route.message_type,
            items=[
                Item(
                    f"{document['workorder']}-{document['sequence']}",
                    env["mfg.inbox.gateway"]._ordering_key(spec, document),
                    json.dumps(document).encode(),
                    "application/json",
                )
            ],
            received=Received((), b""),
            credential_id=None,
        )


def run(plant, runners):
    """Let the runners book until nothing is left, each in a thread of its own."""
    failures = []

    def work(name):
        try:
            with transaction(plant.registry) as env:
                env["mfg.inbox.dispatcher"]._pump(
                    plant.lane_id,
                    name,
                    deadline=time.monotonic() + DEADLINE,
                    should_stop=lambda: False,
                )
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(f"runner-{n}",)) for n in range(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def test_reports_of_one_order_do_not_deadlock(plant):
    """They name their operations alone: nothing but the order's lock puts them in line."""
    for sequence in range(1, REPORTS + 1):
        for workorder in plant.workorders:
            send(
                plant,
                {
                    "workorder": workorder,
                    "sequence": sequence,
                    "good_total": 2 * sequence,
                    "status": "finished" if sequence == REPORTS else "progress",
                },
            )
    run(plant, RUNNERS)
    deadline = time.monotonic() + DEADLINE
    while messages(plant, "state IN ('pending', 'running', 'retrying')"):
        assert time.monotonic() < deadline, messages(plant)
        run(plant, RUNNERS)
    assert {state for state, _reason in messages(plant)} == {"done"}
    with transaction(plant.registry) as env:
        order = env["mrp.production"].browse(plant.order_id)
        assert order.state == "done"
        assert order.workorder_ids.mapped("qty_produced") == [10, 10, 10]
        assert order.move_finished_ids.quantity == 10
        assert order.move_raw_ids.quantity == 20
        assert order.mfg_progress_ids.mapped("sequence") == [REPORTS] * 3


def messages(plant, condition="true"):
    return databases.query(
        plant.registry.db_name,
        f"SELECT state, reason_code FROM mfg_inbox_message WHERE route_id = %s AND {condition}",
        [plant.route_id],
    )


def test_who_waited_for_an_order_does_not_go_on_with_an_old_view(plant):
    """Even if the order's own row was left as it is: reports and operations have changed."""
    with transaction(plant.registry) as first, transaction(plant.registry) as second:
        second.cr.execute("SELECT 1")  # its snapshot
        first["mrp.production"].browse(plant.order_id)._mfg_lock()
        first.cr.commit()
        with pytest.raises(SerializationFailure):
            second["mrp.production"].browse(plant.order_id)._mfg_lock()
        second.cr.rollback()
