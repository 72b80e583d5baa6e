import json

from odoo.tests import tagged

from .common import MesCase

DAY = "2026-11-20"


@tagged("post_install", "-at_install")
class TestLabor(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.labor_route = cls.route(cls.mes, "labor.report.v1", handler="labor_report")

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.saw, self.bench = self.order.workorder_ids
        self.bench_workcenter = self.bench.workcenter_id

    def labor(self, sequence, *times, operator="Pat", workorder=None):
        document = {
            "workorder": (workorder or self.saw).mfg_uuid,
            "sequence": sequence,
            "operator": operator,
            "entries": [
                {"started_at": f"{DAY}T{start}:00Z", "ended_at": f"{DAY}T{end}:00Z"}
                for start, end in times
            ],
        }
        return self.send(document, route=self.labor_route)

    def worked(self, *arguments, **values):
        message = self.labor(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def test_times_of_an_operator(self):
        answer = self.worked(1, ("06:00", "07:00"))
        self.assertEqual((answer["result"], answer["minutes"]), ("apply", 60))
        self.worked(1, ("06:00", "06:30"), operator="Kim")
        answer = self.worked(2, ("06:00", "07:00"), ("08:00", "08:15"))
        self.assertEqual((answer["minutes"], answer["order_minutes"]), (75, 105))
        self.worked(1, ("09:00", "10:00"), workorder=self.bench)
        self.assertEqual(self.order.mfg_labor_minutes, 165)
        by_workcenter = self.order.mfg_labor_ids.grouped("workcenter_id")
        self.assertEqual(sum(by_workcenter[self.bench_workcenter].mapped("minutes")), 60)

    def test_late_repeated_withdrawn(self):
        self.worked(2, ("06:00", "07:00"))
        self.assertEqual(self.worked(1, ("06:00", "06:10"))["result"], "stale")
        self.assertEqual(self.worked(2, ("06:00", "07:00"))["result"], "duplicate")
        self.assertEqual(self.labor(2, ("06:00", "08:00")).reason_code, "conflict")
        self.assertEqual(self.worked(3)["minutes"], 0)
        self.assertEqual(self.worked(2, ("06:00", "07:00"))["result"], "stale", "still known")
        self.assertEqual(self.worked(4, ("06:00", "06:05"))["minutes"], 5)

    def test_of_a_closed_order(self):
        order = self.make_order()
        saw, bench = order.workorder_ids
        self.booked(saw, 1, 10, "finished")
        self.booked(bench, 1, 10, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(self.worked(1, ("06:00", "07:00"), workorder=saw)["result"], "apply")

    def test_what_cannot_be(self):
        for pointer, times in (
            ("/entries/1", [("06:00", "07:00"), ("06:30", "08:00")]),
            ("/entries/0/ended_at", [("07:00", "06:00")]),
        ):
            message = self.labor(1, *times)
            self.assertEqual((message.state, message.reason_code), ("dead", "invalid_value"))
            self.assertIn(f"({pointer})", message.detail)
        self.assertFalse(self.order.mfg_labor_ids)

    def test_its_screen(self):
        self.worked(1, ("06:00", "07:00"))
        action = self.order.action_mfg_labor()
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(found.operator, "Pat")
