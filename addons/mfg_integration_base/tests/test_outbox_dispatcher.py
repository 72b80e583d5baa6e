from unittest.mock import patch

import psycopg2

from odoo.tools import mute_logger

from ..exceptions import StateWriteRefused
from ..models.mfg_message_queue import QUEUES, Settled
from ..tools.lifecycle import State
from .common import MfgCase
from .partner import Partner

QUEUE = QUEUES["out"]


class OutboxCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = cls.event_type("mfg.test.thing.happened.v1")
        cls.code = cls.type.code
        cls.sender = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        # No time of these passes by itself, however slow the machine is; see make_due.
        patient = cls.env["mfg.retry.policy"].create(
            {"name": "Patient", "schedule": "1h " * 14, "jitter": 0}
        )
        cls.subscriber = cls.subscription(cls.sender, cls.type, retry_policy_id=patient.id)
        cls.lane = cls.subscriber.lane_id
        cls.first, cls.second = cls.env["res.partner"].create([{"name": "A"}, {"name": "B"}])

    def setUp(self):
        super().setUp()
        self.partner = Partner(self.secret(self.sender))
        self.partner.__enter__()
        self.addCleanup(self.partner.__exit__)
        self.sender.url = self.partner.url

    def emit(self, record, *numbers):
        """One event per number, in this order; the messages."""
        with self.capture_outbox() as outbox:
            for number in numbers:
                record._mfg_emit(self.code, {"n": number})
        return outbox.messages

    def got(self):
        return [
            (request.event["subject"][-1:], request.data["n"]) for request in self.partner.received
        ]

    def numbers(self):
        return [request.data["n"] for request in self.partner.received]

    def make_due(self):
        """Let all waiting times pass."""
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = '2000-01-01' WHERE due_at IS NOT NULL"
        )

    def key_of(self, message):
        return self.env["mfg.outbox.key"].browse(message.key_id)


class TestDelivery(OutboxCase):
    def test_delivered_signed_and_recorded(self):
        message = self.emit(self.first, 1)
        self.drain()
        [request] = self.partner.received
        self.assertEqual(request.message_id, message.uuid)
        self.assertEqual(request.event["id"], message.event_id.uuid)
        self.assertEqual(request.event["type"], self.code)
        self.assertEqual(
            request.headers["content-type"], "application/cloudevents+json; charset=utf-8"
        )
        self.assertEqual((message.state, message.attempt_count), ("done", 1))
        [attempt] = message.attempt_ids
        self.assertEqual((attempt.outcome, attempt.http_status), ("delivered", 200))
        self.assertEqual(attempt.credential_id, self.sender.credential_ids)
        self.assertGreaterEqual(attempt.closed_at, attempt.started_at)
        self.assertNotIn(request.headers["webhook-signature"], attempt.request_excerpt)
        self.assertFalse(self.key_of(message).exists(), "a key without messages is removed")
        self.assertTrue(self.sender.last_success_at)

    def test_order_per_object(self):
        for number in range(1, 6):
            self.emit(self.first, number)
            self.emit(self.second, number)
        self.drain()
        for record in (self.first, self.second):
            mine = [
                r.data["n"]
                for r in self.partner.received
                if r.event["subject"].endswith(f"/{record.id}")
            ]
            self.assertEqual(mine, [1, 2, 3, 4, 5])

    def test_sequence_grows_per_object(self):
        self.emit(self.first, 1, 2, 3)
        self.drain()
        sequences = [request.event["sequence"] for request in self.partner.received]
        self.assertEqual(sequences, sorted(set(sequences)))

    def test_unordered_messages_do_not_wait_for_each_other(self):
        self.subscriber.ordering = "none"
        self.partner.script = [400]
        self.emit(self.first, 1, 2, 3)
        self.drain()
        self.assertEqual(sorted(self.numbers()), [1, 2, 3])

    def test_more_than_the_connector_may_have_in_flight(self):
        self.sender.max_in_flight = 2
        partners = self.env["res.partner"].create([{"name": str(n)} for n in range(9)])
        partners._mfg_emit(self.code, lambda partner: {"n": int(partner.name)})
        self.drain()
        self.assertEqual(sorted(self.numbers()), list(range(9)))


