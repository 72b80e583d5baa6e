"""More than ordered: where the company says so, it waits for somebody who may allow it."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestOverReport(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.mfg_over_rule = "approve"
        cls.approver = cls.user("mfg_integration_base.group_approver")
        cls.operator = cls.user("mfg_integration_base.group_operator")

    def _waiting(self, *arguments, **values):
        message = self.rejected(*arguments, **values)
        self.assertEqual(message.reason_code, "awaiting_approval", message.detail)
        return message

    def test_approved_it_is_booked_as_it_is(self):
        order = self.make_simple_order()
        message = self._waiting(order, 1, 12, "finished", **self.scrap(1))
        self.assertEqual(self.produced(order), 0)
        message.with_user(self.approver).action_mfg_approve_over()
        self.drain()
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual((order.state, self.produced(order)), ("done", 12))
        self.assertEqual(order.mfg_over_approved, 13)

    def test_what_is_approved_is_approved_for_later_operations_too(self):
        order = self.make_order()
        first, second = order.workorder_ids
        self._waiting(first, 1, 12).with_user(self.approver).action_mfg_approve_over()
        self.drain()
        self.assertEqual(first.qty_produced, 12)
        self.booked(second, 1, 12)
        self._waiting(second, 2, 13)

    def test_who_said_so_is_in_the_audit_trail_and_on_the_order(self):
        order = self.make_simple_order()
        message = self._waiting(order, 1, 12)
        message.with_user(self.approver).action_mfg_approve_over()
        [entry] = self.env["mfg.audit.entry"].search(
            [("model", "=", message._name), ("res_id", "=", message.id), ("act", "=", "retry")]
        )
        self.assertEqual(entry.user_id, self.approver)
        self.assertIn("more than ordered", entry.reason)
        self.assertIn(self.approver.name, order.message_ids[0].body)
        self.assertIn("12 Units", order.message_ids[0].body)

    def test_only_approvers_and_only_what_waits(self):
        order = self.make_simple_order()
        message = self._waiting(order, 1, 12)
        with self.assertRaises(AccessError):
            message.with_user(self.operator).action_mfg_approve_over()
        self.env.company.mfg_over_rule = "refuse"
        other = self.rejected(order, 2, 13)
        self.assertEqual(other.reason_code, "over_report")
        with self.assertRaises(UserError):
            other.with_user(self.approver).action_mfg_approve_over()

    def test_what_others_reported_counts(self):
        other = self.connector(code="mes2", category="mes")
        route = self.route(other, "production.report.v1", handler="production_report")
        first = self.make_order().workorder_ids[0]
        self.booked(first, 1, 6)
        message = self._waiting(first, 1, 5, route=route)
        message.with_user(self.approver).action_mfg_approve_over()
        self.drain()
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(first.qty_produced, 11)
        self._waiting(first, 2, 6, route=route)

    def test_a_retry_alone_changes_nothing(self):
        order = self.make_simple_order()
        message = self._waiting(order, 1, 12)
        message.with_user(self.operator).action_retry()
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "awaiting_approval"))

    def test_nobody_writes_an_approval(self):
        order = self.make_simple_order()
        order.mfg_over_approved = 100
        self.assertEqual(order.mfg_over_approved, 0)
        self._waiting(order, 1, 12)

    def test_within_the_tolerance_nobody_is_asked(self):
        self.env.company.mfg_over_tolerance = 20
        self.booked(self.make_simple_order(), 1, 12, "finished")
