"""Events of what goes into an order and comes out of it, on each path."""

from odoo.tests import Form, tagged

from ..models import mfg_material_payload as payload
from ..models import mfg_production_payload as production
from .common import MesCase


class MaterialCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(
            payload.RESERVED, payload.SHORTAGE_DETECTED, payload.SHORTAGE_RESOLVED,
            payload.CONSUMED, payload.LOT_ASSIGNED, payload.UNBUILT,
        )  # fmt: skip
        cls.bom.consumption = "flexible"
        cls.picking_type.reservation_method = "manual"
        cls.rare = cls.make_product("Rare", "RARE")
        cls.chest = cls.make_product("Chest", "CHEST")
        cls.make_bom(cls.chest, [(cls.rare, 1), (cls.leg, 4)], consumption="flexible")

    def by_people(self, *args, **vals):
        order = self.make_order(*args, **vals)
        order.mfg_owner = "odoo"
        order.move_raw_ids.manual_consumption = False
        return order

    def told(self, outbox, code):
        self.env.flush_all()
        return self.events(outbox, code)


@tagged("post_install", "-at_install")
class TestReserved(MaterialCase):
    def test_button(self):
        order = self.by_people(assign=False)
        with self.capture_outbox() as outbox:
            order.action_assign()
            order.action_assign()
        (data,) = self.told(outbox, payload.RESERVED)
        self.assertEqual(
            {c["product"]["code"]: c["reserved"] for c in data["components"]},
            {"LEG": 20, "TOP": 10},
        )
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())

    def test_at_confirmation(self):
        self.picking_type.reservation_method = "at_confirm"
        with self.capture_outbox() as outbox:
            self.by_people(assign=False)
        self.assertEqual(len(self.told(outbox, payload.RESERVED)), 1)
        self.assertEqual(self.types(outbox), ["order.released", "components.reserved"])

    def test_scheduler(self):
        order = self.by_people(assign=False)
        order.move_raw_ids.reservation_date = "2020-01-01"
        with self.capture_outbox() as outbox:
            self.env["stock.rule"].run_scheduler()
        self.assertEqual(order.reservation_state, "assigned")
        told = self.told(outbox, payload.RESERVED)
        self.assertEqual(len([d for d in told if d["order"]["uuid"] == order.mfg_uuid]), 1)

    def test_given_up_and_again(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.do_unreserve()
            self.env.flush_all()
            order.action_assign()
        self.assertEqual(len(self.told(outbox, payload.RESERVED)), 1)

    def test_all_taken_is_no_reservation(self):
        order = self.by_people(assign=False)
        with self.capture_outbox() as outbox:
            for move in order.move_raw_ids:
                move.write({"quantity": move.product_uom_qty, "picked": True})
        self.assertEqual(order.reservation_state, "assigned")
        self.assertFalse(self.told(outbox, payload.RESERVED))


@tagged("post_install", "-at_install")
class TestShortage(MaterialCase):
    def test_button(self):
        self.put_in_stock(self.rare, 4)
        order = self.by_people(self.chest, assign=False)
        with self.capture_outbox() as outbox:
            order.action_assign()
            order.action_assign()
        (data,) = self.told(outbox, payload.SHORTAGE_DETECTED)
        self.assertEqual((data["product"]["code"], data["missing"]), ("RARE", 6))
        self.assertEqual(data["order"]["uuid"], order.mfg_uuid)
        self.assertTrue(data["need_by"])
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())

    def test_at_confirmation_after_the_release(self):
        self.picking_type.reservation_method = "at_confirm"
        with self.capture_outbox() as outbox:
            self.by_people(self.chest, assign=False)
        self.assertEqual(
            self.types(outbox),
            ["order.released", "material.shortage_detected"],
        )

    def test_nobody_asked(self):
        """Not reserved is not short."""
        with self.capture_outbox() as outbox:
            self.by_people(self.chest, assign=False)
        self.assertFalse(self.told(outbox, payload.SHORTAGE_DETECTED))

    def test_scheduler_finds_it_short_and_later_there(self):
        order = self.by_people(self.chest, assign=False)
        order.move_raw_ids.reservation_date = "2020-01-01"
        with self.capture_outbox() as outbox:
            self.env["stock.rule"].run_scheduler()
            self.assertEqual(len(self._of(order, outbox, payload.SHORTAGE_DETECTED)), 1)
            self.assertFalse(self._of(order, outbox, payload.SHORTAGE_RESOLVED))
            self.put_in_stock(self.rare, 10)
            self.env["stock.rule"].run_scheduler()
        (data,) = self._of(order, outbox, payload.SHORTAGE_RESOLVED)
        self.assertEqual((data["product"]["code"], data["quantity"]), ("RARE", 10))

    def _of(self, order, outbox, code):
        """The scheduler takes every order of the database."""
        told = self.told(outbox, code)
        return [data for data in told if data["order"]["uuid"] == order.mfg_uuid]

    def test_reserved_by_hand(self):
        order = self.by_people(self.chest)
        self.put_in_stock(self.rare, 10)
        with self.capture_outbox() as outbox:
            order.move_raw_ids.filtered(lambda m: m.product_id == self.rare).quantity = 10
        self.assertEqual(len(self.told(outbox, payload.SHORTAGE_RESOLVED)), 1)

    def test_less_is_needed(self):
        self.put_in_stock(self.rare, 4)
        order = self.by_people(self.chest)
        with self.capture_outbox() as outbox:
            self.env["change.production.qty"].create(
                {"mo_id": order.id, "product_qty": 4}
            ).change_prod_qty()
        self.assertEqual(len(self.told(outbox, payload.SHORTAGE_RESOLVED)), 1)

    def test_short_again(self):
        order = self.by_people(self.chest)
        self.put_in_stock(self.rare, 10)
        order.action_assign()
        order.do_unreserve()
        self.put_in_stock(self.rare, -5)
        with self.capture_outbox() as outbox:
            order.action_assign()
        self.assertEqual([d["missing"] for d in self.told(outbox, payload.SHORTAGE_DETECTED)], [5])

    def test_draft_is_not_known(self):
        order = self.make_order(self.chest, confirm=False)
        with self.capture_outbox() as outbox:
            order.move_raw_ids._action_assign()
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestConsumed(MaterialCase):
    def test_close(self):
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.button_mark_done()
        told = self.told(outbox, payload.CONSUMED)
        self.assertEqual(
            {d["product"]["code"]: d["quantity"] for d in told}, {"LEG": 20, "TOP": 10}
        )
        self.assertEqual({d["order"]["uuid"] for d in told}, {order.mfg_uuid})
        self.assertEqual(len(set(outbox.messages.mapped("ordering_key"))), 1)

    def test_before_the_close_with_a_lot(self):
        self.leg.tracking = "lot"
        lot = self.make_lot(self.leg, "LEGS-1")
        self.put_in_stock(self.leg, 100, lot)
        order = self.by_people(assign=False)
        move = order.move_raw_ids.filtered(lambda m: m.product_id == self.leg)
        move.move_line_ids = [
            (0, 0, {"product_id": self.leg.id, "lot_id": lot.id, "quantity": 5, "picked": True})
        ]
        move.picked = True
        with self.capture_outbox() as outbox:
            move._action_done()
        (data,) = self.told(outbox, payload.CONSUMED)
        self.assertEqual([(x["lot"], x["quantity"]) for x in data["lots"]], [("LEGS-1", 5)])

    def test_backorder_consumes_its_part(self):
        order = self.by_people()
        order.qty_producing = 6
        order.set_qty_producing()
        with self.capture_outbox() as outbox:
            Form.from_action(self.env, order.button_mark_done()).save().action_backorder()
        told = self.told(outbox, payload.CONSUMED)
        self.assertEqual({d["product"]["code"]: d["quantity"] for d in told}, {"LEG": 12, "TOP": 6})
        self.assertEqual(self.consumed(order), {"LEG": 12, "TOP": 6})

    def test_report(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            for workorder in order.workorder_ids:
                self.booked(workorder, 1, 10, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(len(self.told(outbox, payload.CONSUMED)), 2)

    def test_other_moves_are_none(self):
        move = self.env["stock.move"].create(
            {
                "product_id": self.leg.id,
                "product_uom_qty": 1,
                "location_id": self.location.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id,
            }
        )
        move._action_confirm()
        move.write({"quantity": 1, "picked": True})
        with self.capture_outbox() as outbox:
            move._action_done()
        self.assertEqual(move.state, "done")
        self.assertFalse(outbox.messages)


@tagged("post_install", "-at_install")
class TestLots(MaterialCase):
    def test_set_and_changed(self):
        self.table.tracking = "lot"
        order = self.by_people()
        one, two = self.make_lot(self.table, "L1"), self.make_lot(self.table, "L2")
        with self.capture_outbox() as outbox:
            order.lot_producing_ids = one
            order.lot_producing_ids = one
            order.write({"lot_producing_ids": [(6, 0, two.ids)]})
        self.assertEqual(
            [d["lots"] for d in self.told(outbox, payload.LOT_ASSIGNED)], [["L1"], ["L2"]]
        )

    def test_generated(self):
        self.table.tracking = "lot"
        order = self.by_people()
        with self.capture_outbox() as outbox:
            order.action_generate_serial()
        (data,) = self.told(outbox, payload.LOT_ASSIGNED)
        self.assertEqual(data["lots"], order.lot_producing_ids.mapped("name"))

    def test_at_entry(self):
        self.table.tracking = "lot"
        lot = self.make_lot(self.table, "L1")
        with self.capture_outbox() as outbox:
            self.make_order(confirm=False, lot_producing_ids=[(6, 0, lot.ids)])
            self.make_order(confirm=False)
        self.assertEqual([d["lots"] for d in self.told(outbox, payload.LOT_ASSIGNED)], [["L1"]])

    def test_report(self):
        self.table.tracking = "lot"
        order = self.make_order()
        with self.capture_outbox() as outbox:
            self.booked(order.workorder_ids[0], 1, 10, "finished", lot="L-9")
            self.booked(order.workorder_ids[1], 1, 10, "finished", lot="L-9")
        self.assertEqual([d["lots"] for d in self.told(outbox, payload.LOT_ASSIGNED)], [["L-9"]])


@tagged("post_install", "-at_install")
class TestUnbuild(MaterialCase):
    def _unbuild(self, **vals):
        return self.env["mrp.unbuild"].create(
            {"product_id": self.table.id, "bom_id": self.bom.id, "product_qty": 2, **vals}
        )

    def test_of_an_order(self):
        order = self.by_people()
        order.button_mark_done()
        unbuild = self._unbuild(mo_id=order.id)
        with self.capture_outbox() as outbox:
            unbuild.action_validate()
        (data,) = self.told(outbox, payload.UNBUILT)
        self.assertEqual((data["order"]["uuid"], data["quantity"]), (order.mfg_uuid, 2))
        self.assertEqual(data["unbuild"], unbuild.name)
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())
        self.assertFalse(self.events(outbox, payload.CONSUMED))
        self.assertFalse(self.events(outbox, production.COMPLETED))

    def test_without_an_order(self):
        self.put_in_stock(self.table, 5)
        with self.capture_outbox() as outbox:
            self._unbuild().action_validate()
        self.assertIsNone(self.told(outbox, payload.UNBUILT)[0]["order"])

    def test_a_question_is_no_fact(self):
        with self.capture_outbox() as outbox:
            self.assertIsInstance(self._unbuild().action_validate(), dict)
        self.assertFalse(outbox.messages)

    def test_wizard_that_answers_it(self):
        action = self._unbuild().action_validate()
        wizard = self.env[action["res_model"]].with_context(**action["context"]).create({})
        with self.capture_outbox() as outbox:
            wizard.action_done()
        self.assertEqual(len(self.told(outbox, payload.UNBUILT)), 1)
