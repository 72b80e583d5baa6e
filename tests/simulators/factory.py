"""The plant behind the shop-floor system: knows the orders it was sent, works them, reports them.

Everything it knows comes from its order book: the events as received, and its own reports.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .order_book import OrderBook
from .sender import Answer, Sender

REPORT = "production.report.v1"
ANSWER_SECONDS = 60
"""How long a report is repeated until Odoo takes it."""

ORDER_EVENT = "mfg.production.order."


@dataclass
class Operation:
    workorder: str
    name: str
    sequence: int


@dataclass
class Order:
    """One production order as the shop floor knows it.

    ``good`` and ``scrap`` are what our own reports say in the end: the good quantity of the last
    operation, and the scrap of all of them. ``history`` are the event types in order of arrival.
    """

    order: str
    name: str
    product: str
    quantity: float
    tracking: str
    backorder_of: str | None
    operations: list[Operation]
    components: list[dict[str, Any]]
    state: str = "released"
    good: float = 0
    scrap: float = 0
    lot: str = ""
    serials: list[str] = field(default_factory=list)
    consumed: list[dict[str, Any]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What becomes of one order.

    :param order: its UUID
    :param good: how many turn out good
    :param scrap: how many are lost on the first operation
    :param scrap_reason: why
    :param lot: lot made, for products tracked by lot
    :param serials: serial numbers made, for products tracked by serial
    :param consume: consumed components as in the report; none: Odoo books by the bill of materials
    :param operator: who works
    """

    order: str
    good: float
    scrap: float = 0
    scrap_reason: str = ""
    lot: str = ""
    serials: tuple[str, ...] = ()
    consume: tuple[Mapping[str, Any], ...] = ()
    operator: str = "Pat"


class Factory:
    def __init__(self, book: OrderBook, sender: Sender):
        self._book = book
        self._sender = sender

    # === Knowing === #

    def orders(self) -> dict[str, Order]:
        """By UUID, in the order of their release."""
        orders: dict[str, Order] = {}
        for event in self._book.events():
            if event["type"].startswith(ORDER_EVENT):
                _apply(orders, event["type"], event["data"])
        for report in self._book.reports():
            document = json.loads(report.body)
            if document.get("order") in orders:
                _count(orders[document["order"]], document)
        return orders

    def orders_document(self) -> list[dict[str, Any]]:
        return [asdict(order) for order in self.orders().values()]

    # === Working === #

    def work_off(self, plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Do the operations of each order one after the other; every report and its answer."""
        orders = self.orders()
        answers = []
        for plan in (Plan(**values) for values in plans):
            for document in _reports(orders[plan.order], plan):
                answers.append(self._report(document))
        return answers

    def _report(self, document: dict[str, Any]) -> dict[str, Any]:
        number = self._book.next_number(document["workorder"])
        document = {**document, "sequence": number}
        report_id, body = str(uuid.uuid4()), json.dumps(document)
        self._book.add_report(report_id, document["workorder"], number, body)
        return _answer(report_id, self._post(report_id, body))

    def send_again(self, report_id: str) -> dict[str, Any]:
        """Repeat a report under its id, byte for byte."""
        (report,) = (r for r in self._book.reports() if r.report_id == report_id)
        return _answer(report_id, self._post(report_id, report.body))

    def send_unsent(self) -> list[dict[str, Any]]:
        """Send what was booked but not answered when the process ended."""
        return [self.send_again(r.report_id) for r in self._book.reports() if r.status is None]

    def _post(self, report_id: str, body: str) -> Answer:
        answer = self._sender.post_until_answered(REPORT, report_id, body, ANSWER_SECONDS)
        self._book.answered(report_id, answer.status, answer.body)
        return answer


def _answer(report_id: str, answer: Answer) -> dict[str, Any]:
    return {"id": report_id, "status": answer.status, "answer": json.loads(answer.body)}


def _apply(orders: dict[str, Order], event_type: str, data: Mapping[str, Any]) -> None:
    """Take one order event into the books."""
    fact = event_type.removeprefix(ORDER_EVENT).rpartition(".v")[0]
    reference = data["order"]["uuid"]
    if fact == "released":
        orders[reference] = Order(
            order=reference,
            name=data["order"]["name"],
            product=data["product"]["name"],
            quantity=data["quantity"],
            tracking=data["tracking"],
            backorder_of=data["backorder_of"],
            operations=[
                Operation(each["workorder"], each["name"], each["sequence"])
                for each in data["operations"]
            ],
            components=data["components"],
        )
    order = orders.get(reference)
    if order is None:
        return  # released before we were connected
    order.history.append(fact)
    if fact == "quantity_changed":
        order.quantity = data["new_quantity"]
    elif fact in ("cancelled", "completed"):
        order.state = fact


def _count(order: Order, document: Mapping[str, Any]) -> None:
    """Take one of our own reports into the order's totals (they are cumulative)."""
    if document["workorder"] == order.operations[0].workorder:
        order.scrap = document.get("scrap_total", 0)
        order.consumed = document.get("consumption", [])
    if document["workorder"] == order.operations[-1].workorder:
        order.good = document["good_total"]
        order.lot = document.get("lot", "")
        order.serials = document.get("serials", [])
        if document["status"] == "finished":
            order.state = "finished"


def _reports(order: Order, plan: Plan) -> list[dict[str, Any]]:
    """The reports of one order: each operation starts, is half done, is finished."""
    # An hour ago at the start, a minute an operation: times of a clock that is not Odoo's.
    moment = datetime.now(timezone.utc) - timedelta(hours=1)
    reports = []
    for position, operation in enumerate(order.operations):
        first, last = position == 0, position == len(order.operations) - 1
        begun, moment = moment, moment + timedelta(minutes=1)
        document = {
            "order": order.order,
            "workorder": operation.workorder,
            "operator": plan.operator,
            "started_at": _text(begun),
        }
        reports.append(
            {
                **document,
                "status": "progress",
                "good_total": plan.good // 2,
                "ended_at": _text(begun + timedelta(seconds=30)),
            }
        )
        document |= {"status": "finished", "good_total": plan.good, "ended_at": _text(moment)}
        if first and plan.scrap:
            document["scrap_total"] = plan.scrap
            document["scrap"] = [{"quantity": plan.scrap, "reason": plan.scrap_reason}]
        if first and plan.consume:
            document["consumption"] = list(plan.consume)
        if last and plan.lot:
            document["lot"] = plan.lot
        if last and plan.serials:
            document["serials"] = list(plan.serials)
        reports.append(document)
    return reports


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
