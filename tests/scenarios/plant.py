"""What people do in Odoo: an administrator connects the shop floor, a planner releases orders."""

import time
from dataclasses import dataclass
from typing import Any

from tests.harness.rpc import Rpc

CONNECTOR = "shopfloor"
EVENTS = (
    "mfg.production.order.released.v1",
    "mfg.production.order.quantity_changed.v1",
    "mfg.production.order.cancelled.v1",
    "mfg.production.order.completed.v1",
    "mfg.production.workorder.started.v1",
    "mfg.production.workorder.completed.v1",
    "mfg.production.scrap.recorded.v1",
    "mfg.production.report.rejected.v1",
)
REPORT = "production.report.v1"

DRAWER = "Drawer"
TABLE_TOP = "Table Top"


@dataclass(frozen=True)
class Connection:
    """The connector in Odoo, and the secret that the partner was given."""

    connector_id: int
    subscription_id: int
    secret: str


def connect(admin: Rpc) -> Connection:
    """Make the connector with its secret, what it gets and what it may send; not active yet."""
    (connector_id,) = admin.create(
        "mfg.connector",
        {
            "name": "Shop floor",
            "code": CONNECTOR,
            "category": "mes",
            "allow_http": True,
            "allow_list": "127.0.0.1/32",
            "total_timeout": 60,
            "read_timeout": 60,
        },
    )
    (credential_id,) = admin.create(
        "mfg.credential", {"name": "Shop floor", "connector_id": connector_id}
    )
    shown_once = admin("mfg.credential", "action_generate", [credential_id])
    (subscription_id,) = admin.create(
        "mfg.subscription",
        {
            "name": "Production to the shop floor",
            "connector_id": connector_id,
            "event_type_ids": [(6, 0, _ids(admin, "mfg.event.type", [("code", "in", EVENTS)]))],
            "lane_id": admin.ref("mfg_integration_base.lane_critical"),
            "retry_policy_id": admin.ref("mfg_integration_base.retry_policy_short"),
        },
    )
    admin.create(
        "mfg.inbox.route",
        {
            "connector_id": connector_id,
            "message_type": REPORT,
            "handler": "production_report",
            "lane_id": admin.ref("mfg_integration_base.lane_critical"),
        },
    )
    # The orders of the main warehouse are run by the shop floor from now on.
    admin.write(
        "stock.picking.type",
        _ids(admin, "stock.picking.type", [("code", "=", "mrp_operation")]),
        {"mfg_owner_default": "mes"},
    )
    return Connection(connector_id, subscription_id, shown_once["params"]["message"])


def activate(admin: Rpc, connection: Connection, url: str) -> None:
    admin.write("mfg.connector", [connection.connector_id], {"url": url})
    admin("mfg.connector", "action_activate", [connection.connector_id])


@dataclass(frozen=True)
class Released:
    """An order as its planner sees it, and how long the release took (seconds)."""

    id: int
    uuid: str
    name: str
    seconds: float


class Planner:
    """Releases production orders of Odoo's own demo products, by the buttons that people use."""

    def __init__(self, rpc: Rpc):
        self._rpc = rpc
        self._boms: dict[str, tuple[int, int]] = {}

    def release(self, product: str, quantity: float) -> Released:
        """Make an order with operations and confirm it.

        :param product: its name; it has a bill of materials with operations
        """
        product_id, bom_id = self._boms.get(product) or self._bom(product)
        (order_id,) = self._rpc.create(
            "mrp.production",
            {"product_id": product_id, "product_qty": quantity, "bom_id": bom_id},
        )
        begun = time.monotonic()
        self._rpc("mrp.production", "action_confirm", [order_id])
        seconds = time.monotonic() - begun
        order = self._rpc.read("mrp.production", [order_id], "mfg_uuid", "name")[0]
        return Released(order_id, order["mfg_uuid"], order["name"], seconds)

    def change_quantity(self, order: Released, quantity: float) -> None:
        (wizard,) = self._rpc.create(
            "change.production.qty", {"mo_id": order.id, "product_qty": quantity}
        )
        self._rpc("change.production.qty", "change_prod_qty", [wizard])

    def _bom(self, product: str) -> tuple[int, int]:
        """The product and its bill of materials that has operations."""
        found = self._rpc.search(
            "mrp.bom",
            [("product_tmpl_id.name", "=", product), ("operation_ids", "!=", False)],
            "product_tmpl_id",
            limit=1,
        )
        template_id, bom_id = found[0]["product_tmpl_id"][0], found[0]["id"]
        variant = self._rpc.one("product.product", [("product_tmpl_id", "=", template_id)], "id")
        self._boms[product] = variant["id"], bom_id
        return self._boms[product]


def _ids(rpc: Rpc, model: str, domain: list[Any]) -> list[int]:
    return [record["id"] for record in rpc.search(model, domain, "id")]
