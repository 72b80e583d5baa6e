from types import SimpleNamespace

from ..models.mfg_message_queue import QUEUES
from ..models.mfg_message_queue_gate import Due
from ..models.outbox_pump import Pump
from .test_outbox_dispatcher import OutboxCase, TestQueue

QUEUE = QUEUES["out"]


class TestRepairs(OutboxCase):
    """What two who act at once must not do to a key and its messages."""

    claim = TestQueue.claim
    settled = TestQueue.settled

    def test_a_key_that_was_put_right_is_not_counted_down_again(self):
        first, later = self.emit(self.first, 1, 2)
        [claim] = self.claim()
        queue = self.env["mfg.message.queue"]
        queue._settle_messages(QUEUE, [self.settled(claim)])
        queue._refresh_keys(QUEUE, [claim.key_id])  # a person, or a runner that took over
        queue._release_keys(QUEUE, [self.settled(claim)])
        self.env.invalidate_all()
        self.assertEqual(self.key_of(later).waiting, 1)
        self.drain()
        self.assertEqual((first.state, later.state), ("done", "done"))

    def test_a_message_whose_key_was_lost_finds_another(self):
        message = self.emit(self.first, 1)
        self.claim()
        self.make_due()
        self.env.cr.execute("DELETE FROM mfg_outbox_key WHERE owner_id = %s", [self.subscriber.id])
        self.env.cr.execute(
            "UPDATE mfg_outbox_message SET state = 'pending' WHERE id = %s", [message.id]
        )
        with self.assertLogs("odoo.addons.mfg_integration_base.models.mfg_retention", "ERROR"):
            state = {}
            self.env["mfg.retention"]._lost_keys(self.env, state)
            self.env["mfg.retention"]._lost_keys(self.env, state)
        self.env.invalidate_all()
        self.drain()
        self.assertEqual(message.state, "done")

    def test_a_retried_message_goes_before_one_that_waits_for_long(self):
        self.subscriber.on_dead = "skip"
        self.subscriber.retry_policy_id = self.env["mfg.retry.policy"].create(
            {"name": "Slow", "schedule": "1h 2h", "jitter": 0}
        )
        self.partner.script = [400, 500]
        dead, slow = self.emit(self.first, 1, 2)
        self.drain()
        self.assertEqual((dead.state, slow.state), ("dead", "retrying"))
        dead.action_retry()
        self.drain()
        self.assertEqual(dead.state, "done")

    def test_what_belongs_to_nobody_any_more_comes_to_the_error_queue(self):
        message = self.emit(self.first, 1)
        self.env.cr.execute(
            "UPDATE mfg_outbox_message SET subscription_id = 0 WHERE id = %s", [message.id]
        )
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "owner_deleted"))

    def test_a_retired_subscription_leaves_nothing_waiting(self):
        self.sender.action_pause()
        waiting = self.emit(self.first, 1)
        self.env["mfg.message.queue"]._admit(QUEUE, self.lane.id, 10)
        new = self.emit(self.second, 2)
        other = self.subscription(self.sender, self.event_type("mfg.test.quiet.happened.v1"))
        self.first._mfg_emit("mfg.test.quiet.happened.v1", {"n": 3})
        self.subscriber.state = "retired"
        self.env.flush_all()
        queue = self.env["mfg.message.queue"]
        while queue._cancel_retired(QUEUE, self.sender.ids):
            pass
        self.env.invalidate_all()
        self.assertEqual(
            (waiting + new).mapped("reason_code"), ["connector_retired", "connector_retired"]
        )
        kept = self.env["mfg.outbox.message"].search([("subscription_id", "=", other.id)])
        self.assertEqual(kept.state, "pending")

    def test_a_change_of_mode_between_two_claims(self):
        """Answers belong to what was claimed together, whatever was cached before."""
        things = self.env["res.partner"].create([{"name": str(n)} for n in range(6)])
        pump = Pump(self.lane.id, "test")

        def run():
            self.env.flush_all()
            with self.enter_registry_test_mode():
                self.env["mfg.outbox.dispatcher"]._pump(
                    pump, deadline=float("inf"), should_stop=lambda: False
                )
            self.env.invalidate_all()

        with self.capture_outbox() as outbox:
            for mode in ("real_time", "micro_batch", "real_time"):
                self.subscriber.write({"mode": mode, "linger_ms": 0})
                things._mfg_emit(self.code, lambda thing: {"n": int(thing.name)})
                if mode != "micro_batch":
                    self.partner.script = [200, 200, 503]
                run()
        states = outbox.messages.mapped("state")
        # One fails in the first round and holds its later ones, one in the last.
        self.assertEqual(
            [states.count(state) for state in ("done", "retrying", "pending")], [14, 2, 2]
        )
        self.assertEqual(len(self.partner.received), 6 + 1 + 5)

    def test_cancelling_one_does_not_send_the_others_before_their_window(self):
        self.subscriber.write({"mode": "scheduled", "cron_expression": "0 6 1 1 *"})
        cancelled, waiting = self.emit(self.first, 1, 2)
        self.drain()
        self.env["mfg.message.queue"]._cancel(cancelled, "test")
        self.env.invalidate_all()
        self.assertEqual(self.key_of(waiting).due_at, self.subscriber.next_window_at)

    def test_a_new_schedule_holds_what_was_about_to_go(self):
        self.sender.action_pause()
        message = self.emit(self.first, 1)
        self.env["mfg.message.queue"]._admit(QUEUE, self.lane.id, 10)
        self.subscriber.write({"mode": "scheduled", "cron_expression": "0 6 1 1 *"})
        self.env.invalidate_all()
        self.assertEqual(self.key_of(message).due_at, self.subscriber.next_window_at)


class TestShares(OutboxCase):
    """Slots of a lane are limits, and everybody gets some."""

    def shares(self, free, *wanted):
        pump = Pump(self.lane.id, "test")
        pump.settings = SimpleNamespace(batch_size=free, concurrency=free)
        dues = [
            Due(n, n, most, "real_time", 1, False, False, False, False, 0, 1)
            for n, most in enumerate(wanted)
        ]
        found = pump.shares(dues, dict(enumerate(wanted)))
        return [found[n].keys if n in found else 0 for n in range(len(wanted))]

    def test_no_more_than_the_lane_has(self):
        self.assertEqual(sum(self.shares(64, *[16] * 10)), 64)

    def test_each_gets_some(self):
        self.assertEqual(self.shares(9, 9, 9, 9), [3, 3, 3])

    def test_what_one_does_not_need_is_for_the_others(self):
        self.assertEqual(self.shares(8, 1, 16), [1, 7])

    def test_more_who_want_than_slots(self):
        self.assertEqual(sorted(self.shares(2, 5, 5, 5)), [0, 1, 1])
