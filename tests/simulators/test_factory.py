"""The plant knows what it was sent, and reports cumulative totals in order."""

import json

import pytest

from .factory import Factory
from .order_book import OrderBook
from .sender import Answer

RELEASED = {
    "order": {"uuid": "o1", "name": "WH/MO/1"},
    "product": {"uuid": "p1", "code": None, "name": "Drawer"},
    "quantity": 10,
    "tracking": "lot",
    "backorder_of": None,
    "operations": [
        {"workorder": "w1", "name": "Cut", "sequence": 1},
        {"workorder": "w2", "name": "Pack", "sequence": 2},
    ],
    "components": [],
}


class Takes:
    """An Odoo that takes every report."""

    def post_until_answered(self, message_type, message_id, body, deadline):
        return Answer(202, {}, json.dumps({"id": message_id}))


@pytest.fixture
def book(tmp_path):
    book = OrderBook(tmp_path / "book.sqlite")
    yield book
    book.close()


@pytest.fixture
def factory(book):
    return Factory(book, Takes())


def receive(book, number, fact, data):
    book.receive(
        f"m{number}",
        {
            "id": f"e{number}",
            "type": f"mfg.production.order.{fact}.v1",
            "partitionkey": "o1",
            "sequence": str(number).zfill(20),
            "data": data,
        },
    )


def test_orders_follow_their_events(book, factory):
    receive(book, 1, "released", RELEASED)
    receive(book, 2, "quantity_changed", {**RELEASED, "new_quantity": 12})
    order = factory.orders()["o1"]
    assert (order.quantity, order.state) == (12, "released")
    assert order.history == ["released", "quantity_changed"]
    receive(book, 3, "cancelled", RELEASED)
    assert factory.orders()["o1"].state == "cancelled"


def test_reports_are_cumulative_and_numbered_per_operation(book, factory):
    receive(book, 1, "released", RELEASED)
    plan = {"order": "o1", "good": 8, "scrap": 2, "scrap_reason": "crack", "lot": "L1"}
    answers = factory.work_off([plan])
    assert [answer["status"] for answer in answers] == [202] * 4
    reports = [json.loads(report.body) for report in book.reports()]
    assert [(r["workorder"], r["sequence"], r["status"], r["good_total"]) for r in reports] == [
        ("w1", 1, "progress", 4),
        ("w1", 2, "finished", 8),
        ("w2", 1, "progress", 4),
        ("w2", 2, "finished", 8),
    ]
    assert reports[1]["scrap"] == [{"quantity": 2, "reason": "crack"}]
    assert "lot" not in reports[1]
    assert reports[3]["lot"] == "L1"
    order = factory.orders()["o1"]
    assert (order.good, order.scrap, order.lot, order.state) == (8, 2, "L1", "finished")


def test_what_was_not_answered_goes_out_again_under_its_id(book, factory):
    book.add_report("r1", "w1", 1, "{}")
    assert [answer["id"] for answer in factory.send_unsent()] == ["r1"]
    assert book.counts()["answered"] == 1
    assert factory.send_unsent() == []
