"""Booking inbound messages: once, as the service user, all or nothing."""

from unittest.mock import patch

from odoo.addons.mfg_integration_base.models.mfg_message_queue import QUEUES
from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.tools import mute_logger

DISPATCHER = "odoo.addons.mfg_integration_base.models.mfg_inbox_dispatcher"


class TestInboxDispatcher(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.connector()
        cls.orders = cls.route(cls.source, "test.order.v1", handler="test_order")
        cls.order = cls.env["test.mfg.order"].create({"name": "T1", "quantity": 10})

    def report(self, quantity=1, then=None, order=None, **how):
        document = {"order": (order or self.order).mfg_uuid, "quantity": quantity}
        if then:
            document["then"] = then
        return self.inbox(self.orders, document, **how)

    def booked(self):
        return self.order.booked, self.order.booking_count

    def make_due(self):
        self.env.cr.execute(
            "UPDATE mfg_inbox_key SET due_at = '2000-01-01' WHERE due_at IS NOT NULL"
        )

    def test_booked_as_the_service_user(self):
        message = self.report(3)
        self.drain()
        self.assertEqual((message.state, message.result), ("done", '{"booked": 3.0}'))
        self.assertEqual(self.booked(), (3, 1))
        self.assertEqual(self.order.booked_by_id, self.source.service_user_id)
        [attempt] = message.attempt_ids
        self.assertEqual((attempt.direction, attempt.outcome), ("in", "delivered"))
        self.assertFalse(self.env["mfg.inbox.key"].search([("owner_id", "=", self.orders.id)]))

    def test_in_order_per_object(self):
        other = self.env["test.mfg.order"].create({"name": "T2", "quantity": 10})
        messages = self.report(1) + self.report(2) + self.report(5, order=other) + self.report(3)
        self.drain()
        self.assertEqual(set(messages.mapped("state")), {"done"})
        mine = messages.filtered(lambda m: m.ordering_key == self.order.mfg_uuid)
        attempts = mine.attempt_ids.sorted("id")
        self.assertEqual(attempts.inbox_message_id.ids, sorted(mine.ids))

    def test_every_way_to_fail_leaves_nothing_booked(self):
        cases = [
            # then, quantity -> state, reason, word in the detail
            ("reject", 1, "dead", "closed_order", "closed"),
            ("return_reject", 1, "dead", "closed_order", "closed"),
            ("retry", 1, "retrying", "server_error", "Not now"),
            ("raise", 1, "dead", "handler_failed", "ZeroDivisionError"),
            ("nonsense", 1, "dead", "handler_failed", "not an Outcome"),
            (None, 11, "dead", "refused_by_odoo", "more than was ordered"),
        ]
        for then, quantity, state, reason, word in cases:
            with self.subTest(then=then), mute_logger(DISPATCHER):
                # an order each: a message that waits holds the later ones of its order
                order = self.env["test.mfg.order"].create({"name": str(then), "quantity": 10})
                message = self.report(quantity, then, order)
                self.drain()
                self.assertEqual((message.state, message.reason_code), (state, reason))
                self.assertIn(word, message.detail)
                self.assertEqual((order.booked, order.booking_count), (0, 0))

    def test_unknown_reference_is_for_a_person(self):
        stranger = self.env["test.mfg.order"].create({"name": "gone"})
        message = self.report(1, order=stranger)
        stranger.unlink()
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "unknown_reference"))
        self.assertIn("/order", message.detail)

    def test_another_companys_order_is_unknown(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.env["test.mfg.order"].create(
            {"name": "F", "quantity": 5, "company_id": company.id}
        )
        message = self.report(1, order=foreign)
        self.drain()
        self.assertEqual(message.reason_code, "unknown_reference")
        self.assertEqual(foreign.booked, 0)

    def test_retry_after_the_cause_is_gone(self):
        message = self.report(11)
        self.drain()
        self.order.quantity = 20
        message.action_retry()
        self.drain()
        self.assertEqual((message.state, self.booked()), ("done", (11, 1)))
        self.assertEqual(
            message.attempt_ids.sorted("id").mapped("outcome"), ["rejected", "delivered"]
        )

    def test_dead_lets_later_ones_pass_by_default_and_parks_when_told_to(self):
        dead, later = self.report(11), self.report(1)
        self.drain()
        self.assertEqual((dead.state, later.state), ("dead", "done"))
        self.orders.on_dead = "park"
        dead, later = self.report(11), self.report(1)
        self.drain()
        self.assertEqual((dead.state, later.state), ("dead", "pending"))

    def test_what_the_booking_caused_names_its_cause_and_is_not_echoed(self):
        changed = self.env.ref("test_mfg_integration.event_type_order_changed")
        watcher = self.subscription(self.connector(), changed)
        self.subscription(self.source, changed)
        with self.capture_outbox() as outbox:
            message = self.report(1, "emit")
            self.drain()
        self.assertEqual(outbox.messages.subscription_id, watcher)
        event = outbox.messages.event_id
        self.assertEqual(event.causation_id, message.uuid)
        self.assertEqual(event.correlation_id, message.uuid)
        self.assertEqual(event.user_id, self.source.service_user_id)

    def test_a_rejection_is_told_in_the_transaction_that_buries(self):
        refused = self.env.ref("test_mfg_integration.event_type_order_refused")
        self.subscription(self.connector(), refused)
        with self.capture_outbox() as outbox:
            message = self.report(1, "reject")
            self.drain()
        self.assertEqual(outbox.data[0]["reason"], "closed_order")
        self.assertEqual(outbox.data[0]["message"], message.uuid)

    def test_a_serialization_failure_runs_the_booking_again(self):
        handler = type(self.env["mfg.inbox.handler.test_order"])
        original, calls = handler._handle, []

        def fail_once(self, *, message, document):
            calls.append(1)
            if len(calls) == 1:
                self.env.cr.execute("DO $$BEGIN RAISE SQLSTATE '40001'; END$$")
            return original(self, message=message, document=document)

        message = self.report(2)
        with (
            patch.object(handler, "_handle", fail_once),
            patch("odoo.service.model.time.sleep"),
            mute_logger("odoo.sql_db"),
        ):
            self.drain()
        self.assertEqual((len(calls), message.state, self.booked()), (2, "done", (2, 1)))

    def test_a_message_taken_over_meanwhile_is_not_booked_twice(self):
        message = self.report(2)
        queue = self.env["mfg.message.queue"]
        in_queue = QUEUES["in"]
        self.env.flush_all()
        queue._admit(in_queue, message.lane_id.id, 10)
        [lost] = queue._claim(in_queue, {self.orders.id: 1}, 1, "slow")
        self.make_due()
        [again] = queue._claim(in_queue, {self.orders.id: 1}, 1, "quick")
        dispatcher = self.env["mfg.inbox.dispatcher"]
        with self.enter_registry_test_mode(), mute_logger(DISPATCHER):
            dispatcher._process(again)
            dispatcher._process(lost)
        self.env.invalidate_all()
        self.assertEqual((message.state, self.booked()), ("done", (2, 1)))

    def test_paused_connector_books_later(self):
        self.source.action_pause()
        message = self.report(1)
        self.drain()
        self.assertEqual(message.state, "pending")
        self.source.action_activate()
        self.drain()
        self.assertEqual(message.state, "done")

    def test_archived_route_still_books_what_it_accepted(self):
        message = self.report(1)
        self.orders.active = False
        self.drain()
        self.assertEqual(message.state, "done")

    def test_a_context_from_outside_is_no_cause(self):
        forged = self.env["base"].with_context(
            mfg_cause={"message_uuid": "x", "connector_id": self.source.id}
        )
        self.assertIsNone(forged._mfg_cause())
