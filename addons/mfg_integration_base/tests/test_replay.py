from contextlib import nullcontext
from datetime import datetime, timedelta, timezone

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from ..exceptions import StateWriteRefused
from .common import MfgCase
from .partner import Partner

OPERATOR = "mfg_integration_base.group_operator"
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc).replace(tzinfo=None)


class ReplayCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moved = cls.event_type("mfg.test.thing.moved.v1", keep=True)
        cls.broken = cls.event_type("mfg.test.thing.broken.v1", keep=True)
        cls.old = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        cls.new = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        cls.first = cls.subscription(cls.old, cls.moved | cls.broken, name="First")
        cls.operator = cls.user(OPERATOR)
        cls.things = cls.env["res.partner"].create([{"name": "A"}, {"name": "B"}])

    def setUp(self):
        super().setUp()
        self.partner = Partner()
        self.partner.__enter__()
        self.addCleanup(self.partner.__exit__)
        (self.old | self.new).url = self.partner.url

    def emit(self, thing, event_type=None, **vals):
        event_type = event_type or self.moved
        [event_uuid] = self.things[thing]._mfg_emit(event_type.code, {"thing": thing}, **vals)
        return self.env["mfg.event"].search([("uuid", "=", event_uuid)])

    def target(self, **vals):
        return self.subscription(self.new, self.moved | self.broken, name="Second", **vals)

    def replay(self, target=None, **vals):
        """A replay that has been checked."""
        target = target or self.target()
        replay = (
            self.env["mfg.replay"]
            .with_user(self.operator)
            .create({"target_id": target.id, "reason": "New partner", "rate": 10000, **vals})
        )
        replay.action_check()
        return replay

    def feed(self, rounds=1):
        self.env.flush_all()
        with nullcontext() if self.registry_test_mode else self.enter_registry_test_mode():
            for _ in range(rounds):
                live = self.env["mfg.replay.feeder"]._round()
        self.env.invalidate_all()
        return live

    def events_of(self, replay):
        messages = self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)])
        return messages.sorted("id").event_id


