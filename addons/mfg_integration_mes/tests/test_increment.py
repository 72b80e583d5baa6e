import itertools
import json
import random

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..tools.increment import MOST_NAMED
from .common import MesCase

SEED = 20261127


class IncrementCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.increment_route = cls.route(
            cls.mes, "production.increment.v1", handler="production_increment"
        )

    def add(self, target, sequence, good=0, status="progress", **values):
        """Report an increment; the message as it is afterwards."""
        document = {"sequence": sequence, "status": status, "good": good, **values}
        if target._name == "mrp.workorder":
            document |= {"workorder": target.mfg_uuid, "order": target.production_id.mfg_uuid}
        else:
            document["order"] = target.mfg_uuid
        return self.send(document, route=self.increment_route)

    def added(self, *arguments, **values):
        message = self.add(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def refused(self, reason, *arguments, **values):
        message = self.add(*arguments, **values)
        self.assertEqual((message.state, message.reason_code), ("dead", reason), message.detail)
        return message

    def progress(self, target):
        return self.env["mfg.mes.progress"].search([("workorder_id", "=", target.id)])

    @staticmethod
    def taken_back(**values):
        return {"correction": True, "correction_reason": "miscounted", **values}


@tagged("post_install", "-at_install")
class TestIncrement(IncrementCase):
    def test_differences_become_totals(self):
        order = self.make_order()
        saw, bench = order.workorder_ids
        self.assertEqual(self.added(saw, 1, 4)["result"], "apply")
        self.added(saw, 2, 6, "finished")
        self.assertEqual((saw.qty_produced, saw.state), (10, "done"))
        self.added(bench, 1, 3, scrap=[{"quantity": 1, "reason": "crack"}])
        self.added(bench, 2, 6, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(self.produced(order), 9)
        self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10})

    def test_each_number_once_whenever_it_comes(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 3, 1)
        self.assertEqual(saw.qty_produced, 1)
        self.assertEqual(self.progress(saw).waits_for, "1, 2")
        self.added(saw, 1, 2)
        self.assertEqual(self.added(saw, 1, 2)["result"], "duplicate")
        self.assertEqual(saw.qty_produced, 3)
        answer = self.added(saw, 2, 3)
        self.assertEqual((saw.qty_produced, answer["missing_reports"]), (6, 0))
        self.assertFalse(self.progress(saw).waits_for)
        self.refused("conflict", saw, 2, 4)
        self.assertEqual(saw.qty_produced, 6)

    def test_finished_when_all_are_there(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 3, 2, "finished")
        self.refused("conflict", saw, 4, 1)
        self.added(saw, 1, 4)
        self.assertEqual(saw.state, "progress")
        self.added(saw, 2, 4)
        self.assertEqual((saw.state, saw.qty_produced), ("done", 10))
        self.assertEqual(self.added(saw, 2, 4)["result"], "duplicate")

    def test_what_cannot_be_waits_for_what_is_missing(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 1, 2)
        answer = self.added(saw, 3, -3, **self.taken_back())
        self.assertTrue(answer["warnings"])
        self.assertEqual(saw.qty_produced, 2, "kept, and not booked")
        self.added(saw, 2, 5)
        self.assertEqual(saw.qty_produced, 4)

    def test_what_cannot_be_is_refused_when_nothing_is_missing(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 1, 2)
        self.refused("conflict", saw, 2, -3, **self.taken_back())
        self.refused("over_report", saw, 2, 9)
        self.refused("invalid_value", saw, 2, -1)
        self.assertEqual(saw.qty_produced, 2)
        self.assertEqual(self.progress(saw).increment_ids.mapped("sequence"), [1])
        self.added(saw, 2, 8, "finished")
        self.assertEqual(saw.state, "done")

    def test_all_that_is_given_up_is_in_the_audit_trail(self):
        saw = self.make_order().workorder_ids[0]
        answer = self.added(saw, 31, 5)
        self.assertEqual(answer["missing_reports"], 30)
        progress = self.progress(saw)
        self.assertEqual(len(progress.waits_for.split(", ")), MOST_NAMED)
        progress.action_mfg_give_up()
        entry = self.env["mfg.audit.entry"].search([("act", "=", "decide")], limit=1)
        self.assertEqual(entry.after, ", ".join(map(str, range(1, 31))))
        self.assertEqual((progress.missing, progress.waits_for), (0, False))

    def test_what_is_kept_counts_what_is_missing(self):
        saw = self.make_order().workorder_ids[0]
        answer = self.added(saw, 5, -1, **self.taken_back())
        self.assertEqual((answer["missing_reports"], self.progress(saw).missing), (4, 4))

    def test_a_counter_that_does_not_begin_at_one(self):
        saw = self.make_order().workorder_ids[0]
        self.refused("invalid_value", saw, 4711, 2)
        self.assertFalse(self.progress(saw))

    def test_giving_up_what_makes_no_sense_is_told(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 1, 2)
        self.added(saw, 3, -3, **self.taken_back())
        with self.assertRaisesRegex(UserError, "below zero"):
            self.progress(saw).action_mfg_give_up()

    def test_totals_and_increments_do_not_mix(self):
        saw, bench = self.make_order().workorder_ids
        self.added(saw, 1, 2)
        self.assertEqual(self.rejected(saw, 2, 4).reason_code, "conflict")
        self.booked(bench, 1, 1)
        self.refused("conflict", bench, 2, 1)
        self.assertEqual((saw.qty_produced, bench.qty_produced), (2, 1))

    def test_on_a_closed_order(self):
        order = self.make_simple_order()
        self.added(order, 1, 10, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(self.added(order, 1, 10, "finished")["result"], "duplicate")
        self.refused("conflict", order, 2, 1)

    def test_serials(self):
        product = self.make_product("Drone", "DRONE", tracking="serial")
        order = self.make_simple_order(3, product=product)
        self.added(order, 2, 1, serials=["S3"])
        self.added(order, 1, 2, serials=["S1", "S2"])
        self.added(order, 3, 0, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(set(order.lot_producing_ids.mapped("name")), {"S1", "S2", "S3"})

    def test_more_than_ordered_waits_for_an_approval(self):
        self.env.company.mfg_over_rule = "approve"
        approver = self.user("mfg_integration_base.group_approver")
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.added(saw, 1, 8)
        message = self.refused("awaiting_approval", saw, 2, 4)
        message.with_user(approver).action_mfg_approve_over()
        self.drain()
        self.assertEqual((message.state, saw.qty_produced), ("done", 12), message.detail)
        self.assertEqual(order.mfg_over_approved, 12)

    def test_go_on_without_what_never_came(self):
        saw = self.make_order().workorder_ids[0]
        self.added(saw, 1, 4)
        self.added(saw, 4, 5, "finished")
        progress = self.progress(saw)
        self.assertEqual((saw.state, progress.waits_for), ("progress", "2, 3"))
        worker = self.user("mrp.group_mrp_user", "mfg_integration_base.group_viewer")
        with self.assertRaises(AccessError):
            progress.with_user(worker).action_mfg_give_up()
        boss = self.user("mrp.group_mrp_manager", "mfg_integration_base.group_viewer")
        progress.with_user(boss).action_mfg_give_up()
        self.assertEqual((saw.state, saw.qty_produced), ("done", 9))
        self.assertFalse(progress.waits_for)
        entry = self.env["mfg.audit.entry"].search([("act", "=", "decide")], limit=1)
        self.assertEqual((entry.user_id, entry.after), (boss, "2, 3"))
        self.refused("conflict", saw, 2, 1)
        with self.assertRaises(UserError):
            progress.with_user(boss).action_mfg_give_up()


@tagged("post_install", "-at_install")
class TestAnyOrder(IncrementCase):
    """Any order and repetition of a stream ends in the same stock moves, scrap and times."""

    STREAM = (
        {"good": 2, "scrap": [{"quantity": 1, "reason": "crack"}], "operator": "Pat",
         "started_at": "2026-11-23T08:00:00Z", "ended_at": "2026-11-23T08:20:00Z"},
        {"good": 4, "scrap": [{"quantity": 1, "reason": "burr"}], "operator": "Kim",
         "started_at": "2026-11-23T08:20:00Z", "ended_at": "2026-11-23T09:00:00Z"},
        {"good": -1, "correction": True, "correction_reason": "miscounted",
         "ended_at": "2026-11-23T09:05:00Z"},
        {"good": 3, "status": "finished", "operator": "Pat", "ended_at": "2026-11-23T09:30:00Z"},
    )  # fmt: skip

    def books(self, order):
        """All that is booked of an order, in plain values."""
        workorder = order.workorder_ids
        return {
            "state": (order.state, workorder.state),
            "good": (self.produced(order), workorder.qty_produced),
            "consumed": self.consumed(order),
            "scrap": sorted((s.mfg_reason, s.scrap_qty) for s in order.scrap_ids if s.scrap_qty),
            "times": sorted(
                (t.date_start, t.date_end, t.loss_type) for t in workorder.time_ids
            ),
            "dates": (workorder.date_start, workorder.date_finished),
            "operator": workorder._mfg_operator(),
        }  # fmt: skip

    def play(self, numbers):
        order = self.make_order(self.box)
        for number in numbers:
            document = {"sequence": number, "status": "progress", **self.STREAM[number - 1]}
            document |= {"workorder": order.workorder_ids.mfg_uuid, "order": order.mfg_uuid}
            self.assertEqual(self.send(document, route=self.increment_route).state, "done")
        return self.books(order)

    def test_any_order(self):
        self.box = self.make_product("Box", "BOX2")
        self.make_bom(self.box, [(self.leg, 2)], [self.saw])
        expected = self.play([1, 2, 3, 4])
        self.assertEqual(expected["state"], ("done", "done"))
        self.assertEqual(expected["good"], (8, 8))
        self.assertEqual(expected["scrap"], [("burr", 1), ("crack", 1)])
        rng = random.Random(SEED)
        orders = list(itertools.permutations([1, 2, 3, 4]))
        for numbers in rng.sample(orders, 6):
            repeated = [*numbers, *rng.choices(numbers, k=2)]
            with self.subTest(numbers=repeated):
                self.assertEqual(self.play(repeated), expected)
