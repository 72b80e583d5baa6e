from odoo.exceptions import ValidationError

from .test_outbox_dispatcher import OutboxCase


class TestBreaker(OutboxCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender.write({"breaker_threshold": 3, "max_in_flight": 1})
        cls.things = cls.env["res.partner"].create([{"name": str(n)} for n in range(8)])

    def emit_all(self):
        with self.capture_outbox() as outbox:
            self.things._mfg_emit(self.code, lambda thing: {"n": int(thing.name)})
        return outbox.messages

    def cool_down(self):
        self.env.cr.execute(
            "UPDATE mfg_connector_runtime SET breaker_until = '2000-01-01' WHERE connector_id = %s",
            [self.sender.id],
        )
        self.env.invalidate_all()

    def test_a_partner_that_is_down_is_left_alone(self):
        self.partner.script = [500] * 50
        messages = self.emit_all()
        self.drain()
        self.assertEqual(len(self.partner.received), 3)
        self.assertEqual(self.sender.breaker_phase, "open")
        untouched = messages.filtered(lambda m: not m.attempt_count)
        self.assertEqual((len(untouched), set(untouched.mapped("state"))), (5, {"pending"}))

    def test_one_probe_at_a_time_and_nothing_is_used_up(self):
        self.partner.script = [500] * 50
        messages = self.emit_all()
        self.drain()
        for probes in range(1, 21):
            self.cool_down()
            self.make_due()
            self.drain()
            self.assertEqual(len(self.partner.received), 3 + probes)
        self.assertNotIn("dead", messages.mapped("state"))
        self.assertLessEqual(max(messages.mapped("tries")), 2)
        self.assertIn("breaker_open", messages.mapped("reason_code"))
        self.partner.script = []
        self.cool_down()
        self.make_due()
        self.drain()
        self.assertEqual(self.sender.breaker_phase, "closed")
        self.assertEqual(set(messages.mapped("state")), {"done"})

    def test_a_rejection_is_a_sign_of_life(self):
        self.partner.script = [500, 500, 400, 500, 500, 400]
        self.emit_all()
        self.drain()
        self.assertEqual(len(self.partner.received), 8)
        self.assertEqual(self.sender.breaker_phase, "closed")

    def test_a_lost_probe_does_not_close_the_door_for_ever(self):
        self.partner.script = [500] * 3
        self.emit_all()
        self.drain()
        self.env.cr.execute(
            "UPDATE mfg_connector_runtime SET breaker_phase = 'half_open',"
            " breaker_until = '2000-01-01' WHERE connector_id = %s",
            [self.sender.id],
        )
        self.make_due()
        self.drain()
        self.assertEqual(self.sender.breaker_phase, "closed")

    def test_values_that_cannot_be_are_refused(self):
        for values, field in (
            ({"breaker_threshold": 0}, "threshold"),
            ({"breaker_cool_down": 0}, "cool_down"),
            ({"breaker_cool_down": 20, "breaker_max_cool_down": 10}, "max_cool_down"),
        ):
            with (
                self.subTest(**values),
                self.assertRaisesRegex(ValidationError, field),
                self.env.cr.savepoint(),
            ):
                self.sender.write(values)
            self.env.invalidate_all(flush=False)


class TestRate(OutboxCase):
    def test_no_more_than_the_limit(self):
        self.sender.write({"rate_limit": 0.001, "rate_burst": 3})
        messages = self.emit(self.first, *range(5))
        self.drain()
        self.assertEqual(self.numbers(), [0, 1, 2])
        self.assertEqual(messages.mapped("state"), ["done"] * 3 + ["pending"] * 2)

    def test_tokens_that_were_not_needed_are_given_back(self):
        self.sender.write({"rate_limit": 0.001, "rate_burst": 3})
        self.emit(self.first, 1)
        self.drain()
        self.emit(self.first, 2, 3, 4)
        self.drain()
        self.assertEqual(self.numbers(), [1, 2, 3])

    def test_tokens_come_back_with_time(self):
        self.sender.write({"rate_limit": 0.001, "rate_burst": 1})
        self.emit(self.first, 1, 2)
        self.drain()
        self.env.cr.execute(
            "UPDATE mfg_connector_runtime SET rate_at = '2000-01-01' WHERE connector_id = %s",
            [self.sender.id],
        )
        self.drain()
        self.assertEqual(self.numbers(), [1, 2])


class TestRules(OutboxCase):
    def policy(self, rules):
        self.subscriber.retry_policy_id = self.env["mfg.retry.policy"].create(
            {"name": "Rules", "schedule": "1h", "jitter": 0, "rules": rules}
        )

    def test_the_partners_code_decides(self):
        self.policy(
            '[{"status": "422", "pointer": "/code", "equals": "LOCKED", "then": "retry",'
            ' "after": 60},'
            ' {"status": "409", "then": "done"},'
            ' {"status": "2xx", "pointer": "/ok", "equals": false, "then": "dead"}]'
        )
        self.partner.script = [
            lambda _request: (422, b'{"code": "LOCKED"}'),
            lambda _request: (409, b"have it"),
            lambda _request: (200, b'{"ok": false}'),
            lambda _request: (422, b'{"code": "OTHER"}'),
        ]
        messages = self.env["mfg.outbox.message"]
        for number in range(4):
            thing = self.env["res.partner"].create({"name": str(number)})
            messages |= self.emit(thing, number)
            self.drain()
        self.assertEqual(messages.mapped("state"), ["retrying", "done", "dead", "dead"])
        self.assertEqual(messages[0].reason_code, "partner_busy")

    def test_a_rule_may_pause_the_subscription(self):
        self.policy('[{"status": "403", "then": "pause"}]')
        self.partner.script = [403]
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "paused_by_rule"))
        self.assertEqual(self.subscriber.state, "paused")

    def test_a_rule_that_cannot_be_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "Rule 1, then"):
            self.policy('[{"status": "422", "then": "maybe"}]')
