"""Each event of an order on each path by which its fact can come about, never without one."""

from odoo import Command
from odoo.service.model import call_kw
from odoo.tests import Form, tagged

from ..models import mfg_production_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestReleased(MesCase):
    def test_confirm(self):
        order = self.make_order(confirm=False, origin="S00042")
        with self.capture_outbox() as outbox:
            order.action_confirm()
        (data,) = self.events(outbox, payload.RELEASED)
        self.assertEqual(data["order"], {"uuid": order.mfg_uuid, "name": order.name})
        self.assertEqual((data["revision"], data["owner"], data["quantity"]), (1, "mes", 10))
        self.assertEqual(data["product"]["code"], "TABLE")
        self.assertEqual((data["origin"], data["backorder_of"]), ("S00042", None))
        self.assertEqual(data["plant"], self.stock.name)
        first, last = order.workorder_ids
        self.assertEqual(
            [
                (o["workorder"], o["workcenter"]["code"], o["quantity"], o["after"])
                for o in data["operations"]
            ],
            [
                (first.mfg_uuid, "SAW", 10, []),
                (last.mfg_uuid, "BENCH", 10, [first.mfg_uuid]),
            ],
        )
        self.assertEqual(
            {c["product"]["code"]: (c["quantity"], c["tracking"]) for c in data["components"]},
            {"LEG": (20, "none"), "TOP": (10, "none")},
        )
        self.assertEqual(outbox.messages.ordering_key, f"mrp.production:{order.mfg_uuid}")

    def test_confirm_again_tells_nothing(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            order.action_confirm()
        self.assertFalse(self.events(outbox, payload.RELEASED))

    def test_confirm_many(self):
        orders = self.make_order(confirm=False) + self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            orders.action_confirm()
        self.assertEqual(
            [data["order"]["uuid"] for data in self.events(outbox, payload.RELEASED)],
            orders.mapped("mfg_uuid"),
        )

    def test_plan(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.button_plan()
        self.assertEqual(len(self.events(outbox, payload.RELEASED)), 1)

    def test_rpc(self):
        order = self.make_order(confirm=False)
        user = self.user("mrp.group_mrp_user")
        with self.capture_outbox() as outbox:
            call_kw(order.with_user(user).browse(), "action_confirm", [order.ids], {})
        (data,) = self.events(outbox, payload.RELEASED)
        self.assertEqual(data["actor"], user.login)

    def test_import(self):
        with self.capture_outbox() as outbox:
            result = self.env["mrp.production"].load(
                ["product_id", "product_qty", "mfg_uuid"],
                [["[TABLE] Table", "3", "not-ours"], ["[TABLE] Table", "4", "not-ours"]],
            )
        self.assertFalse(result["messages"])
        orders = self.env["mrp.production"].browse(result["ids"])
        self.assertEqual(len(set(orders.mapped("mfg_uuid")) - {"not-ours"}), 2)
        self.assertFalse(outbox.messages, "imported as drafts")
        with self.capture_outbox() as outbox:
            orders.action_confirm()
        self.assertEqual(len(self.events(outbox, payload.RELEASED)), 2)

    def test_procurement(self):
        """An orderpoint makes and confirms an order as the superuser."""
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
        order = self.env["mrp.production"].search([("product_id", "=", self.table.id)])
        self.assertEqual((order.state, order.product_qty), ("confirmed", 5))
        self.assertEqual(len(self.events(outbox, payload.RELEASED)), 1)

    def test_backorder(self):
        order = self.make_order()
        order.mfg_owner = "odoo"
        order.bom_id.consumption = order.consumption = "flexible"
        order.qty_producing = 6
        with self.capture_outbox() as outbox:
            action = order.button_mark_done()
            wizard = Form.from_action(self.env, action).save()
            wizard.action_backorder()
        backorder = self.backorder(order)
        (data,) = self.events(outbox, payload.RELEASED)
        self.assertEqual(data["order"]["uuid"], backorder.mfg_uuid)
        self.assertEqual(data["backorder_of"], order.mfg_uuid)
        self.assertEqual(data["quantity"], 4)
        self.assertEqual(
            {c["product"]["code"]: c["quantity"] for c in data["components"]}, {"LEG": 8, "TOP": 4}
        )
        self.assertEqual(
            [
                t
                for t in self.types(outbox)
                if t in ("order.quantity_changed", "order.released", "order.completed")
            ],
            ["order.quantity_changed", "order.released", "order.completed"],
        )

    def _split(self, order, *quantities):
        wizard = self.env["mrp.production.split"].create({"production_id": order.id})
        wizard.production_detailed_vals_ids = [
            Command.clear(),
            *(
                Command.create({"quantity": quantity, "date": f"2026-03-0{day} 06:00:00"})
                for day, quantity in enumerate(quantities, start=1)
            ),
        ]
        wizard.action_split()

    def test_split(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self._split(order, 5, 3, 2)
        (changed,) = self.events(outbox, payload.QUANTITY_CHANGED)
        self.assertEqual((changed["old_quantity"], changed["new_quantity"]), (10, 5))
        released = self.events(outbox, payload.RELEASED)
        self.assertEqual([data["quantity"] for data in released], [3, 2])
        self.assertEqual({data["backorder_of"] for data in released}, {order.mfg_uuid})
        self.assertEqual(
            [data["planned_start_at"] for data in released],
            ["2026-03-02T06:00:00Z", "2026-03-03T06:00:00Z"],
            "with the dates of the wizard",
        )

    def test_split_of_a_draft(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            self._split(order, 6, 4)
        self.assertFalse(outbox.messages)

    def test_merge(self):
        orders = self.make_order() + self.make_order(quantity=5)
        with self.capture_outbox() as outbox:
            action = orders.action_merge()
        merged = self.env["mrp.production"].browse(action["res_id"])
        (data,) = self.events(outbox, payload.RELEASED)
        self.assertEqual((data["order"]["uuid"], data["quantity"]), (merged.mfg_uuid, 15))
        self.assertEqual(
            {data["order"]["uuid"] for data in self.events(outbox, payload.CANCELLED)},
            set(orders.mapped("mfg_uuid")),
        )

    def test_rollback_leaves_nothing(self):
        order = self.make_order(confirm=False)
        with (
            self.capture_outbox() as outbox,
            self.assertRaises(ZeroDivisionError),
            self.env.cr.savepoint(),
        ):
            order.action_confirm()
            raise ZeroDivisionError
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestQuantityChanged(MesCase):
    def _change(self, order, quantity):
        self.env["change.production.qty"].create(
            {"mo_id": order.id, "product_qty": quantity}
        ).change_prod_qty()

    def test_wizard(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self._change(order, 12)
        (data,) = self.events(outbox, payload.QUANTITY_CHANGED)
        self.assertEqual((data["old_quantity"], data["new_quantity"]), (10, 12))
        self.assertEqual((data["revision"], order.mfg_revision), (2, 2))

    def test_write(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            order.product_qty = 8
        self.assertEqual(self.events(outbox, payload.QUANTITY_CHANGED)[0]["new_quantity"], 8)

    def test_import(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.env["mrp.production"].load([".id", "product_qty"], [[str(order.id), "9"]])
        self.assertEqual(self.events(outbox, payload.QUANTITY_CHANGED)[0]["new_quantity"], 9)

    def test_procurement_tops_up_an_open_order(self):
        manufacture = self.env.ref("mrp.route_warehouse0_manufacture")
        self.table.route_ids = [Command.set(manufacture.ids)]
        procure = self.env["stock.rule"].Procurement
        values = {
            "warehouse_id": self.stock,
            "route_ids": manufacture,
            "reference_ids": self.env["stock.reference"].create({"name": "Refill"}),
        }
        with self.capture_outbox() as outbox:
            for quantity in (4, 3):
                self.env["stock.rule"].run(
                    [
                        procure(
                            self.table, quantity, self.table.uom_id, self.location, "Refill",
                            "Refill", self.env.company, dict(values),
                        )
                    ]
                )  # fmt: skip
        order = self.env["mrp.production"].search([("product_id", "=", self.table.id)])
        self.assertEqual((order.product_qty, order.mfg_revision), (7, 2))
        (data,) = self.events(outbox, payload.QUANTITY_CHANGED)
        self.assertEqual((data["old_quantity"], data["new_quantity"]), (4, 7))

    def test_no_change_no_event(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            order.product_qty = 10
            self._change(order, 10)
            order.write({"product_qty": 10.0, "origin": "S1"})
        self.assertFalse(self.events(outbox, payload.QUANTITY_CHANGED))
        self.assertEqual(order.mfg_revision, 1)

    def test_a_draft_tells_nothing(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.product_qty = 12
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestCancelled(MesCase):
    def test_cancel(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            order.action_cancel()
            order.action_cancel()
        (data,) = self.events(outbox, payload.CANCELLED)
        self.assertEqual(data["order"]["uuid"], order.mfg_uuid)

    def test_delete(self):
        order = self.make_order()
        uuid = order.mfg_uuid
        with self.capture_outbox() as outbox:
            order.unlink()
        (data,) = self.events(outbox, payload.CANCELLED)
        self.assertEqual(data["order"]["uuid"], uuid)

    def test_cancel_of_all_component_moves(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            order.move_raw_ids._action_cancel()
        self.assertEqual(order.state, "cancel")
        self.assertEqual(len(self.events(outbox, payload.CANCELLED)), 1)

    def test_cancel_of_what_was_partly_consumed(self):
        order = self.make_order()
        order.move_raw_ids.write({"quantity": 1, "picked": True})
        order.move_raw_ids._action_done()
        with self.capture_outbox() as outbox:
            order.action_cancel()
        self.assertEqual(order.state, "cancel")
        self.assertEqual(len(self.events(outbox, payload.CANCELLED)), 1)
        self.assertFalse(self.events(outbox, payload.COMPLETED))

    def test_a_draft_tells_nothing(self):
        order = self.make_order(confirm=False)
        with self.capture_outbox() as outbox:
            order.action_cancel()
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestCompleted(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bom.consumption = "flexible"

    def _by_people(self, **vals):
        order = self.make_order(**vals)
        order.mfg_owner = "odoo"
        order.move_raw_ids.manual_consumption = False
        return order

    def test_button(self):
        order = self._by_people()
        with self.capture_outbox() as outbox:
            order.button_mark_done()
        (data,) = self.events(outbox, payload.COMPLETED)
        self.assertEqual((data["good"], data["scrap"], data["backorder"]), (10, 0, None))
        self.assertEqual(
            {c["product"]["code"]: c["quantity"] for c in data["consumed"]},
            {"LEG": 20, "TOP": 10},
        )
        self.assertEqual(
            sorted(
                d["workorder"]["uuid"] for d in self.events(outbox, payload.WORKORDER_COMPLETED)
            ),
            sorted(order.workorder_ids.mapped("mfg_uuid")),
        )

    def test_several(self):
        orders = self._by_people() + self._by_people()
        with self.capture_outbox() as outbox:
            orders.button_mark_done()
        self.assertEqual(len(self.events(outbox, payload.COMPLETED)), 2)

    def test_a_question_is_no_fact(self):
        order = self._by_people()
        order.qty_producing = 6
        with self.capture_outbox() as outbox:
            action = order.button_mark_done()
        self.assertEqual(action["res_model"], "mrp.production.backorder")
        self.assertFalse(self.events(outbox, payload.COMPLETED))

    def test_backorder_by_setting_is_told_once(self):
        """With "always" the button calls itself."""
        self.picking_type.create_backorder = "always"
        order = self._by_people()
        order.qty_producing = 6
        with self.capture_outbox() as outbox:
            order.button_mark_done()
        (data,) = self.events(outbox, payload.COMPLETED)
        self.assertEqual((data["good"], data["planned_quantity"]), (6, 6))
        self.assertEqual(data["backorder"], self.backorder(order).mfg_uuid)

    def test_lots(self):
        self.table.tracking = "lot"
        order = self._by_people()
        order.lot_producing_ids = self.make_lot(self.table, "L1")
        with self.capture_outbox() as outbox:
            order.button_mark_done()
        (data,) = self.events(outbox, payload.COMPLETED)
        self.assertEqual([(x["lot"], x["quantity"]) for x in data["lots"]], [("L1", 10)])

    def test_report(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 8, "finished", **self.scrap(2))
            self.booked(
                order.workorder_ids[1], 1, 8, "finished", started_at="2026-01-05T06:00:00Z",
                ended_at="2026-01-05T07:00:00Z",
            )  # fmt: skip
        (data,) = self.events(outbox, payload.COMPLETED)
        self.assertEqual((data["good"], data["scrap"]), (8, 2))
        self.assertEqual(data["finished_at"], "2026-01-05T07:00:00Z")
        self.assertEqual(data["actor"], self.mes.service_user_id.login)
        self.assertTrue(data["cause_id"])
        self.assertEqual(
            self.types(outbox),
            [
                "workorder.started", "scrap.recorded", "workorder.completed",
                "workorder.started", "workorder.completed",
                "order.quantity_changed", "order.released", "order.completed",
            ],
        )  # fmt: skip

    def test_good_is_without_what_is_scrapped_from_stock(self):
        self.table.mfg_scrap_policy = "produce_then_scrap"
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 8, "finished", **self.scrap(2))
            self.booked(order.workorder_ids[1], 1, 8, "finished")
        (data,) = self.events(outbox, payload.COMPLETED)
        self.assertEqual((data["good"], data["scrap"]), (8, 2))
