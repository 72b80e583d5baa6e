"""Whose a field is: people are stopped or leave a conflict; reports keep to what was decided."""

from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MesCase


@tagged("post_install", "-at_install")
class TestOwnershipRules(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.user("mrp.group_mrp_user")
        cls.manager = cls.user("mrp.group_mrp_manager")
        cls.operator = cls.user("mfg_integration_base.group_operator", "mrp.group_mrp_user")
        cls.progress_rule = cls.env.ref("mfg_integration_mes.ownership_progress")
        cls.consumption_rule = cls.env.ref("mfg_integration_mes.ownership_consumption")

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.saw, self.bench = self.order.workorder_ids

    def conflicts(self, order=None):
        key = (order or self.order)._mfg_ordering_key()
        return self.env["mfg.conflict"].search([("ordering_key", "=", key)])

    def edit(self, quantity, user=None, workorder=None):
        (workorder or self.saw).with_user(user or self.worker).qty_produced = quantity
        self.env.flush_all()

    # === People === #

    def test_people_are_stopped(self):
        self.booked(self.saw, 1, 4)
        with self.assertRaisesRegex(UserError, "is the shop floor's"):
            self.edit(6)
        self.assertEqual(self.saw.qty_produced, 4)
        move = self.order.move_raw_ids[0].with_user(self.worker)
        with self.assertRaisesRegex(UserError, "is the shop floor's"):
            move.quantity = 3
        self.assertFalse(self.conflicts())

    def test_odoos_own_fields_are_free(self):
        self.order.with_user(self.worker).priority = "1"
        self.order.with_user(self.worker).button_plan()
        self.assertFalse(self.conflicts())

    def test_a_rule_may_give_them_away(self):
        self.env.ref("mfg_integration_mes.ownership_priority").owner = "mes"
        with self.assertRaisesRegex(UserError, "is the shop floor's"):
            self.order.with_user(self.worker).priority = "1"
        # The same value again is no edit.
        self.order.with_user(self.worker).priority = "0"

    def test_orders_that_people_run_are_not_guarded(self):
        self.order.mfg_owner = "odoo"
        self.edit(6)
        self.assertEqual(self.saw.qty_produced, 6)
        self.assertFalse(self.conflicts())

    def test_an_administrator_passes_and_leaves_a_conflict(self):
        self.booked(self.saw, 1, 4)
        self.edit(6, self.manager)
        conflict = self.conflicts()
        self.assertEqual(
            (conflict.here, conflict.there, conflict.winner, conflict.rule, conflict.state),
            ("6", "4", "there", "owner_wins", "decided"),
        )
        self.assertEqual((conflict.here_by_id, conflict.connector_id), (self.manager, self.mes))
        self.assertEqual(self.order.mfg_conflict_count, 1)
        self.booked(self.saw, 2, 5)
        self.assertEqual(self.saw.qty_produced, 5, "the owner's next report takes its place")

    def test_scrap_by_hand(self):
        vals = {
            "product_id": self.table.id,
            "production_id": self.order.id,
            "scrap_qty": 1,
            "product_uom_id": self.table.uom_id.id,
        }
        with self.assertRaisesRegex(UserError, "is the shop floor's"):
            self.env["stock.scrap"].with_user(self.worker).create(vals)
        # Components are scrapped as ever.
        self.env["stock.scrap"].with_user(self.worker).create(
            vals | {"product_id": self.leg.id, "product_uom_id": self.leg.uom_id.id}
        )
        self.assertFalse(self.conflicts())
        self.env["stock.scrap"].with_user(self.manager).create(vals)
        self.assertEqual(self.conflicts().field_group, "scrap")

    # === Reports === #

    def test_odoo_owns_it(self):
        self.booked(self.saw, 1, 4)
        self.progress_rule.owner = "odoo"
        self.edit(6)
        conflict = self.conflicts()
        self.assertEqual((conflict.here, conflict.there, conflict.winner), ("6", "4", "here"))
        self.booked(self.saw, 2, 5)
        self.assertEqual(self.saw.qty_produced, 6)

    def test_odoo_is_newer(self):
        self.booked(self.saw, 1, 4, ended_at="2026-11-20T05:00:00Z")
        self.progress_rule.write({"on_conflict": "newest_wins", "guard": "warn"})
        self.edit(6)
        self.assertEqual(self.conflicts().winner, "here")
        self.booked(self.saw, 2, 5, ended_at="2026-11-20T06:00:00Z")
        self.assertEqual(self.saw.qty_produced, 6, "an older report does not count against it")
        self.assertEqual(self.conflicts().winner, "here")

    def test_a_newer_report_wins(self):
        self.booked(self.saw, 1, 4)
        self.progress_rule.write({"on_conflict": "newest_wins", "guard": "warn"})
        self.edit(6)
        self.conflicts().here_at = "2026-11-20 05:00:00"
        self.booked(self.saw, 2, 5, ended_at="2026-11-20T06:00:00Z")
        self.assertEqual(self.saw.qty_produced, 5)
        self.assertEqual(self.conflicts().winner, "there")

    def waiting(self):
        self.booked(self.saw, 1, 4)
        self.progress_rule.write({"on_conflict": "decide", "guard": "warn"})
        self.edit(6)
        message = self.rejected(self.saw, 2, 5)
        self.assertEqual(message.reason_code, "conflict")
        self.assertIn("(/good_total)", message.detail)
        self.assertEqual(self.saw.qty_produced, 6)
        return message

    def decide(self, winner):
        conflict = self.conflicts().with_user(self.operator)
        action = conflict.action_take_theirs() if winner == "there" else conflict.action_keep_ours()
        wizard = self.env[action["res_model"]].with_user(self.operator)
        wizard.with_context(**action["context"]).create({"reason": "Counted"}).action_decide()
        self.drain()

    def test_decided_for_the_shop_floor(self):
        message = self.waiting()
        self.decide("there")
        self.assertEqual((message.state, self.saw.qty_produced), ("done", 5))
        conflict = self.conflicts()
        self.assertEqual((conflict.decided_by_id, conflict.reason), (self.operator, "Counted"))
        entry = self.env["mfg.audit.entry"].search([("model", "=", "mfg.conflict")], limit=1)
        self.assertEqual((entry.act, entry.after), ("decide", "there"))
        with self.assertRaisesRegex(UserError, "is decided"):
            conflict.with_user(self.operator)._decide("here", "Again")

    def test_decided_for_odoo(self):
        message = self.waiting()
        self.decide("here")
        self.assertEqual((message.state, self.saw.qty_produced), ("done", 6))
        self.booked(self.saw, 3, 10, "finished")
        self.assertEqual((self.saw.state, self.saw.qty_produced), ("done", 6))

    def test_consumption_that_stands(self):
        order = self.make_simple_order()
        self.consumption_rule.write({"on_conflict": "newest_wins", "guard": "warn"})
        leg = order.move_raw_ids.filtered(lambda move: move.product_id == self.leg)
        leg.with_user(self.worker).quantity = 17
        self.assertEqual(self.conflicts(order).here, "17")
        lines = [{"product": "LEG", "quantity": 20}, {"product": "TOP", "quantity": 10}]
        self.booked(
            order, 1, 10, "finished", consumption=lines, ended_at="2026-11-20T06:00:00Z"
        )  # fmt: skip
        self.assertEqual(self.consumed(order), {"LEG": 17, "TOP": 10})

    # === Rules === #

    def test_the_most_special_rule_decides(self):
        rules = self.env["mfg.ownership.rule"]
        rules.create(
            {"field_group": "progress", "workcenter_id": self.saw.workcenter_id.id, "guard": "warn"}
        )
        self.edit(3)
        self.assertEqual(len(self.conflicts()), 1)
        with self.assertRaises(UserError):
            self.edit(3, workorder=self.bench)

    def test_one_rule_for_one_place(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            self.env["mfg.ownership.rule"].create({"field_group": "progress", "company_id": False})

    def test_changes_of_rules_are_audited(self):
        self.progress_rule.with_user(self.manager).on_conflict = "decide"
        entry = self.env["mfg.audit.entry"].search([("model", "=", "mfg.ownership.rule")], limit=1)
        self.assertEqual(
            (entry.before, entry.after),
            ("mes, owner_wins, stop", "mes, decide, stop"),
        )