class TestFailure(OutboxCase):
    def test_server_error_waits_and_holds_its_own_key_only(self):
        self.partner.script = [500]
        held, later = self.emit(self.first, 1, 2)
        self.drain()
        self.assertEqual((held.state, held.reason_code), ("retrying", "server_error"))
        self.assertEqual(later.state, "pending")
        other = self.emit(self.second, 3)
        self.drain()
        self.assertEqual((other.state, later.state), ("done", "pending"))
        self.make_due()
        self.drain()
        self.assertEqual((held.state, later.state), ("done", "done"))
        mine = [r for r in self.partner.received if r.data["n"] in (1, 2)]
        self.assertEqual([r.data["n"] for r in mine], [1, 1, 2])
        self.assertEqual(mine[0].message_id, mine[1].message_id, "a repeat has the same id")

    def test_policy_ends_in_the_error_queue(self):
        self.subscriber.retry_policy_id = self.env["mfg.retry.policy"].create(
            {"name": "Twice", "schedule": "1h", "jitter": 0}
        )
        self.partner.script = [503, 503, 503]
        message = self.emit(self.first, 1)
        for _attempt in range(3):
            self.make_due()
            self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "attempts_exhausted"))
        self.assertEqual(message.attempt_count, 2)
        self.assertIn("2 attempts", message.detail)

    def test_rejection_parks_the_key(self):
        self.partner.script = [400]
        self.partner.body = b'{"error": "no such thing"}'
        dead, later = self.emit(self.first, 1, 2)
        self.drain()
        other = self.emit(self.second, 3)
        self.drain()
        self.assertEqual((dead.state, dead.reason_code), ("dead", "rejected_by_partner"))
        self.assertEqual((later.state, other.state), ("pending", "done"))
        self.assertFalse(self.key_of(dead).due_at, "a parked key leaves the index of claims")
        self.assertIn("no such thing", dead.attempt_ids.response_excerpt)

    def test_rejection_lets_pass_when_told_to(self):
        self.subscriber.on_dead = "skip"
        self.partner.script = [400]
        dead, later = self.emit(self.first, 1, 2)
        self.drain()
        self.assertEqual((dead.state, later.state), ("dead", "done"))
        dead.action_retry()
        self.drain()
        self.assertEqual(dead.state, "done")

    def test_gone_pauses_the_subscription_and_tells_the_owner(self):
        self.partner.script = [410]
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "gone"))
        self.assertEqual(self.subscriber.state, "paused")
        self.assertEqual(self.sender.activity_ids.user_id, self.sender.owner_id)

    def test_gone_pauses_the_subscription_though_nobody_can_be_told(self):
        """An automation of somebody's that fails on activities stops no lane."""
        self.partner.script = [410]
        message = self.emit(self.first, 1)
        with (
            patch.object(type(self.env["mail.activity"]), "create", side_effect=ZeroDivisionError),
            mute_logger("odoo.addons.mfg_integration_base.models.mfg_subscription"),
        ):
            self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "gone"))
        self.assertEqual(self.subscriber.state, "paused")

    def test_a_malformed_event_stops_nobody(self):
        """A model's own subject or key may hold what CloudEvents does not allow."""
        with patch.object(type(self.first), "_mfg_subject", lambda _self: "res.partner/tab\there"):
            bad = self.emit(self.first, 1)
        good = self.emit(self.second, 2)
        self.drain()
        self.assertEqual((bad.state, bad.reason_code), ("dead", "prepare_failed"))
        self.assertIn("subject", bad.detail)
        self.assertEqual(good.state, "done")
        self.assertEqual(self.numbers(), [2])

    def test_redirects_are_not_followed(self):
        self.partner.script = [302]
        self.partner.headers = {"Location": self.partner.url}
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "redirected"))
        self.assertEqual(len(self.partner.received), 1)

    def test_nobody_listens(self):
        self.sender.url = "http://127.0.0.1:9/"
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("retrying", "unreachable"))
        self.assertTrue(self.sender.last_failure_at)

    def test_private_address_without_permission(self):
        self.sender.allow_list = False
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual(message.reason_code, "blocked_address")
        self.assertFalse(self.partner.received)

    def test_a_message_that_cannot_be_prepared_stops_nobody(self):
        mute = self.connector(
            code="mute", allow_http=True, allow_list="127.0.0.1", url=self.partner.url
        )
        mute.credential_ids.active = False
        self.subscription(mute, self.type, lane_id=self.lane.id)
        messages = self.emit(self.first, 1)
        self.drain()
        dead = messages.filtered(lambda m: m.connector_id == mute)
        self.assertEqual((dead.state, dead.reason_code), ("dead", "prepare_failed"))
        self.assertIn("no valid signing secret", dead.attempt_ids.detail)
        self.assertEqual((messages - dead).state, "done")