class TestReplay(ReplayCase):
    def test_the_dry_run_counts_and_sends_nothing(self):
        events = [self.emit(0), self.emit(1), self.emit(0), self.emit(0, self.broken)]
        replay = self.replay()
        self.assertEqual(replay.state, "checked")
        self.assertEqual((replay.event_count, replay.key_count, replay.superseded_count), (4, 2, 1))
        self.assertEqual((replay.acknowledged_count, replay.planned_count), (0, 4))
        self.assertEqual(replay.first_event_at, events[0].occurred_at.replace(microsecond=0))
        self.assertFalse(self.events_of(replay))

    def test_the_estimate_follows_from_the_throttle(self):
        for _ in range(5):
            self.emit(0)
        self.assertEqual(self.replay(rate=2).estimate, "0:00:03")

    def test_a_new_partner_gets_what_was_before_it_in_order(self):
        events = [self.emit(number % 2) for number in range(6)]
        replay = self.replay()
        replay.action_start()
        self.feed()
        self.assertEqual(self.events_of(replay).ids, [event.id for event in events])
        messages = self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)])
        self.assertEqual(messages.lane_id, self.env.ref("mfg_integration_base.lane_bulk"))
        self.assertEqual(messages.connector_id, self.new)
        self.assertEqual(set(messages.mapped("ordering_key")), {
            event.ordering_key for event in events
        })  # fmt: skip
        self.assertFalse(replay.fed_all and replay.state == "done")
        self.first.state = "retired"  # only the replay sends
        self.drain()
        self.feed(2)
        self.assertEqual(replay.state, "done")
        self.assertEqual(replay.subscription_id.state, "retired")
        self.assertEqual((replay.progress, replay.delivered_count, replay.dead_count), (100, 6, 0))
        got = [request.event["id"] for request in self.partner.received]
        for thing in (0, 1):
            mine = [event.uuid for event in events if event.res_id == self.things[thing].id]
            self.assertEqual([uuid for uuid in got if uuid in mine], mine)

    def test_emission_never_matches_the_hidden_subscription(self):
        self.emit(0)
        replay = self.replay()
        replay.action_start()
        hidden = replay.subscription_id
        self.assertEqual((hidden.replay_id, hidden.connector_id), (replay, self.new))
        self.assertFalse(hidden.event_type_ids)
        self.assertNotIn(hidden, self.new.subscription_ids)
        self.feed()
        with self.capture_outbox() as outbox:
            self.emit(0)
        self.assertNotIn(hidden, outbox.messages.subscription_id)

    def test_the_hidden_subscription_has_the_targets_settings(self):
        policy = self.env["mfg.retry.policy"].search([], limit=1).copy({"name": "Other"})
        target = self.target(ordering="none", on_dead="skip", retry_policy_id=policy.id)
        self.emit(0)
        replay = self.replay(target)
        replay.action_start()
        hidden = replay.subscription_id
        self.assertEqual(
            (hidden.ordering, hidden.on_dead, hidden.retry_policy_id), ("none", "skip", policy)
        )
        self.feed()
        message = self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)])
        self.assertEqual(message.ordering_key, message.uuid, "without order")

    def test_acknowledged_events_are_left_out(self):
        known, unknown = self.emit(0), self.emit(1)
        target = self.target()
        first = self.replay(target, event_uuids=known.uuid)
        first.action_start()
        self.feed()
        self.drain()
        again = self.replay(target)
        self.assertEqual((again.acknowledged_count, again.planned_count), (1, 1))
        again.action_start()
        self.feed()
        self.assertEqual(self.events_of(again), unknown)
        every = self.replay(target, skip_acknowledged=False)
        self.assertEqual(every.planned_count, 2)

    def test_newest_only(self):
        self.emit(0)
        other_type = self.emit(0, self.broken)
        newest = self.emit(0)
        alone = self.emit(1)
        replay = self.replay(newest_only=True)
        self.assertEqual((replay.event_count, replay.planned_count), (4, 3))
        replay.action_start()
        self.feed()
        self.assertEqual(self.events_of(replay).ids, [other_type.id, newest.id, alone.id])

    def test_filters(self):
        start = NOON
        a = self.emit(0, occurred_at=start)
        b = self.emit(1, self.broken, occurred_at=start + timedelta(hours=1))
        c = self.emit(0, self.broken, occurred_at=start + timedelta(hours=2))
        flow = self.env["mfg.flow"].create({"name": "Test flow", "code": "test_flow"})
        self.broken.flow_id = flow
        target = self.target()
        cases = {
            "not sent to": ({"connector_id": self.new.id}, self.env["mfg.event"]),
            "types": ({"event_type_ids": [(6, 0, self.moved.ids)]}, a),
            "flow": ({"flow_id": flow.id}, b | c),
            "key": ({"ordering_key": a.ordering_key}, a | c),
            "record": ({"record_model": "res.partner", "record_id": self.things[1].id}, b),
            "range": (
                {"date_from": start + timedelta(minutes=1), "date_to": start + timedelta(hours=2)},
                b,
            ),
            "ids": ({"event_uuids": f"{c.uuid}\n{a.uuid}"}, a | c),
            "sent to": ({"connector_id": self.old.id}, a | b | c),
        }
        for name, (vals, expected) in cases.items():
            with self.subTest(name):
                replay = self.replay(target, **vals)
                self.assertEqual(replay.planned_count, len(expected))
                replay.action_start()
                self.feed()
                self.assertEqual(self.events_of(replay), expected.sorted("id"))
                replay._act("cancel", "Test")

    def test_the_targets_filter_holds_for_the_past_as_well(self):
        self.emit(0)
        wanted = self.emit(1)
        target = self.target(
            filter_model="res.partner", filter_domain=f"[('id', '=', {self.things[1].id})]"
        )
        replay = self.replay(target)
        self.assertEqual(replay.planned_count, 1)
        replay.action_start()
        self.feed()
        self.assertEqual(self.events_of(replay), wanted)

    def test_a_type_that_the_target_does_not_take(self):
        target = self.subscription(self.new, self.moved)
        self.emit(0)
        self.emit(0, self.broken)
        self.assertEqual(self.replay(target).planned_count, 1)
        with self.assertRaisesRegex(ValidationError, "does not take"):
            self.replay(target, event_type_ids=[(6, 0, self.broken.ids)])

    def test_what_is_emitted_after_the_start_is_not_replayed(self):
        before = self.emit(0)
        replay = self.replay()
        replay.action_start()
        self.emit(0)
        self.feed(2)
        self.assertEqual(self.events_of(replay), before)

    def test_never_more_unfinished_than_allowed(self):
        for _ in range(5):
            self.emit(0)
        replay = self.replay(max_unfinished=2)
        replay.action_start()
        self.feed(3)
        self.assertEqual(replay.fed_count, 2)
        self.drain()
        self.feed()
        self.assertEqual(replay.fed_count, 4)

    def test_the_throttle(self):
        for _ in range(5):
            self.emit(0)
        replay = self.replay(rate=2)
        replay.action_start()
        self.feed()  # what one second lets through
        self.assertEqual(replay.fed_count, 2)
        for hours, expected in ((1, 2), (-1, 4)):  # by the clock that decides: the database's
            self.env.cr.execute(
                "UPDATE mfg_replay SET fed_at = statement_timestamp() AT TIME ZONE 'UTC'"
                " + %s * interval '1 hour' WHERE id = %s",
                [hours, replay.id],
            )
            self.env.invalidate_all()
            self.feed()
            self.assertEqual(replay.fed_count, expected)

    def test_dead_messages_keep_it_open(self):
        self.emit(0)
        self.first.state = "retired"
        replay = self.replay()
        replay.action_start()
        self.feed()
        self.partner.script = [400]
        self.drain()
        self.feed(3)
        self.assertEqual((replay.state, replay.dead_count), ("running", 1))
        self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)]).action_retry()
        self.drain()
        self.feed(2)
        self.assertEqual((replay.state, replay.delivered_count), ("done", 1))

    def test_pause_and_resume(self):
        events = [self.emit(0) for _ in range(4)]
        replay = self.replay(max_unfinished=2)
        replay.action_start()
        self.feed()
        action = replay.action_pause()
        self.env["mfg.replay.act"].with_user(self.operator).with_context(
            **action["context"]
        ).create({"reason": "Partner asked"}).action_apply()
        self.assertEqual((replay.state, replay.subscription_id.state), ("paused", "paused"))
        self.drain()
        self.feed()
        self.assertEqual((replay.fed_count, replay.delivered_count), (2, 0))
        replay._act("resume", "Goes on")
        self.drain()
        self.feed(2)
        self.drain()
        self.feed(3)
        self.assertEqual(replay.state, "done")
        self.assertEqual(self.events_of(replay).ids, [event.id for event in events])
        entries = self.env["mfg.audit.entry"].search(
            [("model", "=", "mfg.replay"), ("res_id", "=", replay.id)], order="id"
        )
        self.assertEqual(entries.mapped("act"), ["replay", "pause", "resume"])
        self.assertEqual(entries.mapped("reason"), ["New partner", "Partner asked", "Goes on"])

    def test_cancel(self):
        self.first.state = "retired"
        for _ in range(3):
            self.emit(0)
        replay = self.replay(max_unfinished=2)
        replay.action_start()
        self.feed()
        replay._act("cancel", "Wrong partner")
        self.assertEqual(replay.subscription_id.state, "paused", "nothing more is claimed")
        self.feed(2)
        messages = self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)])
        self.assertEqual(messages.mapped("state"), ["cancelled"] * 2)
        self.assertIn("Wrong partner", messages[0].detail)
        self.assertEqual(replay.subscription_id.state, "retired")
        self.drain()
        self.assertFalse(self.partner.received)
        with self.assertRaises(ValidationError):
            replay._act("resume", "No")

    def test_a_cancelled_replay_clears_up_what_was_on_its_way(self):
        self.first.state = "retired"
        self.emit(0)
        replay = self.replay()
        replay.action_start()
        self.feed()
        message = self.env["mfg.outbox.message"].search([("replay_id", "=", replay.id)])
        self.set_state(message, "running")
        replay._act("cancel", "Wrong partner")
        self.feed()
        self.assertEqual((message.state, replay.subscription_id.state), ("running", "paused"))
        self.set_state(message, "retrying")  # it failed for now
        self.feed()
        self.assertEqual((message.state, replay.subscription_id.state), ("cancelled", "retired"))

    def set_state(self, message, state):
        self.env.cr.execute(
            "UPDATE mfg_outbox_message SET state = %s WHERE id = %s", [state, message.id]
        )
        self.env.invalidate_all()

    def test_a_replay_that_fails_stops_and_the_others_go_on(self):
        self.emit(0)
        bad, good = self.replay(), self.replay(self.target())
        (bad | good).action_start()
        # Its filter names a field that was uninstalled meanwhile.
        self.env.cr.execute(
            "UPDATE mfg_subscription SET filter_model = 'res.partner',"
            " filter_domain = '[(''no_such_field'', ''='', 1)]' WHERE id = %s",
            [bad.target_id.id],
        )
        self.env.invalidate_all()
        with self.assertLogs("odoo.addons.mfg_integration_base.models.mfg_replay_feeder", "ERROR"):
            self.feed()
        self.assertEqual((bad.state, good.fed_count), ("paused", 1))
        self.assertIn("no_such_field", bad.problem)

    def test_nothing_is_fed_in_a_neutralized_copy(self):
        self.emit(0)
        replay = self.replay()
        replay.action_start()
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.feed()
        self.assertEqual(replay.fed_count, 0)

    def test_a_target_that_cannot_take_it(self):
        self.emit(0)
        for change in ({"state": "paused"}, {"state": "retired"}):
            target = self.target()
            replay = self.replay(target)
            target.write(change)
            with self.subTest(str(change)), self.assertRaises(UserError):
                replay.action_start()
            self.assertEqual(replay.state, "checked")

    def test_a_changed_filter_calls_for_another_dry_run(self):
        self.emit(0)
        replay = self.replay()
        replay.newest_only = True
        self.assertEqual(replay.state, "draft")
        with self.assertRaises(ValidationError):
            replay.action_start()
        replay.action_check()
        replay.action_start()
        with self.assertRaisesRegex(ValidationError, "has started"):
            replay.newest_only = False
        replay.rate = 10  # the throttle may be changed at any time
        with self.assertRaisesRegex(ValidationError, "has sent messages"):
            replay.unlink()

    def test_a_reason_is_required(self):
        self.emit(0)
        replay = self.replay(reason=False)
        with self.assertRaisesRegex(ValidationError, "Say why"):
            replay.action_start()

    def test_impossible_values_name_their_field(self):
        now = NOON
        with self.assertRaisesRegex(ValidationError, "Occurred from"):
            self.replay(date_from=now, date_to=now)
        with self.assertRaisesRegex(ValidationError, "model and its id"):
            self.replay(record_model="res.partner")

    def test_buttons_fill_the_filter_in(self):
        event = self.emit(0)
        action = event.with_user(self.operator).action_replay()
        form = Form(
            self.env["mfg.replay"].with_user(self.operator).with_context(**action["context"])
        )
        self.assertEqual(form.event_uuids, event.uuid)
        self.assertEqual(form.target_id, self.first)
        self.assertFalse(form.skip_acknowledged)
        self.drain()
        message = event.outbox_message_ids
        action = message.with_user(self.operator).action_replay()
        self.assertEqual(action["context"]["default_target_id"], self.first.id)
        target = self.target()
        action = target.with_user(self.operator).action_backfill()
        form = Form(
            self.env["mfg.replay"].with_user(self.operator).with_context(**action["context"])
        )
        self.assertEqual(form.target_id, target)
        self.assertIn("Second", form.name)
        form.reason = "New"
        self.assertEqual(form.save().company_id, self.env.company)

    def test_a_message_that_is_still_on_its_way_is_not_replayed(self):
        event = self.emit(0)
        with self.assertRaises(StateWriteRefused):
            event.outbox_message_ids.with_user(self.operator).action_replay()

    def test_replaying_to_the_original(self):
        event = self.emit(0)
        self.drain()
        action = event.outbox_message_ids.with_user(self.operator).action_replay()
        values = {name.removeprefix("default_"): value for name, value in action["context"].items()}
        replay = self.replay(self.first, **values)
        self.assertEqual((replay.planned_count, replay.acknowledged_count), (1, 1))
        replay.action_start()
        self.feed()
        self.drain()
        ids = [request.event["id"] for request in self.partner.received]
        self.assertEqual(ids, [event.uuid, event.uuid])


