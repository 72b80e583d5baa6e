"""Events of an order between its entry and its close, on each path by which they can come about."""

from odoo import Command
from odoo.addons.mfg_integration_base.models.base import Base
from odoo.tests import Form, tagged

from ..models import mfg_order_payload as payload
from ..models import mfg_production_payload as orders
from .common import MesCase


class WayCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(
            payload.CREATED, payload.SCHEDULED, payload.UNSCHEDULED, payload.STARTED,
            payload.READY_TO_CLOSE, payload.SPLIT, payload.MERGED,
        )  # fmt: skip
        cls.bom.consumption = "flexible"

    def by_people(self, **vals):
        order = self.make_order(**vals)
        order.mfg_owner = "odoo"
        order.move_raw_ids.manual_consumption = False
        return order

    def told(self, outbox, code):
        """Data of the events of one type, with what the end of the transaction still tells."""
        self.env.flush_all()
        return self.events(outbox, code)

    def backorder_of(self, order, quantity):
        order.qty_producing = quantity
        wizard = Form.from_action(self.env, order.button_mark_done()).save()
        wizard.action_backorder()
        return self.backorder(order)


@tagged("post_install", "-at_install")
class TestCreated(WayCase):
    def test_by_a_person(self):
        with self.capture_outbox() as outbox:
            order = self.make_order(confirm=False, origin="S00042")
        (data,) = self.told(outbox, payload.CREATED)
        self.assertEqual(data["order"], {"uuid": order.mfg_uuid, "name": order.name})
        self.assertEqual((data["quantity"], data["owner"]), (10, "mes"))
        self.assertEqual((data["origin"], data["backorder_of"]), ("S00042", None))
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())

    def test_form(self):
        with self.capture_outbox() as outbox:
            form = Form(self.env["mrp.production"])
            form.product_id = self.table
            form.product_qty = 3
            form.save()
        self.assertEqual([d["quantity"] for d in self.told(outbox, payload.CREATED)], [3])
        self.assertEqual(len(outbox.messages), 1, "what a form computes tells nothing")

    def test_import_and_copy(self):
        with self.capture_outbox() as outbox:
            result = self.env["mrp.production"].load(
                ["product_id", "product_qty"], [["[TABLE] Table", "3"], ["[TABLE] Table", "4"]]
            )
            self.env["mrp.production"].browse(result["ids"][0]).copy()
        self.assertEqual([d["quantity"] for d in self.told(outbox, payload.CREATED)], [3, 4, 3])

    def test_procurement(self):
        manufacture = self.env.ref("mrp.route_warehouse0_manufacture")
        self.table.route_ids = [Command.set(manufacture.ids)]
        self.env["stock.warehouse.orderpoint"].create(
            {
                "product_id": self.table.id,
                "product_min_qty": 5,
                "product_max_qty": 5,
                "location_id": self.location.id,
                "route_id": manufacture.id,
            }
        )
        with self.capture_outbox() as outbox:
            self.env["stock.rule"].run_scheduler()
        self.assertEqual([d["quantity"] for d in self.told(outbox, payload.CREATED)], [5])

    def test_nobody_listens(self):
        """Then no data is computed."""
        self.nobody_listens()
        computed = []
        self.patch(Base, "_mfg_data_text", lambda *a: computed.append(a) or "{}")
        order = self.by_people()
        order.button_plan()
        order.button_mark_done()
        self.assertFalse(computed)


