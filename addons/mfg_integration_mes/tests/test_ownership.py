"""Who runs an order: fixed at release, kept by its backorders, guarded against people."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestOwnership(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.user("mrp.group_mrp_user")
        cls.manager = cls.user("mrp.group_mrp_manager")

    def test_default(self):
        cases = [
            # saw, bench, operation type -> owner
            (False, False, False, "odoo"),
            (False, False, "mes", "mes"),
            ("mes", False, False, "mes"),
            ("mes", "odoo", False, "mes"),
            ("odoo", False, "mes", "odoo"),
            ("odoo", "odoo", "mes", "odoo"),
        ]
        for saw, bench, picking_type, owner in cases:
            with self.subTest(saw=saw, bench=bench, picking_type=picking_type):
                self.saw.mfg_owner_default = saw
                self.bench.mfg_owner_default = bench
                self.picking_type.mfg_owner_default = picking_type
                self.assertEqual(self.make_order().mfg_owner, owner)

    def test_fixed_at_release(self):
        order = self.make_order()
        self.saw.mfg_owner_default = self.bench.mfg_owner_default = "odoo"
        order.workorder_ids[0].workcenter_id = self.bench
        self.env.flush_all()
        self.assertEqual(order.mfg_owner, "mes")

    def test_chosen_by_hand_before_release(self):
        order = self.make_order(confirm=False)
        order.with_user(self.worker).mfg_owner = "odoo"
        order.action_confirm()
        self.assertEqual(order.mfg_owner, "odoo")
        self.assertFalse(any(order.move_raw_ids.mapped("manual_consumption")))

    def test_change_after_release_is_an_administrators(self):
        order = self.make_order()
        with self.assertRaises(UserError):
            order.with_user(self.worker).mfg_owner = "odoo"
        order.with_user(self.manager).mfg_owner = "odoo"
        self.env.flush_all()
        self.cr.precommit.run()  # tracking is written there
        self.assertEqual(order.message_ids[0].author_id, self.manager.partner_id)

    def test_people_are_stopped(self):
        order = self.make_order()
        simple = self.make_simple_order().with_user(self.worker)
        workorder = order.workorder_ids[0].with_user(self.worker)
        for press in (
            workorder.button_start,
            workorder.button_finish,
            workorder.action_mark_as_done,
            lambda: workorder.set_state("progress"),
            order.with_user(self.worker).button_mark_done,
            simple.action_start,
            simple.button_mark_done,
        ):
            with self.subTest(press), self.assertRaisesRegex(UserError, "shop-floor system"):
                press()
        self.assertEqual((order.state, workorder.state), ("confirmed", "ready"))

    def test_a_forged_context_does_not_help(self):
        workorder = self.make_order().workorder_ids[0].with_user(self.worker)
        forged = {"message_uuid": "x", "connector_id": 1, "correlation_id": "x", "traceparent": ""}
        with self.assertRaises(UserError):
            workorder.with_context(mfg_cause=forged, mfg_reported={"good": 1}).button_start()

    def test_a_release_cannot_be_unsaid(self):
        """The web client does not write read-only fields; anybody may, through RPC."""
        order = self.make_order().with_user(self.worker)
        before = (order.mfg_released_at, order.mfg_closed_at, order.mfg_revision)
        order.write({"mfg_released_at": False, "mfg_closed_at": "2020-01-01", "mfg_revision": 9})
        self.assertEqual((order.mfg_released_at, order.mfg_closed_at, order.mfg_revision), before)
        with self.assertRaisesRegex(UserError, "shop-floor system"):
            order.button_mark_done()
        with self.capture_outbox() as outbox:
            self.make_order(mfg_released_at="2020-01-01")
        self.assertIn("order.released", self.types(outbox))

    def test_a_backorder_cannot_be_kept_secret(self):
        self.saw.mfg_owner_default = self.bench.mfg_owner_default = False
        order = self.make_order()
        order.qty_producing = 4
        order.move_raw_ids.picked = True
        with self.capture_outbox() as outbox:
            order.with_context(
                mfg_release_later=True,
                skip_backorder=True,
                skip_consumption=True,
                skip_redirection=True,
                mo_ids_to_backorder=order.ids,
            ).button_mark_done()
        self.assertTrue(self.backorder(order).mfg_released_at)
        self.assertEqual(self.types(outbox).count("order.released"), 1)

    def test_scrap_cannot_be_counted_without_leaving_the_stock(self):
        clerk = self.user("stock.group_stock_user")
        scrap = (
            self.env["stock.scrap"]
            .with_user(clerk)
            .create({"product_id": self.leg.id, "scrap_qty": 3, "mfg_booking": "in_process"})
        )
        scrap.write({"mfg_booking": "at_close", "mfg_reason": "made up"})
        scrap.do_scrap()
        self.assertFalse(scrap.mfg_booking or scrap.mfg_reason)
        self.assertEqual(self.on_hand(self.leg), 997)

    def test_administrators_step_in_and_leave_a_note(self):
        order = self.make_order()
        order.workorder_ids[0].with_user(self.manager).button_start()
        self.assertIn("Operation started by hand", order.message_ids[0].body)
        self.assertEqual(order.message_ids[0].author_id, self.manager.partner_id)

    def test_people_run_their_own_orders(self):
        self.saw.mfg_owner_default = self.bench.mfg_owner_default = False
        order = self.make_order()
        order.workorder_ids[0].with_user(self.worker).button_start()
        self.assertEqual(order.workorder_ids[0].state, "progress")

    def test_uuid_cannot_be_chosen_and_never_changes(self):
        order = self.make_order(mfg_uuid="mine")
        uuid = order.mfg_uuid
        self.assertNotEqual(uuid, "mine")
        order.mfg_uuid = "mine"
        self.assertEqual(order.mfg_uuid, uuid)
        self.assertNotEqual(order.copy().mfg_uuid, uuid)
        self.assertEqual(len(set(order.workorder_ids.mapped("mfg_uuid"))), 2)