class TestPeople(OutboxCase):
    def test_retry_sends_the_same_message_before_the_later_ones(self):
        self.partner.script = [400]
        dead, later = self.emit(self.first, 1, 2)
        self.drain()
        dead.action_retry()
        self.assertEqual((dead.state, dead.tries), ("pending", 0))
        self.drain()
        self.assertEqual((dead.state, later.state), ("done", "done"))
        self.assertEqual(self.numbers(), [1, 1, 2])
        self.assertEqual(dead.attempt_count, 2)
        self.assertEqual(len({r.message_id for r in self.partner.received[:2]}), 1)

    def test_cancel_lets_the_later_ones_go(self):
        self.partner.script = [400]
        dead, later = self.emit(self.first, 1, 2)
        self.drain()
        action = dead.action_cancel()
        wizard = (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create({"reason": "typo"})
        )
        wizard.action_cancel()
        self.assertEqual((dead.state, dead.reason_code), ("cancelled", "cancelled_by_user"))
        self.assertIn("typo", dead.detail)
        self.drain()
        self.assertEqual(later.state, "done")

    def test_a_message_that_was_never_admitted_can_be_cancelled(self):
        message = self.emit(self.first, 1)
        self.env["mfg.message.queue"]._cancel(message, "test")
        self.drain()
        self.assertEqual(message.state, "cancelled")
        self.assertFalse(self.partner.received)

    def test_done_is_final(self):
        message = self.emit(self.first, 1)
        self.drain()
        with self.assertRaisesRegex(Exception, "done cannot retry"):
            message.action_retry()

    def test_viewer_may_not_retry(self):
        message = self.emit(self.first, 1)
        viewer = self.user("mfg_integration_base.group_viewer")
        with self.assertRaises(StateWriteRefused):
            message.with_user(viewer).action_retry()

    def test_paused_connector_waits(self):
        self.sender.action_pause()
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual(message.state, "pending")
        self.sender.action_activate()
        self.drain()
        self.assertEqual(message.state, "done")

    def test_retired_connector_gets_nothing_written(self):
        self.sender.action_retire()
        self.assertFalse(self.emit(self.first, 1))

    def test_changing_the_lane_takes_waiting_messages_along(self):
        self.sender.action_pause()
        admitted = self.emit(self.first, 1)
        self.env["mfg.message.queue"]._admit(QUEUE, self.lane.id, 10)
        waiting = self.emit(self.second, 2)
        bulk = self.env.ref("mfg_integration_base.lane_bulk")
        self.subscriber.lane_id = bulk
        self.env.invalidate_all()
        self.assertEqual((admitted + waiting).lane_id, bulk)
        self.sender.action_activate()
        self.drain()
        self.assertEqual((admitted + waiting).mapped("state"), ["done", "done"])


class TestCopies(OutboxCase):
    def test_another_environment_sends_nothing(self):
        message = self.emit(self.first, 1)
        self.sender.sudo().activation_fingerprint = "somewhere else"
        self.assertFalse(self.sender.activated_here)
        self.drain()
        self.assertEqual(message.state, "pending")
        self.assertFalse(self.partner.received)

    def test_neutralized_sends_nothing(self):
        message = self.emit(self.first, 1)
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        self.drain()
        self.assertEqual(message.state, "pending")
        with self.assertRaisesRegex(Exception, "neutralized"):
            self.sender.action_activate()


