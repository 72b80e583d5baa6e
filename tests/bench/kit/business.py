"""Business transactions of Odoo, into which the measured work is put."""

import time
from collections.abc import Callable
from itertools import count
from statistics import median

from odoo import Command, api, models
from odoo.modules.registry import Registry

from . import odoo_process

Work = Callable[[models.BaseModel], None]
"""What is done with a confirmed order before its transaction is committed."""

_numbers = count(1)


def confirm_order(env: api.Environment) -> models.BaseModel:
    """The smaller kind: an order with three lines is created and confirmed; the order."""
    order = env["bench.order"].create(
        {
            "name": f"Order {next(_numbers)}",
            "line_ids": [
                Command.create({"name": f"Line {n}", "quantity": n, "price": 10.0})
                for n in range(1, 4)
            ],
        }
    )
    order.action_confirm()
    return order


def added_ms(registry: Registry, extra: Work, times: int) -> tuple[float, float]:
    """Medians: a transaction of the smaller kind, and what it takes longer with ``extra`` in it.

    From before its first statement until its commit has returned; ``times`` of each, by turns, so
    that whatever changes meanwhile meets both alike.
    """
    without, with_it = [], []
    for number in range(2 * times):
        work, found = (extra, with_it) if number % 2 else (_nothing, without)
        start = time.perf_counter()
        with odoo_process.transaction(registry) as env:
            work(confirm_order(env))
        found.append((time.perf_counter() - start) * 1000)
    return median(without), median(with_it) - median(without)


def _nothing(_order: models.BaseModel) -> None:
    """The transaction by itself."""


class Plant:
    """The usual kind: a production order of two components and two operations."""

    def __init__(self, env: api.Environment):
        saw, bench = env["mrp.workcenter"].create([{"name": "Saw"}, {"name": "Bench"}])
        table, leg, top = env["product.product"].create(
            [{"name": name, "is_storable": True} for name in ("Table", "Leg", "Top")]
        )
        warehouse = env["stock.warehouse"].search([("company_id", "=", env.company.id)], limit=1)
        for component in (leg, top):
            env["stock.quant"]._update_available_quantity(
                component, warehouse.lot_stock_id, 100_000
            )
        env["mrp.bom"].create(
            {
                "product_tmpl_id": table.product_tmpl_id.id,
                "product_qty": 1,
                "operation_ids": [
                    Command.create({"name": place.name, "workcenter_id": place.id})
                    for place in (saw, bench)
                ],
                "bom_line_ids": [
                    Command.create({"product_id": leg.id, "product_qty": 2}),
                    Command.create({"product_id": top.id, "product_qty": 1}),
                ],
            }
        )
        self._product_id = table.id

    def released(self, env: api.Environment) -> int:
        """A new order, confirmed, reserved and wholly produced, ready to be closed; its id."""
        order = env["mrp.production"].create({"product_id": self._product_id, "product_qty": 1})
        order.action_confirm()
        order.action_assign()
        order.qty_producing = 1
        order._set_qty_producing()
        return order.id

    @staticmethod
    def close(env: api.Environment, order_id: int) -> None:
        """:raises AssertionError: Odoo asked something instead of closing the order"""
        order = env["mrp.production"].browse(order_id)
        order.button_mark_done()
        if order.state != "done":
            raise AssertionError(f"The production order is {order.state}.")
