"""Events of operations and scrap, and what is sent back to who caused it: on each path."""

from odoo import Command
from odoo.addons.mfg_integration_base.models.base import Cause
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestWorkorders(MesCase):
    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.order.mfg_owner = "odoo"
        self.first, self.last = self.order.workorder_ids

    def test_start(self):
        with self.capture_outbox() as outbox:
            self.first.button_start()
            self.first.button_start()
            self.first.button_pending()
            self.first.button_start()
        (data,) = self.events(outbox, payload.WORKORDER_STARTED)
        self.assertEqual(data["workorder"]["uuid"], self.first.mfg_uuid)
        self.assertEqual(data["workcenter"], {"code": "SAW", "name": "Saw"})
        self.assertEqual(data["operator"], self.env.user.name)
        self.assertEqual(outbox.messages.ordering_key, self.order._mfg_ordering_key())

    def test_start_by_state_menu(self):
        with self.capture_outbox() as outbox:
            self.first.set_state("progress")
        self.assertEqual(len(self.events(outbox, payload.WORKORDER_STARTED)), 1)

    def test_start_by_entering_a_duration(self):
        with self.capture_outbox() as outbox:
            self.first.duration = 5
        self.assertEqual(self.first.state, "progress")
        self.assertEqual(len(self.events(outbox, payload.WORKORDER_STARTED)), 1)

    def test_start_by_report(self):
        self.order.mfg_owner = "mes"
        with self.capture_outbox() as outbox:
            self.booked(self.first, 1, 1, operator="Pat", started_at="2026-01-05T06:00:00Z")
            self.booked(self.first, 2, 2, operator="Pat")
        (data,) = self.events(outbox, payload.WORKORDER_STARTED)
        self.assertEqual((data["operator"], data["started_at"]), ("Pat", "2026-01-05T06:00:00Z"))

    def test_finish(self):
        with self.capture_outbox() as outbox:
            self.first.qty_produced = 9
            self.first.button_finish()
            self.first.button_finish()
        (data,) = self.events(outbox, payload.WORKORDER_COMPLETED)
        self.assertEqual((data["good"], data["scrap"]), (9, 0))

    def test_finish_as_done(self):
        with self.capture_outbox() as outbox:
            self.first.action_mark_as_done()
        self.assertEqual(len(self.events(outbox, payload.WORKORDER_COMPLETED)), 1)

    def test_finish_by_lowering_the_order(self):
        """The change of quantity writes the state, no button is pressed."""
        self.first.button_start()
        self.first.qty_produced = 6
        with self.capture_outbox() as outbox:
            self.env["change.production.qty"].create(
                {"mo_id": self.order.id, "product_qty": 6}
            ).change_prod_qty()
        self.assertEqual(self.first.state, "done")
        (data,) = self.events(outbox, payload.WORKORDER_COMPLETED)
        self.assertEqual(data["good"], 6)

    def test_finish_by_report(self):
        self.order.mfg_owner = "mes"
        with self.capture_outbox() as outbox:
            self.booked(
                self.first, 1, 8, "finished", **self.scrap(1), started_at="2026-01-05T06:00:00Z",
                ended_at="2026-01-05T07:00:00Z",
            )  # fmt: skip
        (data,) = self.events(outbox, payload.WORKORDER_COMPLETED)
        self.assertEqual((data["good"], data["scrap"]), (8, 1))
        self.assertEqual(data["finished_at"], "2026-01-05T07:00:00Z")
        self.assertAlmostEqual(data["duration_minutes"], 60, places=1)

    def test_cancel_tells_no_completion(self):
        with self.capture_outbox() as outbox:
            self.first.action_cancel()
        self.assertFalse(self.events(outbox, payload.WORKORDER_COMPLETED))


