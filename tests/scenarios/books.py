"""Two sets of books side by side: what Odoo has, and what the shop floor has."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.harness import databases
from tests.harness.rpc import Rpc

OPEN = ("pending", "running", "retrying")


@dataclass(frozen=True)
class Books:
    """What one side says of one order.

    ``consumed``: (UUID of the component, lot or "", quantity), sorted.
    """

    state: str
    good: float
    scrap: float
    lots: tuple[str, ...]
    consumed: tuple[tuple[str, str, float], ...] = ()


def of_shop_floor(order: dict[str, Any]) -> Books:
    """:param order: as ``ShopFloor.orders`` gives it"""
    return Books(
        state="done" if order["state"] == "finished" else order["state"],
        good=order["good"],
        scrap=order["scrap"],
        lots=tuple(
            sorted(order["serials"] or [order["lot"]] if order["tracking"] != "none" else [])
        ),
        consumed=tuple(
            sorted(
                (line["product"], line.get("lot", ""), float(line["quantity"]))
                for line in order["consumed"]
            )
        ),
    )


def of_odoo(rpc: Rpc, uuids: Iterable[str]) -> dict[str, Books]:
    """By the order's UUID: quantities from stock moves, scrap from scrap records."""
    orders = rpc.search(
        "mrp.production",
        [("mfg_uuid", "in", list(uuids))],
        "mfg_uuid", "state", "product_id", "move_raw_ids", "move_finished_ids",
    )  # fmt: skip
    products = rpc.search("product.product", [], "mfg_uuid", context={"active_test": False})
    product_uuids = {product["id"]: product["mfg_uuid"] for product in products}
    books = {}
    for order in orders:
        made = _done_lines(rpc, order["move_finished_ids"], order["product_id"][0])
        scraps = rpc.search(
            "stock.scrap",
            [
                ("production_id", "=", order["id"]),
                ("product_id", "=", order["product_id"][0]),
                ("state", "=", "done"),
            ],
            "scrap_qty",
        )
        books[order["mfg_uuid"]] = Books(
            state=order["state"],
            good=sum(line["quantity"] for line in made),
            scrap=sum(scrap["scrap_qty"] for scrap in scraps),
            lots=tuple(sorted({line["lot_id"][1] for line in made if line["lot_id"]})),
            consumed=tuple(
                sorted(
                    (
                        product_uuids[line["product_id"][0]],
                        line["lot_id"][1] if line["lot_id"] else "",
                        line["quantity"],
                    )
                    for line in _done_lines(rpc, order["move_raw_ids"])
                )
            ),
        )
    return books


def _done_lines(rpc: Rpc, move_ids: list[int], product_id: int | None = None) -> list[dict]:
    domain: list[Any] = [("move_id", "in", move_ids), ("state", "=", "done")]
    if product_id:
        domain.append(("product_id", "=", product_id))
    return rpc.search("stock.move.line", domain, "product_id", "lot_id", "quantity")


def waiting(rpc: Rpc, connector_id: int, model: str = "mfg.outbox.message") -> int:
    """How many of the connector's messages are still on their way."""
    return rpc.count(model, [("connector_id", "=", connector_id), ("state", "in", OPEN)])


@dataclass(frozen=True)
class Traffic:
    """What a stretch of the story meant for one of the queues.

    ``p50``, ``p95``: milliseconds from the record of a message to the end of the attempt that
    delivered or booked it, "-" when there was none.
    """

    messages: int
    done: int
    dead: int
    attempts: int
    p50: str
    p95: str

    @property
    def retries(self) -> int:
        return self.attempts - self.messages


def last_ids(database: str) -> dict[str, int]:
    """The highest ids so far: where a stretch begins."""
    return {
        table: databases.query(database, f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]
        for table in ("mfg_outbox_message", "mfg_inbox_message")
    }


def traffic(database: str, kind: str, connector_id: int, since: dict[str, int]) -> Traffic:
    """Of the connector's messages since ``last_ids``.

    :param kind: ``outbox`` or ``inbox``
    """
    rows = databases.query(
        database,
        f"""
        SELECT count(*), count(*) FILTER (WHERE state = 'done'),
               count(*) FILTER (WHERE state = 'dead'), coalesce(sum(attempt_count), 0)::int,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY ms),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)
          FROM (SELECT m.state, m.attempt_count,
                       (SELECT extract(epoch FROM a.closed_at - m.created_at) * 1000
                          FROM mfg_attempt a
                         WHERE a.{kind}_message_id = m.id AND a.outcome = 'delivered') AS ms
                  FROM mfg_{kind}_message m
                 WHERE m.connector_id = %s AND m.id > %s) message
        """,
        [connector_id, since[f"mfg_{kind}_message"]],
    )
    *counts, p50, p95 = rows[0]
    return Traffic(*counts, *("-" if ms is None else f"{ms:.0f}" for ms in (p50, p95)))