@tagged("post_install", "-at_install")
class TestReplayRights(ReplayCase):
    def test_viewers_and_auditors_see(self):
        self.emit(0)
        replay = self.replay()
        for group in ("viewer", "auditor"):
            user = self.user(f"mfg_integration_base.group_{group}")
            as_user = replay.with_user(user)
            self.assertEqual(as_user.planned_count, 1)
            for verb in (as_user.action_check, as_user.action_start, as_user.unlink):
                with self.subTest(group), self.assertRaises(AccessError):
                    verb()

    def test_other_companies(self):
        company = self.env["res.company"].create({"name": "Other"})
        stranger = self.user(OPERATOR, company=company)
        self.emit(0)
        target = self.target()
        replay = self.replay(target)
        self.assertFalse(self.env["mfg.replay"].with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            replay.with_user(stranger).action_start()
        with self.assertRaises(AccessError):
            self.env["mfg.replay"].with_user(stranger).create({"target_id": target.id})

    def test_events_of_other_companies_are_not_sent(self):
        company = self.env["res.company"].create({"name": "Other"})
        other = self.env["res.partner"].create({"name": "P", "company_id": company.id})
        mine = self.emit(0)
        [foreign] = other._mfg_emit(self.moved.code, {})
        replay = self.replay(event_uuids=f"{mine.uuid}\n{foreign}")
        self.assertEqual(replay.planned_count, 1)

    def test_an_operator_configures_nothing_else(self):
        target = self.target()
        with self.assertRaises(AccessError):
            target.with_user(self.operator).write({"name": "Mine"})
