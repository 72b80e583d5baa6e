"""What an administrator and a planner set up in Odoo for a plant of three lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.harness.rpc import Rpc

CONNECTOR = "mes"
EVENTS = (
    "mfg.production.order.released.v1",
    "mfg.production.order.quantity_changed.v1",
    "mfg.production.order.cancelled.v1",
    "mfg.production.order.completed.v1",
    "mfg.production.order.scheduled.v1",
    "mfg.production.workorder.rescheduled.v1",
    "mfg.production.report.rejected.v1",
    "mfg.workcenter.downtime.started.v1",
    "mfg.workcenter.downtime.ended.v1",
)
ROUTES = {
    "production.report.v1": "production_report",
    "production.increment.v1": "production_increment",
    "lot.creation.v1": "lot_creation",
    "workcenter.downtime.v1": "workcenter_downtime",
    "reconciliation.snapshot.v1": "reconciliation_snapshot",
}
KINDS = ("production_quantities", "production_moves", "open_operations", "stock")
STATIONS = 4

BOARD, SCREW, PANEL = "BOARD", "SCREW", "PANEL"
LOTS = ("P-1", "P-2")
SHELVES = ((PANEL, LOTS[0], 4000), (PANEL, LOTS[1], 4000), (BOARD, "", 8000), (SCREW, "", 30000))
"""(component, lot, quantity) in the plant's stock at the beginning."""


@dataclass(frozen=True)
class LinePlan:
    """One line: its product, what a piece is made of, and how the line works and reports."""

    name: str
    product: str
    tracking: str
    components: dict[str, float]
    tolerance: float
    manners: dict[str, Any]

    @property
    def machines(self) -> list[str]:
        return [f"{self.name}{n}" for n in range(1, STATIONS + 1)]


LINES = (
    LinePlan("A", "CABINET", "lot", {PANEL: 4, SCREW: 12}, 0, {"names_components": True}),
    LinePlan("B", "DESK", "none", {BOARD: 3, SCREW: 8}, 60, {"makes_up": True}),
    LinePlan("C", "SHELF", "none", {BOARD: 1}, 0, {"increments": True}),
)