@tagged("post_install", "-at_install")
class TestStarted(WayCase):
    def _assert_started_once(self, outbox, order):
        (data,) = self.told(outbox, payload.STARTED)
        self.assertEqual(data["order"]["uuid"], order.mfg_uuid)
        return data

    def test_button(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.action_start()
            order.action_start()
        self._assert_started_once(outbox, order)

    def test_operation(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.workorder_ids[0].button_start()
            order.workorder_ids[0].button_finish()
        self._assert_started_once(outbox, order)

    def test_quantity(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.qty_producing = 2
            self.env.flush_all()
            order.qty_producing = 3
        self._assert_started_once(outbox, order)

    def test_consumption(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.move_raw_ids[0].picked = True
        self._assert_started_once(outbox, order)

    def test_report(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 1, started_at="2026-01-05T06:00:00Z")
        self.assertEqual(
            self._assert_started_once(outbox, order)["started_at"], "2026-01-05T06:00:00Z"
        )

    def test_close_without_a_start(self):
        """In one press: it is started, and then completed."""
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.button_mark_done()
        self._assert_started_once(outbox, order)
        types = self.types(outbox)
        self.assertLess(types.index("order.started"), types.index("order.completed"))

    def test_confirm_and_cancel_are_no_start(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.action_confirm()
            order.action_assign()
            order.action_cancel()
        self.assertFalse(self.told(outbox, payload.STARTED))

    def test_cancel_of_what_is_half_done_is_not_ready_to_close(self):
        order = self.by_people()
        order.workorder_ids[0].button_finish()
        self.env.flush_all()
        with self.capture_outbox() as outbox:
            order.action_cancel()
        self.assertFalse(self.told(outbox, payload.READY_TO_CLOSE))
        self.assertEqual(len(self.told(outbox, orders.CANCELLED)), 1)


@tagged("post_install", "-at_install")
class TestReadyToClose(WayCase):
    def test_last_operation(self):
        order = self.by_people()
        first, last = order.workorder_ids
        with self.capture_outbox() as outbox:
            first.button_finish()
            self.assertFalse(self.told(outbox, payload.READY_TO_CLOSE))
            last.button_finish()
        (data,) = self.told(outbox, payload.READY_TO_CLOSE)
        self.assertEqual(data["order"]["uuid"], order.mfg_uuid)
        self.assertFalse(self.told(outbox, orders.COMPLETED))

    def test_quantity_of_an_order_without_operations(self):
        order = self.make_simple_order()
        order.mfg_owner = "odoo"
        with self.capture_outbox() as outbox:
            order.qty_producing = 10
        (data,) = self.told(outbox, payload.READY_TO_CLOSE)
        self.assertEqual((data["quantity"], data["quantity_producing"]), (10, 10))
        self.assertEqual(len(self.told(outbox, payload.STARTED)), 1)


@tagged("post_install", "-at_install")
class TestScheduled(WayCase):
    def test_button(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.button_plan()
            order.button_plan()
        (data,) = self.told(outbox, payload.SCHEDULED)
        first, last = order.workorder_ids
        self.assertEqual(
            [(o["workorder"]["uuid"], o["workcenter"]["code"]) for o in data["operations"]],
            [(first.mfg_uuid, "SAW"), (last.mfg_uuid, "BENCH")],
        )
        self.assertTrue(all(o["planned_start_at"] for o in data["operations"]))
        self.assertFalse(self.told(outbox, payload.STARTED))

    def test_draft_is_released_and_planned(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.button_plan()
        self.assertEqual(self.types(outbox), ["order.released", "order.scheduled"])

    def test_many(self):
        both = self.by_people() + self.by_people()
        with self.capture_outbox() as outbox:
            both.button_plan()
        self.assertEqual(len(self.told(outbox, payload.SCHEDULED)), 2)

    def test_without_operations(self):
        order = self.make_simple_order()
        with self.capture_outbox() as outbox:
            order.button_plan()
        self.assertEqual(self.told(outbox, payload.SCHEDULED)[0]["operations"], [])

    def test_planned_again_elsewhere(self):
        order = self.by_people()
        order.button_plan()
        with self.capture_outbox() as outbox:
            order.with_context(force_date=True).date_start = "2036-01-07 06:00:00"
            order.workorder_ids[0].action_replan()
        (data,) = self.told(outbox, payload.SCHEDULED)
        self.assertTrue(data["planned_start_at"].startswith("2036-01-07"))

    def test_planned_again_where_it_was(self):
        order = self.by_people()
        order.button_plan()
        with self.capture_outbox() as outbox:
            order._plan_workorders()
        self.assertFalse(self.told(outbox, payload.SCHEDULED))

    def test_unscheduled(self):
        order = self.by_people()
        order.button_plan()
        with self.capture_outbox() as outbox:
            order.button_unplan()
            order.button_unplan()
        (data,) = self.told(outbox, payload.UNSCHEDULED)
        self.assertEqual(data["order"]["uuid"], order.mfg_uuid)

    def test_unscheduled_by_another_date(self):
        order = self.by_people()
        order.button_plan()
        with self.capture_outbox() as outbox:
            order.date_start = "2036-01-07 06:00:00"
        self.assertEqual(len(self.told(outbox, payload.UNSCHEDULED)), 1)


@tagged("post_install", "-at_install")
class TestParts(WayCase):
    def test_backorder(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            backorder = self.backorder_of(order, 6)
        (data,) = self.told(outbox, payload.SPLIT)
        self.assertEqual((data["order"]["uuid"], data["quantity"]), (order.mfg_uuid, 6))
        self.assertEqual(
            [(p["order"]["uuid"], p["quantity"]) for p in data["parts"]], [(backorder.mfg_uuid, 4)]
        )
        (created,) = self.told(outbox, payload.CREATED)
        self.assertEqual(created["backorder_of"], order.mfg_uuid)

    def test_backorder_of_a_backorder(self):
        """It was split from the backorder, not from the first order."""
        backorder = self.backorder_of(self.by_people(), 6)
        backorder.move_raw_ids.manual_consumption = False
        with self.capture_outbox() as outbox:
            self.backorder_of(backorder, 1)
        (data,) = self.told(outbox, payload.SPLIT)
        self.assertEqual(data["order"]["uuid"], backorder.mfg_uuid)
        self.assertEqual([p["quantity"] for p in data["parts"]], [3])

    def test_several_at_once(self):
        one, other = self.by_people(), self.by_people()
        with self.capture_outbox() as outbox:
            (one + other)._split_productions({one: [5, 3, 2], other: [9, 1]})
        told = {d["order"]["uuid"]: d for d in self.told(outbox, payload.SPLIT)}
        self.assertEqual([p["quantity"] for p in told[one.mfg_uuid]["parts"]], [3, 2])
        self.assertEqual([p["quantity"] for p in told[other.mfg_uuid]["parts"]], [1])

    def test_wizard(self):
        order = self.make_order()
        wizard = self.env["mrp.production.split"].create({"production_id": order.id})
        wizard.production_detailed_vals_ids = [
            Command.clear(),
            Command.create({"quantity": 7, "date": "2036-03-01 06:00:00"}),
            Command.create({"quantity": 3, "date": "2036-03-02 06:00:00"}),
        ]
        with self.capture_outbox() as outbox:
            wizard.action_split()
        (data,) = self.told(outbox, payload.SPLIT)
        self.assertEqual((data["quantity"], data["parts"][0]["quantity"]), (7, 3))

    def test_merge(self):
        sources = self.make_order() + self.make_order(quantity=5)
        with self.capture_outbox() as outbox:
            action = sources.action_merge()
        merged = self.env["mrp.production"].browse(action["res_id"])
        (data,) = self.told(outbox, payload.MERGED)
        self.assertEqual((data["order"]["uuid"], data["quantity"]), (merged.mfg_uuid, 15))
        self.assertEqual([s["uuid"] for s in data["sources"]], sources.mapped("mfg_uuid"))

    def test_merge_of_drafts(self):
        sources = self.make_order(confirm=False) + self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            sources.action_merge()
        self.assertEqual(len(self.told(outbox, payload.MERGED)), 1)
