from psycopg2 import IntegrityError

from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import file_open, mute_logger


@tagged("post_install", "-at_install")
class TestQualityHold(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.product = cls.env["product.product"].create(
            {"name": "Shaft", "is_storable": True, "tracking": "lot"}
        )
        cls.lot = cls.env["stock.lot"].create({"name": "L-1", "product_id": cls.product.id})
        cls.location = cls.env["stock.warehouse"].search([], limit=1).lot_stock_id
        cls.shelf = cls.env["stock.location"].create(
            {"name": "Shelf", "location_id": cls.location.id}
        )
        cls.operator = cls.user("mfg_integration_base.group_operator", "stock.group_stock_user")

    def hold(self, user=None, **vals):
        return (
            self.env["mfg.quality.hold"]
            .with_user(user or self.operator)
            .create({"lot_id": self.lot.id, "reason": "Too soft", **vals})
        )

    def test_a_hold_says_who_when_and_what(self):
        hold = self.hold(placed_by_id=self.env.ref("base.user_admin").id, state="released")
        self.assertEqual(hold.placed_by_id, self.operator)
        self.assertTrue(hold.placed_at)
        self.assertEqual(hold.state, "active")
        self.assertEqual(hold.product_id, self.product)
        self.assertRegex(hold.name, r"^QH/\d{4}/\d{5}$")
        self.assertTrue(hold.mfg_uuid)
        self.assertFalse(hold.source_message_uuid)

    def test_the_form_knows_the_product_from_the_lot(self):
        with Form(self.env["mfg.quality.hold"].with_user(self.operator)) as form:
            form.lot_id = self.lot
            self.assertEqual(form.product_id, self.product)
            form.reason = "Too soft"
        self.assertEqual(form.record.lot_id, self.lot)

    def test_lot_or_location(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.hold(lot_id=False, product_id=self.product.id)
        hold = self.hold(lot_id=False, product_id=self.product.id, location_id=self.location.id)
        self.assertEqual(hold.location_id, self.location)

    def test_the_lot_is_of_the_product(self):
        other = self.env["product.product"].create({"name": "Gear", "is_storable": True})
        with self.assertRaisesRegex(ValidationError, "Lot L-1 is of Shaft, not of Gear"):
            self.hold(product_id=other.id)

    def test_a_reason_is_more_than_blanks(self):
        with self.assertRaises(ValidationError):
            self.hold(reason="  ")

    def test_what_is_on_hand_under_the_hold(self):
        quants = self.env["stock.quant"]
        quants._update_available_quantity(self.product, self.location, 7, lot_id=self.lot)
        quants._update_available_quantity(self.product, self.shelf, 5, lot_id=self.lot)
        self.assertEqual(self.hold().quantity, 12)
        shelf = self.hold(lot_id=False, product_id=self.product.id, location_id=self.shelf.id)
        self.assertEqual(shelf.quantity, 5)
        whole = self.hold(lot_id=False, product_id=self.product.id, location_id=self.location.id)
        self.assertEqual(whole.quantity, 12)

    def test_the_lot_shows_its_active_holds(self):
        first = self.hold()
        self.hold()
        self.assertEqual(self.lot.mfg_hold_count, 2)
        first._release("Inspected again")
        self.lot.invalidate_recordset()
        warehouse_user = self.user("stock.group_stock_user")
        self.assertEqual(self.lot.with_user(warehouse_user).mfg_hold_count, 1)

    # === Evidence === #

    def test_a_hold_never_changes(self):
        hold = self.hold()
        for vals in ({"reason": "x"}, {"state": "released"}, {"lot_id": False}):
            with self.subTest(vals=vals), self.assertRaisesRegex(UserError, "does not change"):
                hold.write(vals)
            with self.subTest(vals=vals, superuser=True), self.assertRaises(UserError):
                hold.sudo().write(vals)

    def test_a_hold_cannot_be_deleted(self):
        manager = self.user("mfg_integration_base.group_manager")
        hold = self.hold()
        with self.assertRaises(AccessError):
            hold.with_user(manager).unlink()
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            hold.sudo().unlink()

    def test_a_held_lot_cannot_be_deleted(self):
        self.hold()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.lot.unlink()

    # === Release === #

    def release(self, holds, reason, user=None):
        holds = holds.with_user(user or self.operator)
        action = holds.action_release()
        wizard = (
            self.env[action["res_model"]]
            .with_user(user or self.operator)
            .with_context(**action["context"])
            .create({"reason": reason})
        )
        wizard.action_release()

    def test_a_release_says_who_when_and_why(self):
        holds = self.hold() | self.hold()
        colleague = self.user("mfg_integration_base.group_operator", "stock.group_stock_user")
        self.release(holds, " Inspected again ", user=colleague)
        for hold in holds:
            self.assertEqual(hold.state, "released")
            self.assertEqual(hold.released_by_id, colleague)
            self.assertTrue(hold.released_at)
            self.assertEqual(hold.release_reason, "Inspected again")
            self.assertEqual(hold.placed_by_id, self.operator)

    def test_a_release_is_final(self):
        hold = self.hold()
        self.release(hold, "Inspected again")
        with self.assertRaisesRegex(UserError, "already released"):
            hold.action_release()
        with self.assertRaisesRegex(UserError, "already released"):
            hold._release("Once more")
        with self.assertRaises(UserError):
            hold.write({"state": "active"})

    def test_a_release_needs_a_reason(self):
        hold = self.hold()
        with self.assertRaisesRegex(UserError, "Say why"):
            self.release(hold, "  ")
        self.assertEqual(hold.state, "active")

    def test_viewers_neither_place_nor_release(self):
        viewer = self.user("mfg_integration_base.group_viewer", "stock.group_stock_user")
        hold = self.hold()
        self.assertEqual(hold.with_user(viewer).reason, "Too soft")
        with self.assertRaises(AccessError):
            self.hold(user=viewer)
        with self.assertRaises(AccessError):
            hold.with_user(viewer).action_release()
        with self.assertRaises(AccessError):
            hold.with_user(viewer)._release("Because")

    def test_other_companies_see_nothing(self):
        hold = self.hold()
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.user(
            "mfg_integration_base.group_operator", "stock.group_stock_user", company=other
        )
        self.assertFalse(self.env["mfg.quality.hold"].with_user(stranger).search([]) & hold)
        with self.assertRaises(AccessError):
            hold.with_user(stranger).action_release()

    def test_a_neutralized_copy_keeps_its_holds(self):
        hold = self.hold()
        self.env.flush_all()
        with file_open("mfg_integration_quality/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.assertEqual(hold.state, "active")