@tagged("post_install", "-at_install")
class TestScrap(MesCase):
    def _scrap(self, product, quantity, **vals):
        return self.env["stock.scrap"].create(
            {"product_id": product.id, "scrap_qty": quantity, **vals}
        )

    def test_component(self):
        order = self.make_order()
        tag = self.env["stock.scrap.reason.tag"].create({"name": "Bent"})
        scrap = self._scrap(
            self.leg, 2, production_id=order.id, workorder_id=order.workorder_ids[0].id,
            scrap_reason_tag_ids=[Command.set(tag.ids)],
        )  # fmt: skip
        with self.capture_outbox() as outbox:
            scrap.action_validate()
        (data,) = self.events(outbox, payload.SCRAP_RECORDED)
        self.assertEqual((data["stage"], data["quantity"]), ("component", 2))
        self.assertEqual((data["reasons"], data["in_process"]), (["Bent"], False))
        self.assertEqual(data["workorder"]["uuid"], order.workorder_ids[0].mfg_uuid)
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())

    def test_by_operation_only(self):
        workorder = self.make_order().workorder_ids[0]
        with self.capture_outbox() as outbox:
            self._scrap(self.leg, 1, workorder_id=workorder.id).action_validate()
        (data,) = self.events(outbox, payload.SCRAP_RECORDED)
        self.assertEqual(data["order"]["uuid"], workorder.production_id.mfg_uuid)

    def test_by_a_stock_user_who_may_not_read_operations(self):
        workorder = self.make_order().workorder_ids[0]
        scrap = self._scrap(
            self.leg, 1, production_id=workorder.production_id.id, workorder_id=workorder.id
        )
        user = self.user("stock.group_stock_user")
        with self.capture_outbox() as outbox:
            # What its other steps have read already would hide it.
            self.env.invalidate_all()
            scrap.with_user(user)._mfg_emit(payload.SCRAP_RECORDED, payload.scrap_recorded)
        (data,) = self.events(outbox, payload.SCRAP_RECORDED)
        self.assertEqual(data["workorder"]["name"], workorder.name)
        self.assertEqual(data["actor"], user.login)

    def test_a_question_is_no_fact(self):
        order = self.make_order()
        scrap = self._scrap(self.leg, 10**6, production_id=order.id)
        with self.capture_outbox() as outbox:
            self.assertIsInstance(scrap.action_validate(), dict)
        self.assertFalse(outbox.messages)

    def test_scrap_without_an_order_is_no_production_scrap(self):
        with self.capture_outbox() as outbox:
            self._scrap(self.leg, 1).action_validate()
        self.assertFalse(outbox.messages)

    def test_report_tells_each_piece_once(self):
        for policy in ("yield_loss", "produce_then_scrap"):
            with self.subTest(policy):
                self.table.mfg_scrap_policy = policy
                first, last = self.make_order().workorder_ids
                with self.capture_outbox() as outbox:
                    self.booked(first, 1, 3, **self.scrap(1))
                    self.booked(first, 2, 8, "finished", **self.scrap(2))
                    self.booked(last, 1, 8, "finished")
                told = self.events(outbox, payload.SCRAP_RECORDED)
                self.assertEqual([data["quantity"] for data in told], [1, 1])
                self.assertEqual(told[0]["reasons"], ["crack"])
                self.assertEqual(told[0]["stage"], "finished")

    def test_correction(self):
        order = self.make_order()
        first = order.workorder_ids[0]
        self.booked(first, 1, 3, **self.scrap(3))
        with self.capture_outbox() as outbox:
            self.booked(first, 2, 5, **self.scrap(1), correction=True, correction_reason="recount")
        (data,) = self.events(outbox, payload.SCRAP_RECORDED)
        self.assertEqual((data["quantity"], data["correction"]), (-2, True))
        self.assertEqual(order.scrap_ids.scrap_qty, 1)
        self.assertIn("recount", order.scrap_ids.message_ids[0].body)


@tagged("post_install", "-at_install")
class TestEcho(MesCase):
    """What a report brought about is not sent back to who reported it, unless it is news."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscription(
            cls.mes, cls.env["mfg.event.type"].search([("code", "like", "mfg.production.%")])
        )

    def _told(self, outbox):
        return outbox.messages.filtered(lambda m: m.connector_id == self.mes).mapped("event_type")

    def test_own_report(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 10, "finished")
        self.assertFalse(self._told(outbox))

    def test_backorder_is_news(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 6, "finished")
            self.booked(order.workorder_ids[1], 1, 6, "finished")
        self.assertEqual(self._told(outbox), [payload.RELEASED])

    def test_other_orders_are_news(self):
        """A report may bring about, change and cancel orders for components."""
        cause = Cause("0192f3a0-0000-7000-8000-000000000031", self.mes.id, "c", "")
        child = self.make_order(confirm=False).with_context(mfg_cause=cause)
        with self.capture_outbox() as outbox:
            child.action_confirm()
            child.product_qty = 12
            child.action_cancel()
        self.assertEqual(
            self._told(outbox), [payload.RELEASED, payload.QUANTITY_CHANGED, payload.CANCELLED]
        )

    def test_rejection_is_news(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.rejected(order.workorder_ids[0], 1, 11)
            self.send(
                {
                    "order": "0192f3a0-0000-7000-8000-000000000001", "sequence": 1,
                    "good_total": 1, "status": "progress",
                }
            )  # fmt: skip
        self.assertEqual(self._told(outbox), [payload.REPORT_REJECTED] * 2)

    def test_guard_of_people_stays(self):
        with self.assertRaises(UserError):
            self.make_order().with_user(self.user("mrp.group_mrp_user")).button_mark_done()