class TestQueue(OutboxCase):
    def claim(self, limit=10):
        queue = self.env["mfg.message.queue"]
        self.env.flush_all()
        queue._admit(QUEUE, self.lane.id, 100)
        return queue._claim(QUEUE, {self.subscriber.id: limit}, limit, "test")

    def settled(self, claim, **values):
        return Settled(
            **{
                "message_id": claim.message_id, "key_id": claim.key_id, "claim_no": claim.claim_no,
                "attempt_id": claim.attempt_id, "state": str(State.DONE), "outcome": "delivered",
                "reason": None, "detail": None, "delay": None, "park": False, **values,
            }
        )  # fmt: skip

    def test_a_claimed_key_is_not_claimed_again(self):
        self.emit(self.first, 1, 2)
        self.assertEqual(len(self.claim()), 1)
        self.assertEqual(self.claim(), [])

    def test_expired_lease_goes_out_again_under_the_same_id(self):
        message = self.emit(self.first, 1)
        [lost] = self.claim()
        self.make_due()
        [again] = self.claim()
        self.assertEqual((again.message_id, again.uuid), (lost.message_id, lost.uuid))
        self.assertGreater(again.claim_no, lost.claim_no)
        attempts = message.attempt_ids.sorted("id")
        self.assertEqual(attempts.mapped("outcome"), ["lost", False])

    def test_late_settle_changes_nothing_but_its_attempt(self):
        message = self.emit(self.first, 1)
        [lost] = self.claim()
        self.make_due()
        [again] = self.claim()
        queue = self.env["mfg.message.queue"]
        late = self.settled(lost, state=str(State.DEAD), outcome="rejected", reason="auth")
        self.assertEqual(queue._settle_messages(QUEUE, [late]), set())
        queue._release_keys(QUEUE, [late])
        self.assertEqual(message.state, "running")
        self.assertEqual(self.key_of(message).worker, "test")
        self.assertEqual(queue._settle_messages(QUEUE, [self.settled(again)]), {message.id})
        queue._release_keys(QUEUE, [self.settled(again)])
        self.env.invalidate_all()
        self.assertEqual(message.state, "done")

    def test_renewed_lease_is_not_taken_over(self):
        self.emit(self.first, 1)
        [claim] = self.claim()
        self.make_due()
        self.env["mfg.message.queue"]._renew_leases(QUEUE, {claim.key_id: claim.claim_no})
        self.assertEqual(self.claim(), [])

    def test_a_lease_that_was_lost_cannot_be_renewed(self):
        self.emit(self.first, 1)
        [lost] = self.claim()
        self.make_due()
        self.claim()
        self.make_due()
        self.env["mfg.message.queue"]._renew_leases(QUEUE, {lost.key_id: lost.claim_no})
        self.assertEqual(len(self.claim()), 1)

    def test_a_key_with_a_wrong_count_is_put_right(self):
        message = self.emit(self.first, 1)
        [claim] = self.claim()
        self.env["mfg.message.queue"]._settle_messages(QUEUE, [self.settled(claim)])
        self.make_due()  # the crash came between the booking and the release of its key
        self.assertEqual(self.claim(), [])
        self.assertFalse(self.key_of(message).exists())

    def test_one_long_backlog_does_not_hide_another_subscription(self):
        quiet = self.subscription(self.sender, self.event_type("mfg.test.quiet.happened.v1"))
        partners = self.env["res.partner"].create([{"name": str(n)} for n in range(30)])
        partners._mfg_emit(self.code, lambda partner: {"n": 0})
        self.first._mfg_emit("mfg.test.quiet.happened.v1", {"n": 1})
        queue = self.env["mfg.message.queue"]
        queue._admit(QUEUE, self.lane.id, 100)
        claims = queue._claim(QUEUE, {self.subscriber.id: 5, quiet.id: 5}, 10, "test")
        self.assertIn(quiet.id, {claim.owner_id for claim in claims})

    def test_lane_counts(self):
        self.partner.script = [400]
        self.emit(self.first, 1, 2)
        self.drain()
        self.assertEqual((self.lane.waiting_count, self.lane.dead_count), (1, 1))

    def test_a_closed_attempt_is_frozen(self):
        message = self.emit(self.first, 1)
        self.drain()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.RestrictViolation),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(
                "UPDATE mfg_attempt SET outcome = 'rejected' WHERE id = %s", message.attempt_ids.ids
            )

    def test_state_is_written_by_the_queue_alone(self):
        message = self.emit(self.first, 1)
        for verb in (
            lambda: message.write({"state": "done"}),
            lambda: message.create({"uuid": "x"}),
            message.unlink,
            lambda: message.event_id.write({"data": "{}"}),
            lambda: message.attempt_ids.write({"outcome": "delivered"}),
        ):
            with self.assertRaises(StateWriteRefused):
                verb()
