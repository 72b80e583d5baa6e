"""Odoo's books of a plant and the plant's own, class by class."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.harness.rpc import Rpc

DONE = ("state", "=", "done")

Book = dict[Any, Any]
"""What one side says of each thing, by a key that both sides know."""


def of_plant(books: Mapping[str, Any]) -> dict[str, Book]:
    """:param books: as ``simulators.plant_books.PlantBooks.document`` gives them"""
    orders, operations = books["orders"], books["operations"]
    return {
        "good pieces of orders": {u: order["good"] for u, order in orders.items()},
        "good pieces of operations": {u: each["good"] for u, each in operations.items()},
        "scrap by operation and reason": {
            (uuid, reason): quantity
            for uuid, each in operations.items()
            for reason, quantity in each["scrap"].items()
        },
        "components consumed, by lot": {
            (uuid, product, lot): quantity
            for uuid, order in orders.items()
            for product, lot, quantity in order["consumed"]
            if quantity
        },
        "pieces produced, by lot": {
            (uuid, order["product"], order["lot"]): order["good"]
            for uuid, order in orders.items()
            if order["good"]
        },
        "start and end of operations": {
            uuid: (each["started_at"], each["ended_at"]) for uuid, each in operations.items()
        },
        "minutes worked on operations": {
            uuid: _minutes(each["started_at"], each["ended_at"])
            for uuid, each in operations.items()
        },
        "end of orders": {uuid: order["ended_at"] for uuid, order in orders.items()},
        "downtimes": {
            each["downtime"]: (each["workcenter"], each["started_at"], each["ended_at"])
            for each in books["downtimes"]
        },
        "stock, by lot": {
            (product, lot): quantity for product, lot, quantity in books["shelves"] if quantity
        },
    }


def of_odoo(rpc: Rpc, connector_id: int, location: str) -> dict[str, Book]:
    """From orders, operations, stock moves, scrap orders, time lines and quants; nothing of it
    from what the shop floor's messages said."""
    orders = rpc.search(
        "mrp.production",
        [("picking_type_id.warehouse_id.lot_stock_id.complete_name", "=", location)],
        "mfg_uuid", "state", "qty_produced", "date_finished", "product_id",
    )  # fmt: skip
    uuids = {order["id"]: order["mfg_uuid"] for order in orders}
    of_ours = [("production_id", "in", list(uuids))]
    workorders = rpc.search(
        "mrp.workorder",
        [*of_ours, ("state", "!=", "cancel")],
        "mfg_uuid", "qty_produced", "date_start", "date_finished", "production_id",
    )  # fmt: skip
    operations = {each["id"]: each["mfg_uuid"] for each in workorders}
    scrap: Book = defaultdict(float)
    for each in rpc.search(
        "stock.scrap", [*of_ours, DONE], "workorder_id", "mfg_reason", "scrap_qty"
    ):
        scrap[operations[each["workorder_id"][0]], each["mfg_reason"]] += each["scrap_qty"]
    worked: Book = defaultdict(float)
    for each in rpc.search(
        "mrp.workcenter.productivity",
        [("workorder_id", "in", list(operations))],
        "workorder_id", "date_start", "date_end",
    ):  # fmt: skip
        # What took longer than expected has two lines: as expected, and at reduced speed.
        worked[operations[each["workorder_id"][0]]] += _minutes(
            _time(each["date_start"]), _time(each["date_end"])
        )
    return {
        "good pieces of orders": {each["mfg_uuid"]: each["qty_produced"] for each in orders},
        "good pieces of operations": {e["mfg_uuid"]: e["qty_produced"] for e in workorders},
        "scrap by operation and reason": dict(scrap),
        "components consumed, by lot": _moved(rpc, "raw_material_production_id", uuids),
        "pieces produced, by lot": _moved(rpc, "production_id", uuids),
        "start and end of operations": {
            each["mfg_uuid"]: (_time(each["date_start"]), _time(each["date_finished"]))
            for each in workorders
        },
        "minutes worked on operations": {u: round(each, 4) for u, each in worked.items()},
        "end of orders": {e["mfg_uuid"]: _time(e["date_finished"]) for e in orders},
        "downtimes": _downtimes(rpc, connector_id),
        "stock, by lot": _stock(rpc, location),
    }


def _moved(rpc: Rpc, link: str, uuids: Mapping[int, str]) -> Book:
    """Done move lines by order, product and lot."""
    totals: Book = defaultdict(float)
    for line in rpc.search(
        "stock.move.line",
        [(f"move_id.{link}", "in", list(uuids)), DONE],
        "move_id", "product_id", "lot_id", "quantity",
    ):  # fmt: skip
        totals[line["move_id"][0], _reference(line), _lot(line)] += line["quantity"]
    moves = rpc.read("stock.move", list({move for move, _p, _l in totals}), link)
    orders = {move["id"]: uuids[move[link][0]] for move in moves}
    book: Book = defaultdict(float)
    for (move, product, lot), quantity in totals.items():
        book[orders[move], product, lot] += round(quantity, 6)
    return dict(book)


def _downtimes(rpc: Rpc, connector_id: int) -> Book:
    return {
        each["external_id"]: (
            _code(rpc, each["workcenter_id"][0]),
            _time(each["started_at"]),
            _time(each["ended_at"]),
        )
        for each in rpc.search(
            "mfg.downtime",
            [("connector_id", "=", connector_id)],
            "external_id", "workcenter_id", "started_at", "ended_at",
        )
    }  # fmt: skip


def _code(rpc: Rpc, workcenter_id: int) -> str:
    return rpc.read("mrp.workcenter", [workcenter_id], "code")[0]["code"]


def _stock(rpc: Rpc, location: str) -> Book:
    quants = rpc.search(
        "stock.quant",
        [("location_id.complete_name", "=", location)],
        "product_id", "lot_id", "quantity",
    )  # fmt: skip
    stock: Book = defaultdict(float)
    for quant in quants:
        stock[_reference(quant), _lot(quant)] += quant["quantity"]
    return {key: round(quantity, 6) for key, quantity in stock.items() if round(quantity, 6)}


def _reference(record: Mapping[str, Any]) -> str:
    """The internal reference out of ``[REFERENCE] Name``."""
    return record["product_id"][1].partition("]")[0].removeprefix("[")


def _lot(record: Mapping[str, Any]) -> str:
    return record["lot_id"][1] if record["lot_id"] else ""


def _time(text: str | bool) -> str | None:
    return f"{text.replace(' ', 'T')}Z" if text else None


def _minutes(start: str, end: str) -> float:
    seconds = (_moment(end) - _moment(start)).total_seconds()
    return round(seconds / 60, 4)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def differences(plant: Mapping[str, Book], odoo: Mapping[str, Book]) -> list[tuple[str, int, list]]:
    """For each class: how many things one side or the other has, and where they do not agree."""
    found = []
    for name, theirs in plant.items():
        ours = odoo[name]
        keys = theirs.keys() | ours.keys()
        wrong = [
            (key, theirs.get(key), ours.get(key))
            for key in sorted(keys, key=str)
            if theirs.get(key) != ours.get(key)
        ]
        found.append((name, len(keys), wrong))
    return found
