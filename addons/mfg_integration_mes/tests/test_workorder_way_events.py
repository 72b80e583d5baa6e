"""Events of an operation between its start and its finish, on each path."""

from odoo.tests import tagged

from ..models import mfg_production_payload as production
from ..models import mfg_workorder_payload as payload
from .common import MesCase


class OperationCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(
            payload.PAUSED, payload.RESUMED, payload.PROGRESS_REPORTED, payload.CANCELLED,
            payload.RESCHEDULED,
        )  # fmt: skip
        cls.bom.consumption = "flexible"

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.order.mfg_owner = "odoo"
        self.first, self.last = self.order.workorder_ids

    def count(self, outbox, code):
        return len(self.events(outbox, code))


@tagged("post_install", "-at_install")
class TestPause(OperationCase):
    def test_pause_and_go_on(self):
        with self.capture_outbox() as outbox:
            self.first.button_start()
            self.first.button_pending()
            self.first.button_pending()
            self.first.button_start()
            self.first.button_start()
        (paused,) = self.events(outbox, payload.PAUSED)
        (resumed,) = self.events(outbox, payload.RESUMED)
        self.assertEqual(paused["workorder"]["uuid"], self.first.mfg_uuid)
        self.assertEqual(resumed["operator"], self.env.user.name)
        self.assertEqual(
            self.types(outbox), ["workorder.started", "workorder.paused", "workorder.resumed"]
        )

    def test_blocked_work_center(self):
        self.first.button_start()
        loss = self.env["mrp.workcenter.productivity.loss"].search(
            [("loss_type", "=", "availability")], limit=1
        )
        with self.capture_outbox() as outbox:
            self.env["mrp.workcenter.productivity"].create(
                {"workcenter_id": self.saw.id, "loss_id": loss.id}
            ).button_block()
        self.assertEqual(self.count(outbox, payload.PAUSED), 1)

    def test_one_of_two_people(self):
        self.first.button_start()
        other = self.first.with_user(self.user("mrp.group_mrp_user"))
        other.button_start()
        with self.capture_outbox() as outbox:
            other.button_pending()
            self.assertFalse(self.count(outbox, payload.PAUSED))
            self.first.button_pending()
        self.assertEqual(self.count(outbox, payload.PAUSED), 1)

    def test_end_is_no_pause(self):
        self.order.workorder_ids.button_start()
        with self.capture_outbox() as outbox:
            self.first.button_finish()
            self.last.action_cancel()
        self.assertFalse(self.count(outbox, payload.PAUSED))

    def test_close_is_no_pause(self):
        self.order.move_raw_ids.manual_consumption = False
        self.first.button_start()
        with self.capture_outbox() as outbox:
            self.order.button_mark_done()
        self.assertEqual(self.order.state, "done")
        self.assertFalse(self.count(outbox, payload.PAUSED))

    def test_not_told_by_a_promise_from_outside(self):
        """The mark of an ending is an object of this process."""
        self.first.button_start()
        with self.capture_outbox() as outbox:
            self.first.with_context(mfg_ending=True).button_pending()
        self.assertEqual(self.count(outbox, payload.PAUSED), 1)


@tagged("post_install", "-at_install")
class TestProgress(OperationCase):
    def test_quantity(self):
        with self.capture_outbox() as outbox:
            self.first.qty_produced = 4
            self.first.qty_produced = 4
            self.first.qty_produced = 3
        told = self.events(outbox, payload.PROGRESS_REPORTED)
        self.assertEqual([(d["good_delta"], d["good_total"]) for d in told], [(4, 4), (-1, 3)])

    def test_finish(self):
        with self.capture_outbox() as outbox:
            self.first.qty_produced = 4
            self.first.button_finish()
            self.last.button_finish()
        told = self.events(outbox, payload.PROGRESS_REPORTED)
        self.assertEqual([d["good_delta"] for d in told], [4, 10])

    def test_report(self):
        self.order.mfg_owner = "mes"
        with self.capture_outbox() as outbox:
            self.booked(self.first, 1, 3, operator="Pat")
            self.booked(self.first, 2, 8, "finished", operator="Pat", **self.scrap(2))
        told = self.events(outbox, payload.PROGRESS_REPORTED)
        self.assertEqual([d["good_delta"] for d in told], [3, 5])
        self.assertEqual((told[0]["operator"], told[1]["good_total"]), ("Pat", 8))


@tagged("post_install", "-at_install")
class TestCancelled(OperationCase):
    def test_button(self):
        with self.capture_outbox() as outbox:
            self.first.action_cancel()
            self.first.action_cancel()
        (data,) = self.events(outbox, payload.CANCELLED)
        self.assertEqual(data["workorder"]["uuid"], self.first.mfg_uuid)

    def test_state_menu(self):
        with self.capture_outbox() as outbox:
            self.first.set_state("cancel")
        self.assertEqual(self.count(outbox, payload.CANCELLED), 1)

    def test_order(self):
        with self.capture_outbox() as outbox:
            self.order.action_cancel()
        self.assertEqual(self.count(outbox, payload.CANCELLED), 2)
        self.assertEqual(self.count(outbox, production.CANCELLED), 1)

    def test_delete(self):
        uuid = self.last.mfg_uuid
        self.last.button_start()
        with self.capture_outbox() as outbox:
            self.last.unlink()
        (data,) = self.events(outbox, payload.CANCELLED)
        self.assertEqual(data["workorder"]["uuid"], uuid)
        self.assertFalse(self.count(outbox, payload.PAUSED))

    def test_delete_of_the_order(self):
        with self.capture_outbox() as outbox:
            self.order.unlink()
        self.assertEqual(self.count(outbox, payload.CANCELLED), 2)

    def test_of_a_draft_is_no_news(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.workorder_ids[0].unlink()
            order.action_cancel()
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestRescheduled(OperationCase):
    def setUp(self):
        super().setUp()
        self.order.button_plan()

    def test_moved(self):
        before = self.first.date_start
        with self.capture_outbox() as outbox:
            self.first.write(
                {"date_start": "2036-01-07 06:00:00", "date_finished": "2036-01-07 09:00:00"}
            )
        (data,) = self.events(outbox, payload.RESCHEDULED)
        self.assertEqual(data["old"]["planned_start_at"], f"{before.isoformat()}Z")
        self.assertEqual(data["new"]["planned_start_at"], "2036-01-07T06:00:00Z")

    def test_other_work_center(self):
        with self.capture_outbox() as outbox:
            self.first.workcenter_id = self.bench
        (data,) = self.events(outbox, payload.RESCHEDULED)[:1]
        self.assertEqual((data["old"]["workcenter"]["code"]), "SAW")
        self.assertEqual((data["new"]["workcenter"]["code"]), "BENCH")

    def test_same_plan(self):
        with self.capture_outbox() as outbox:
            self.first.write({"date_start": self.first.date_start})
        self.assertFalse(self.count(outbox, payload.RESCHEDULED))

    def test_plan_unplan_start_and_finish_are_no_move(self):
        with self.capture_outbox() as outbox:
            self.order.button_unplan()
            self.order.button_plan()
            self.first.button_start()
            self.first.button_finish()
        self.assertFalse(self.count(outbox, payload.RESCHEDULED))
