from unittest.mock import patch

from odoo.exceptions import AccessError, UserError

from ..exceptions import BusinessReject
from .common import MfgCase
from .partner import Partner


class TestErrorQueue(MfgCase):
    """What waits for a person, of both directions, in one list."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = cls.event_type("mfg.test.thing.happened.v1")
        cls.sender = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        cls.subscription(cls.sender, cls.type)
        cls.route_in = cls.route(cls.sender)
        cls.thing = cls.env["res.partner"].create({"name": "Thing"})
        cls.operator = cls.user("mfg_integration_base.group_operator")

    def setUp(self):
        super().setUp()
        self.partner = Partner(self.secret(self.sender))
        self.partner.__enter__()
        self.addCleanup(self.partner.__exit__)
        self.sender.url = self.partner.url
        # One message dead in each direction, and one delivered beside them.
        self.partner.script = [400]
        other = self.env["res.partner"].create({"name": "Other"})
        with self.capture_outbox() as outbox:
            self.thing._mfg_emit(self.type.code, {"n": 1})
        self.out = outbox.messages
        self.come_in = self.inbox(self.route_in, {"n": 1})
        handler = type(self.env["mfg.inbox.handler.ping"])
        reject = BusinessReject("unknown_reference", "Nobody knows it.", "/n")
        with patch.object(handler, "_handle", side_effect=reject):
            self.drain()
        other._mfg_emit(self.type.code, {"n": 2})
        self.drain()

    def dead(self, user=None):
        queue = self.env["mfg.message.dead"].with_user(user or self.operator)
        return queue.search([("connector_id", "=", self.sender.id)])

    def test_shows_both_directions_and_nothing_else(self):
        rows = {row.uuid: row for row in self.dead()}
        self.assertEqual(set(rows), {self.out.uuid, self.come_in.uuid})
        sent, received = rows[self.out.uuid], rows[self.come_in.uuid]
        self.assertEqual(
            (sent.direction, sent.message_type, sent.reason_code),
            ("out", self.type.code, "rejected_by_partner"),
        )
        self.assertEqual(
            (received.direction, received.message_type, received.reason_code),
            ("in", self.route_in.message_type, "unknown_reference"),
        )
        self.assertIn("Nobody knows it.", received.detail)
        self.assertEqual((sent.record_name, received.record_name), ("Thing", False))
        self.assertTrue(received.reason_hint)

    def test_a_reason_has_its_name_when_grouped(self):
        groups = self.env["mfg.message.dead"].formatted_read_group(
            [("connector_id", "=", self.sender.id)], ["reason_code"], ["__count"]
        )
        self.assertEqual(
            {group["reason_code"]: group["__count"] for group in groups},
            {"rejected_by_partner": 1, "unknown_reference": 1},
        )
        labels = dict(
            self.env["mfg.message.dead"]._fields["reason_code"]._description_selection(self.env)
        )
        self.assertEqual(labels["unknown_reference"], "Names something unknown")

    def test_a_row_opens_its_message(self):
        for row in self.dead():
            action = row.action_open()
            message = self.env[action["res_model"]].browse(action["res_id"])
            self.assertEqual(message.uuid, row.uuid)

    def test_retry_of_both_directions_at_once(self):
        self.dead().action_retry()
        self.assertEqual((self.out.state, self.come_in.state), ("pending", "pending"))
        self.assertFalse(self.dead())
        self.drain()
        self.assertEqual((self.out.state, self.come_in.state), ("done", "done"))

    def test_cancel_of_both_directions_with_one_reason(self):
        action = self.dead().action_cancel()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.operator)
            .with_context(**action["context"])
            .create({"reason": "Booked by hand"})
        )
        self.assertEqual(wizard.message_count, 2)
        wizard.action_cancel()
        for message in (self.out, self.come_in):
            self.assertEqual(message.state, "cancelled")
            self.assertIn("Booked by hand", message.detail)
            self.assertIn(self.operator.name, message.detail)
        self.assertFalse(self.dead())

    def test_a_row_that_somebody_else_retried_is_no_error(self):
        rows = self.dead()
        self.out.action_retry()
        self.env.invalidate_all()
        rows.action_retry()
        self.assertEqual((self.out.state, self.come_in.state), ("pending", "pending"))

    def test_viewers_see_and_do_nothing(self):
        viewer = self.user("mfg_integration_base.group_viewer")
        self.assertEqual(len(self.dead(viewer)), 2)
        with self.assertRaises(UserError):
            self.dead(viewer).action_retry()
        with self.assertRaises(UserError):
            self.dead(viewer).action_cancel()
        self.assertEqual((self.out.state, self.come_in.state), ("dead", "dead"))

    def test_other_companies_see_nothing(self):
        company = self.env["res.company"].create({"name": "Other"})
        stranger = self.user("mfg_integration_base.group_operator", company=company)
        self.assertFalse(self.dead(stranger))
        rows = self.dead().with_user(stranger)
        with self.assertRaises(AccessError):
            rows.action_retry()

    def test_the_queue_itself_cannot_be_written(self):
        for user in (self.operator, self.user("mfg_integration_base.group_manager")):
            with self.assertRaises(AccessError):
                self.dead(user).write({"detail": "x"})
            with self.assertRaises(AccessError):
                self.dead(user).unlink()