class Plant:
    """:param admin: an administrator's session
    :param lines: which of ``LINES`` there are
    """

    def __init__(self, admin: Rpc, lines: Iterable[LinePlan] = LINES):
        self._rpc = admin
        self.lines = list(lines)
        self.connector_id = 0
        self.secret = ""
        self.subscription_id = 0
        self.location = ""
        self._location_id = 0
        self._picking_type_id = 0
        self._boms: dict[str, tuple[int, int]] = {}

    # === Set-up === #

    def set_up(self) -> None:
        """Warehouse, work centers, products and bills of materials; then the connector."""
        self._warehouse()
        self._products()
        self._connect()

    def _warehouse(self) -> None:
        rpc = self._rpc
        (warehouse_id,) = rpc.create("stock.warehouse", {"name": "Plant", "code": "PLANT"})
        warehouse = rpc.read("stock.warehouse", [warehouse_id], "lot_stock_id", "manu_type_id")[0]
        self._location_id, self.location = warehouse["lot_stock_id"]
        self._picking_type_id = warehouse["manu_type_id"][0]
        rpc.write("stock.picking.type", [self._picking_type_id], {"mfg_owner_default": "mes"})
        # The plant never sleeps.
        days = [
            (0, 0, {"name": f"Day {d}", "dayofweek": str(d), "hour_from": 0, "hour_to": 24,
                    "day_period": "morning"})
            for d in range(7)
        ]  # fmt: skip
        (calendar_id,) = rpc.create(
            "resource.calendar",
            {"name": "Round the clock", "tz": "UTC", "attendance_ids": [(5, 0, 0), *days]},
        )
        self._workcenters = dict(
            zip(
                (code for line in self.lines for code in line.machines),
                rpc.create(
                    "mrp.workcenter",
                    *(
                        {
                            "name": f"Line {line.name}, station {code[1:]}",
                            "code": code,
                            "resource_calendar_id": calendar_id,
                            "mfg_owner_default": "mes",
                        }
                        for line in self.lines
                        for code in line.machines
                    ),
                ),
                strict=True,
            )
        )

    def _products(self) -> None:
        rpc = self._rpc
        ids = {}
        for reference, lot, quantity in SHELVES:
            if reference not in ids:
                (ids[reference],) = rpc.create(
                    "product.product",
                    {
                        "name": reference.title(),
                        "default_code": reference,
                        "is_storable": True,
                        "tracking": "lot" if lot else "none",
                    },
                )
            values = {
                "product_id": ids[reference],
                "location_id": self._location_id,
                "inventory_quantity": quantity,
            }
            if lot:
                (values["lot_id"],) = rpc.create(
                    "stock.lot", {"name": lot, "product_id": ids[reference]}
                )
            quants = rpc("stock.quant", "create", [values], context={"inventory_mode": True})
            rpc("stock.quant", "action_apply_inventory", quants)
        for line in self.lines:
            self._boms[line.product] = self._bom(line, ids)

    def _bom(self, line: LinePlan, components: dict[str, int]) -> tuple[int, int]:
        rpc = self._rpc
        (product_id,) = rpc.create(
            "product.product",
            {
                "name": line.product.title(),
                "default_code": line.product,
                "is_storable": True,
                "tracking": line.tracking,
                "mfg_over_tolerance": line.tolerance,
            },
        )
        template_id = rpc.read("product.product", [product_id], "product_tmpl_id")[0]
        (bom_id,) = rpc.create(
            "mrp.bom",
            {
                "product_tmpl_id": template_id["product_tmpl_id"][0],
                "product_qty": 1,
                "consumption": "flexible",
                "operation_ids": [
                    (0, 0, {"name": f"Station {n}", "sequence": n, "time_cycle_manual": 0.25,
                            "workcenter_id": self._workcenters[code]})
                    for n, code in enumerate(line.machines, 1)
                ],
                "bom_line_ids": [
                    (0, 0, {"product_id": components[reference], "product_qty": quantity})
                    for reference, quantity in line.components.items()
                ],
            },
        )  # fmt: skip
        return product_id, bom_id

    def _connect(self) -> None:
        rpc = self._rpc
        (self.connector_id,) = rpc.create(
            "mfg.connector",
            {
                "name": "Plant MES",
                "code": CONNECTOR,
                "category": "mes",
                "allow_http": True,
                "allow_list": "127.0.0.1/32",
            },
        )
        (credential_id,) = rpc.create(
            "mfg.credential", {"name": "Plant MES", "connector_id": self.connector_id}
        )
        shown_once = rpc("mfg.credential", "action_generate", [credential_id])
        self.secret = shown_once["params"]["message"]
        types = rpc.search("mfg.event.type", [("code", "in", EVENTS)], "id")
        critical = rpc.ref("mfg_integration_base.lane_critical")
        (self.subscription_id,) = rpc.create(
            "mfg.subscription",
            {
                "name": "Production to the plant",
                "connector_id": self.connector_id,
                "event_type_ids": [(6, 0, [each["id"] for each in types])],
                "lane_id": critical,
                "retry_policy_id": rpc.ref("mfg_integration_base.retry_policy_short"),
            },
        )
        for message_type, handler in ROUTES.items():
            rpc.create(
                "mfg.inbox.route",
                {
                    "connector_id": self.connector_id,
                    "message_type": message_type,
                    "handler": handler,
                    "lane_id": critical,
                },
            )
        for kind in KINDS:
            rpc.create(
                "mfg.reconciliation",
                {"connector_id": self.connector_id, "kind": kind, "time_tolerance": 0},
            )

    def activate(self, url: str) -> None:
        self._rpc.write("mfg.connector", [self.connector_id], {"url": url})
        self._rpc("mfg.connector", "action_activate", [self.connector_id])

    def simulated(self, seed: int) -> dict[str, Any]:
        """The plant's file for its simulator."""
        return {
            "seed": seed,
            "shelves": [list(shelf) for shelf in SHELVES],
            "lines": [
                {"name": line.name, "machines": line.machines, "manners": line.manners}
                for line in self.lines
            ],
        }

    # === Planning === #

    def release(self, planner: Rpc, product: str, quantity: int) -> int:
        """Make an order, confirm it and plan it, as a planner does; its id."""
        product_id, bom_id = self._boms[product]
        (order_id,) = planner.create(
            "mrp.production",
            {
                "product_id": product_id,
                "bom_id": bom_id,
                "product_qty": quantity,
                "picking_type_id": self._picking_type_id,
            },
        )
        planner("mrp.production", "action_confirm", [order_id])
        planner("mrp.production", "button_plan", [order_id])
        return order_id
