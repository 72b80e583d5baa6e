"""The plant's own books: what really happened, whatever was said of it and whatever got through."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any


class PlantBooks:
    """Orders, operations, downtimes, and what is on the shelves.

    Quantities in the products' units; times as RFC 3339 texts in UTC, to the second.

    :param shelves: ``{(component's reference, lot or ""): quantity}`` at the beginning
    """

    def __init__(self, shelves: Mapping[tuple[str, str], float]):
        self.orders: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.downtimes: list[dict[str, Any]] = []
        self.shelves: dict[tuple[str, str], float] = defaultdict(float, shelves)

    def order_begins(self, order: str, data: Mapping[str, Any]) -> None:
        self.orders[order] = {
            "name": data["order"]["name"],
            "product": data["product"]["code"],
            "quantity": data["quantity"],
            "backorder_of": data["backorder_of"],
            "finished": False,
            "good": 0,
            "scrap": {},
            "lot": "",
            "consumed": {},
            "ended_at": None,
        }

    def operation_begins(self, workorder: str, order: str, at: datetime) -> None:
        self.operations[workorder] = {
            "order": order,
            "good": 0,
            "scrap": {},
            "finished": False,
            "started_at": text(at),
            "ended_at": None,
        }

    def operation_ends(
        self, workorder: str, good: int, scrap: Mapping[str, int], at: datetime
    ) -> None:
        operation = self.operations[workorder]
        operation |= {"good": good, "scrap": dict(scrap), "finished": True, "ended_at": text(at)}
        total = self.orders[operation["order"]]["scrap"]
        for reason, quantity in scrap.items():
            total[reason] = total.get(reason, 0) + quantity

    def components_used(self, order: str, used: Mapping[tuple[str, str], float]) -> None:
        self.orders[order]["consumed"] = dict(used)
        for component, quantity in used.items():
            self.shelves[component] = round(self.shelves[component] - quantity, 6)

    def order_ends(self, order: str, good: int, lot: str, at: datetime) -> None:
        book = self.orders[order]
        book |= {"finished": True, "good": good, "lot": lot, "ended_at": text(at)}
        self.shelves[book["product"], lot] += good

    def downtime_begins(self, downtime: str, workcenter: str, reason: str, at: datetime) -> None:
        self.downtimes.append(
            {
                "downtime": downtime,
                "workcenter": workcenter,
                "reason": reason,
                "started_at": text(at),
                "ended_at": None,
            }
        )

    def downtime_ends(self, workcenter: str, at: datetime) -> None:
        self.downtime_of(workcenter)["ended_at"] = text(at)

    def downtime_of(self, workcenter: str) -> dict[str, Any]:
        """The last one of that machine."""
        return [each for each in self.downtimes if each["workcenter"] == workcenter][-1]

    # === As they are compared === #

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "orders": {
                uuid: {**order, "consumed": _lines(order["consumed"])}
                for uuid, order in self.orders.items()
            },
            "operations": self.operations,
            "downtimes": self.downtimes,
            "shelves": _lines(self.shelves),
        }

    def rows(self, kind: str, location: str) -> list[dict[str, Any]]:
        """Rows of a snapshot for a reconciliation.

        :param location: what Odoo calls the shelves
        """
        return list(getattr(self, f"_{kind}")(location))

    def _production_quantities(self, _location: str):
        for uuid, operation in self.operations.items():
            times = {
                name: operation[name] for name in ("started_at", "ended_at") if operation[name]
            }
            yield {
                "workorder": uuid,
                "good": operation["good"],
                "scrap": sum(operation["scrap"].values()),
                "finished": operation["finished"],
                **times,
            }

    def _production_moves(self, _location: str):
        for uuid, order in self.orders.items():
            if not order["finished"]:
                continue
            for (product, lot), quantity in order["consumed"].items():
                yield _with_lot({"order": uuid, "product": product, "consumed": quantity}, lot)
            made = {"order": uuid, "product": order["product"], "produced": order["good"]}
            yield _with_lot(made, order["lot"])

    def _open_operations(self, _location: str):
        return ()  # the plant has gone home: nothing is left to be done

    def _stock(self, location: str):
        for (product, lot), quantity in self.shelves.items():
            row = {"product": product, "location": location, "quantity": quantity}
            yield _with_lot(row, lot)


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _with_lot(row: dict[str, Any], lot: str) -> dict[str, Any]:
    return {**row, "lot": lot} if lot else row


def _lines(quantities: Mapping[tuple[str, str], float]) -> list[list[Any]]:
    return [[product, lot, quantity] for (product, lot), quantity in sorted(quantities.items())]
