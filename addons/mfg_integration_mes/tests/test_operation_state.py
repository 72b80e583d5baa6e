"""Starts and pauses as the shop floor states them: exact times, whatever the order of arrival."""

import itertools
import json

from odoo import fields
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from ..models import mfg_workorder_payload as workorder_payload
from .common import MesCase

DAY = "2026-11-20"


@tagged("post_install", "-at_install")
class TestOperationState(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.state_route = cls.route(cls.mes, "workorder.state.v1", handler="workorder_state")
        cls.listen(workorder_payload.PAUSED, workorder_payload.RESUMED)

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.saw = self.order.workorder_ids[0]

    def state(self, sequence, state, hour, workorder=None, **values):
        document = {
            "workorder": (workorder or self.saw).mfg_uuid,
            "sequence": sequence,
            "state": state,
            "at": f"{DAY}T{hour}:00Z",
            **values,
        }
        return self.send(document, route=self.state_route)

    def stated(self, *arguments, **values):
        message = self.state(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def times(self, workorder=None):
        return [
            tuple(moment and f"{moment:%H:%M}" for moment in (line.date_start, line.date_end))
            for line in (workorder or self.saw).time_ids.sorted("date_start")
        ]

    def test_started_paused_resumed_finished(self):
        with self.capture_outbox() as outbox:
            answer = self.stated(1, "started", "06:00", operator="Pat")
            self.assertEqual((answer["workorder_state"], answer["is_running"]), ("progress", True))
            self.assertEqual(self.times(), [("06:00", False)])
            answer = self.stated(2, "paused", "08:00", reason="Lunch")
            self.assertEqual((answer["is_running"], answer["minutes"]), (False, 120))
            self.stated(3, "resumed", "09:00")
            self.booked(
                self.saw, 1, 10, "finished",
                started_at=f"{DAY}T05:00:00Z", ended_at=f"{DAY}T10:30:00Z",
            )  # fmt: skip
        self.assertEqual(self.saw.state, "done")
        self.assertEqual(self.times(), [("06:00", "08:00"), ("09:00", "10:30")])
        self.assertEqual(self.saw.duration, 210)
        self.assertEqual(
            [t for t in self.types(outbox) if t.startswith("workorder")],
            ["workorder.started", "workorder.paused", "workorder.resumed", "workorder.completed"],
        )
        self.assertNotIn(self.mes, outbox.messages.connector_id, "it knows what it said")

    def test_any_order_of_arrival_ends_in_the_same_times(self):
        stated = [(1, "started", "06:00"), (2, "paused", "07:00"), (3, "resumed", "07:30"),
                  (4, "paused", "09:00")]  # fmt: skip
        for permutation in itertools.permutations(stated):
            order = self.make_order()
            saw = order.workorder_ids[0]
            for number, state, hour in permutation:
                self.stated(number, state, hour, saw)
            self.assertEqual(self.times(saw), [("06:00", "07:00"), ("07:30", "09:00")], permutation)

    def test_repeated_and_contradicting(self):
        self.stated(1, "started", "06:00")
        self.assertEqual(self.stated(1, "started", "06:00")["result"], "duplicate")
        message = self.state(1, "started", "06:30")
        self.assertEqual((message.state, message.reason_code), ("dead", "conflict"))
        self.assertEqual(self.times(), [("06:00", False)])

    def test_states_take_the_place_of_a_reports_times(self):
        self.booked(
            self.saw, 1, 4, started_at=f"{DAY}T06:00:00Z", ended_at=f"{DAY}T07:00:00Z"
        )  # fmt: skip
        self.assertEqual(self.times(), [("06:00", "07:00")])
        self.stated(1, "started", "06:10")
        self.booked(
            self.saw, 2, 6, started_at=f"{DAY}T06:00:00Z", ended_at=f"{DAY}T08:00:00Z"
        )  # fmt: skip
        self.assertEqual(self.times(), [("06:10", False)], "counted once")

    def test_what_comes_late(self):
        order = self.make_simple_order()
        other = self.make_order()
        saw, bench = other.workorder_ids
        self.stated(1, "started", "06:00", saw)
        self.booked(saw, 1, 10, "finished", ended_at=f"{DAY}T10:00:00Z")
        self.assertEqual(self.times(saw), [("06:00", "10:00")])
        # The order is open: a pause that comes late still counts.
        self.stated(2, "paused", "07:00", saw)
        self.stated(3, "resumed", "08:00", saw)
        self.assertEqual(self.times(saw), [("06:00", "07:00"), ("08:00", "10:00")])
        self.booked(bench, 1, 10, "finished", ended_at=f"{DAY}T11:00:00Z")
        self.assertEqual(other.state, "done")
        self.assertEqual(self.stated(4, "paused", "09:00", saw)["result"], "late")
        self.assertEqual(self.times(saw), [("06:00", "07:00"), ("08:00", "10:00")])
        self.assertFalse(order.workorder_ids)

    def test_what_it_cannot_be(self):
        nobody = "0192f3a0-0000-7000-8000-00000000dead"
        message = self.send(
            {"workorder": nobody, "sequence": 1, "state": "started", "at": f"{DAY}T06:00:00Z"},
            route=self.state_route,
        )
        self.assertEqual(message.reason_code, "unknown_reference")
        self.assertIn("(/workorder)", message.detail)
        message = self.send(
            {
                "workorder": self.saw.mfg_uuid,
                "sequence": 1,
                "state": "started",
                "at": "2199-01-01T00:00:00Z",
            },
            route=self.state_route,
        )
        self.assertEqual(message.reason_code, "invalid_value")
        self.env["mrp.production"].browse(self.order.id).mfg_owner = "odoo"
        self.assertEqual(self.state(1, "started", "06:00").reason_code, "conflict")
        self.assertEqual(self.saw.state, "ready")

    def test_told_with_its_order(self):
        with self.capture_outbox() as outbox:
            self.stated(1, "started", "06:00", order=self.order.mfg_uuid)
        [told] = self.events(outbox, payload.WORKORDER_STARTED)
        self.assertEqual(told["workorder"]["uuid"], self.saw.mfg_uuid)
        self.assertEqual(self.saw.date_start, fields.Datetime.to_datetime(f"{DAY} 06:00:00"))
