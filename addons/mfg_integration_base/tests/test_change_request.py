import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import StateWriteRefused
from .common import MfgCase

GROUP = "mfg_integration_base.group_"
ELSEWHERE = "https://192.0.2.2/hook"


@tagged("post_install", "-at_install")
class ChangeCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.user(f"{GROUP}manager")
        cls.approver = cls.user(f"{GROUP}approver")
        cls.other_manager = cls.user(f"{GROUP}manager", f"{GROUP}approver")
        cls.event = cls.event_type("mfg.test.thing.happened.v1")
        cls.sender = cls.connector()
        cls.subscriber = cls.subscription(cls.sender, cls.event)
        cls.route_ = cls.route(cls.sender, "test.ping.v1")
        cls.sender.regulated = True

    def try_to(self, change):
        """Make a change as a manager does; the request that comes of it."""
        newest = self.env["mfg.change.request"].search([], limit=1)
        self.env.flush_all()
        with self.enter_registry_test_mode():
            try:
                change()
            except RedirectWarning as warning:
                request_id = warning.args[1]["res_id"]
            else:
                self.fail("the change was made")
        self.env.invalidate_all()
        request = self.env["mfg.change.request"].browse(request_id)
        self.assertGreater(request_id, newest.id)
        return request.with_user(self.manager)

    def try_new_route(self):
        """A request for a route; what a rolled back transaction takes along is taken away here."""
        request = self.try_to(
            lambda: (
                self.env["mfg.inbox.route"]
                .with_user(self.manager)
                .create({"connector_id": self.sender.id, "message_type": "test.new.v1"})
            )
        )
        self.env["mfg.inbox.route"].search([("message_type", "=", "test.new.v1")]).unlink()
        return request

    def move(self, url=ELSEWHERE):
        return self.try_to(lambda: self.sender.with_user(self.manager).write({"url": url}))

    def submit(self, request, reason="They move", **vals):
        request.write({"reason": reason, **vals})
        request.action_submit()
        return request.with_user(self.approver)


class TestRetiring(ChangeCase):
    def as_manager(self, record):
        return record.with_user(self.manager)

    def test_who_is_in_charge_can_stop_it_alone(self):
        for record in (self.sender, self.subscriber):
            mine = self.as_manager(record)
            if record == self.sender:
                mine.action_pause()
            else:
                mine.state = "paused"
            self.assertEqual(record.state, "paused")
        self.as_manager(self.subscriber).state = "active"
        self.as_manager(self.sender).action_activate()
        self.assertEqual((self.sender.state, self.subscriber.state), ("active", "active"))

    def test_retiring_a_connector_takes_two(self):
        request = self.try_to(self.as_manager(self.sender).action_retire)
        self.assertEqual(self.sender.state, "active")
        self.assertEqual(request.line_ids.mapped("after"), ["Retired"])
        self.submit(request, "The partner has gone").action_approve()
        self.assertEqual((self.sender.state, request.state), ("retired", "applied"))

    def test_retiring_a_subscription_takes_two(self):
        request = self.try_to(lambda: self.as_manager(self.subscriber).write({"state": "retired"}))
        self.assertEqual(self.subscriber.state, "active")
        self.submit(request).action_approve()
        self.assertEqual(self.subscriber.state, "retired")

    def test_what_is_not_regulated_is_retired_alone(self):
        self.sender.regulated = False
        self.as_manager(self.sender).action_retire()
        self.assertEqual(self.sender.state, "retired")

    def test_it_is_for_good(self):
        """Also when it was an emergency and is rejected: a person is told."""
        request = self.try_to(lambda: self.as_manager(self.subscriber).write({"state": "retired"}))
        request.reason = "It floods them"
        request.action_emergency()
        self.assertEqual(self.subscriber.state, "retired")
        decided = request.with_user(self.approver)
        decided.decision_note = "Pausing would have done"
        decided.action_reject()
        self.assertEqual(self.subscriber.state, "retired")
        self.assertIn("by hand", request.sudo().activity_ids.mapped("summary")[-1])
        other = self.subscription(self.sender, self.event_type("mfg.test.other.happened.v1"))
        again = self.try_to(lambda: self.as_manager(other).write({"state": "retired"}))
        self.submit(again).action_approve()
        with self.assertRaisesRegex(ValidationError, "stays so"):
            again.action_roll_back()


class TestWhatIsControlled(ChangeCase):
    def test_a_change_becomes_a_request(self):
        before = self.sender.url
        request = self.move()
        self.assertEqual(self.sender.url, before)
        self.assertEqual(
            (request.state, request.requested_by, request.connector_id, request.operation),
            ("draft", self.manager, self.sender, "write"),
        )
        self.assertEqual(
            request.line_ids.mapped(lambda line: (line.label, line.before, line.after)),
            [("Address", before, ELSEWHERE)],
        )
        self.assertEqual(request.name, f"{self.sender.name}: Address")

    def test_everything_that_belongs_to_it(self):
        as_manager = self.env(user=self.manager)
        policy = self.subscriber.retry_policy_id.with_env(as_manager)
        other = self.env["mfg.retry.policy"].create({"name": "Other", "schedule": "1s 2s"})
        cases = {
            "address": lambda: self.sender.with_env(as_manager).write({"verify_tls": False}),
            "not regulated": lambda: self.sender.with_env(as_manager).write({"regulated": False}),
            "subscription": lambda: self.subscriber.with_env(as_manager).write(
                {"retry_policy_id": other.id}
            ),
            "types": lambda: self.subscriber.with_env(as_manager).write(
                {"event_type_ids": [(6, 0, [])]}
            ),
            "schema": lambda: self.route_.with_env(as_manager).write({"schema": "{}"}),
            "policy": lambda: policy.write({"schedule": "1s"}),
            "event type": lambda: self.event.with_env(as_manager).write(
                {"schema": '{"type": "object"}'}
            ),
            "scopes": lambda: self.sender.credential_ids.with_env(as_manager).write(
                {"scopes": "write:test.*"}
            ),
            "new subscription": lambda: as_manager["mfg.subscription"].create(
                {"name": "New", "connector_id": self.sender.id}
            ),
            "new route": lambda: as_manager["mfg.inbox.route"].create(
                {"connector_id": self.sender.id, "message_type": "test.new.v1"}
            ),
            "deleted route": lambda: self.route_.with_env(as_manager).unlink(),
            "by the connector's form": lambda: self.sender.with_env(as_manager).write(
                {"inbox_route_ids": [(1, self.route_.id, {"handler": "ping", "schema": "{}"})]}
            ),
        }
        for what, change in cases.items():
            with self.subTest(what):
                self.try_to(change)

    def test_defaults_of_the_context_are_no_way_around(self):
        as_manager = self.env(user=self.manager, context={"default_connector_id": self.sender.id})
        self.try_to(lambda: as_manager["mfg.inbox.route"].create({"message_type": "test.x.v1"}))
        credential = as_manager["mfg.credential"].create({"kind": "token"})
        self.assertFalse(credential.active)

    def test_lists_are_kept_as_what_they_will_be(self):
        other = self.event_type("mfg.test.thing.other.v1")
        as_manager = self.subscriber.with_user(self.manager)
        request = self.try_to(lambda: as_manager.write({"event_type_ids": [(4, other.id)]}))
        self.assertEqual(set(request.line_ids.after.split(", ")), {self.event.code, other.code})
        request = self.try_to(lambda: as_manager.write({"event_type_ids": [(3, self.event.id)]}))
        self.assertFalse(request.line_ids.after)
        with self.assertRaisesRegex(ValidationError, "by itself"):
            as_manager.write({"event_type_ids": [(1, self.event.id, {"keep": True})]})

    def test_who_may_not_change_it_makes_no_request_either(self):
        count = self.env["mfg.change.request"].search_count([])
        for user in (self.user("base.group_user"), self.user(f"{GROUP}operator")):
            with self.assertRaises(AccessError):
                self.sender.with_user(user).write({"url": ELSEWHERE})
        self.assertEqual(self.env["mfg.change.request"].search_count([]), count)

    def test_what_is_not(self):
        as_manager = self.sender.with_user(self.manager)
        as_manager.write({"name": "Other name", "owner_id": self.manager.id})
        self.subscriber.with_user(self.manager).name = "Other"
        as_manager.action_pause()
        as_manager.action_activate()
        free = self.connector()
        free.with_user(self.manager).url = ELSEWHERE
        self.assertEqual(free.url, ELSEWHERE)

    def test_a_draft_is_set_up_freely(self):
        draft = (
            self.env["mfg.connector"]
            .with_user(self.manager)
            .create(
                {"name": "Draft", "code": "draft-r", "url": "https://192.0.2.1/", "regulated": True}
            )
        )
        draft.url = ELSEWHERE
        self.assertEqual(draft.url, ELSEWHERE)

    def test_a_credential_becomes_active_by_request_only(self):
        present = self.sender.credential_ids
        with self.assertRaisesRegex(ValidationError, "regulated"):
            present.with_user(self.manager).action_generate()
        successor = (
            self.env["mfg.credential"]
            .with_user(self.manager)
            .create({"connector_id": self.sender.id})
        )
        self.assertFalse(successor.active)
        secret = successor.action_generate()["params"]["message"]
        used = [s.encode() for _id, s in self.sender._secret_values("hmac", "in")]
        self.assertNotIn(secret, used)
        request = self.try_to(lambda: successor.write({"active": True}))
        self.assertNotIn(secret, repr(request.sudo().read()))
        self.submit(request).action_approve()
        used = [s.encode() for _id, s in self.sender._secret_values("hmac", "in")]
        self.assertIn(secret, used)


class TestDecision(ChangeCase):
    def test_the_secret_stays_while_its_activation_waits(self):
        successor = (
            self.env["mfg.credential"]
            .with_user(self.manager)
            .create({"connector_id": self.sender.id})
        )
        successor.action_generate()
        self.submit(self.try_to(lambda: successor.write({"active": True})))
        with self.assertRaisesRegex(ValidationError, "waits for approval"):
            successor.action_generate()

    def test_one_that_cannot_be_applied_does_not_stop_the_others(self):
        later = fields.Datetime.now() + timedelta(days=1)
        first = self.submit(self.try_new_route(), effective_at=later)
        second = self.submit(self.move(), effective_at=later)
        (first | second).action_approve()
        self.route(self.sender, "test.new.v1")
        (first | second).sudo().write({"effective_at": fields.Datetime.now()})
        with mute_logger(
            "odoo.sql_db", "odoo.addons.mfg_integration_base.models.mfg_change_request"
        ):
            self.env["mfg.change.request"]._cron_apply()
        self.assertEqual((first.state, second.state), ("submitted", "applied"))

    def test_a_note_is_the_deciders(self):
        request = self.submit(self.move())
        with self.assertRaises(AccessError):
            request.with_user(self.manager).decision_note = "Fine"
        request.decision_note = "Fine"
        request.action_approve()
        with self.assertRaises(AccessError):
            request.decision_note = "Not so fine"

    def test_an_emergency_that_added_something_can_be_rejected(self):
        request = self.try_new_route()
        request.reason = "Line stands still"
        request.action_emergency()
        decided = request.with_user(self.approver)
        decided.decision_note = "No"
        decided.action_reject()
        self.assertEqual(decided.state, "rejected")
        self.assertIn("Take it back by hand", "".join(decided.activity_ids.mapped("summary")))

    def test_somebody_else_approves(self):
        request = self.submit(self.move())
        self.assertEqual(self.sender.url, self.sender.url)
        self.assertEqual(
            request.activity_ids.user_id & (self.approver | self.other_manager | self.manager),
            self.approver | self.other_manager,
        )
        request.action_approve()
        self.assertEqual(
            (request.state, request.decided_by, self.sender.url),
            ("applied", self.approver, ELSEWHERE),
        )
        acts = self.env["mfg.audit.entry"].search(
            [("model", "=", "mfg.change.request"), ("res_id", "=", request.id)], order="id"
        )
        self.assertEqual(acts.mapped("act"), ["change", "approve", "apply"])
        self.assertIn(ELSEWHERE, acts[0].after)

    def test_nobody_decides_on_their_own(self):
        request = self.try_to(
            lambda: self.sender.with_user(self.other_manager).write({"url": ELSEWHERE})
        ).with_user(self.other_manager)
        self.submit(request)
        for act in ("action_approve", "action_reject"):
            with self.assertRaisesRegex(AccessError, "of their own"):
                getattr(request, act)()
        with self.assertRaisesRegex(AccessError, "Only approvers"):
            request.with_user(self.manager).action_approve()

    def test_a_reason_is_needed(self):
        request = self.move()
        with self.assertRaisesRegex(ValidationError, "why"):
            request.action_submit()
        decided = self.submit(request)
        with self.assertRaisesRegex(ValidationError, "why"):
            decided.action_reject()
        decided.decision_note = "Not their address"
        decided.action_reject()
        self.assertEqual(decided.state, "rejected")
        self.assertNotEqual(self.sender.url, ELSEWHERE)

    def test_at_its_time(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        request = self.submit(self.move(), effective_at=tomorrow)
        request.action_approve()
        self.env["mfg.change.request"]._cron_apply()
        self.assertEqual(request.state, "approved")
        request.sudo().effective_at = fields.Datetime.now() - timedelta(minutes=1)
        self.env["mfg.change.request"]._cron_apply()
        self.assertEqual((request.state, self.sender.url), ("applied", ELSEWHERE))

    def test_what_has_changed_meanwhile_is_not_overwritten(self):
        request = self.submit(self.move())
        self.sender.sudo().url = "https://192.0.2.3/hook"
        with self.assertRaisesRegex(ValidationError, "has changed since"):
            request.action_approve()

    def test_an_emergency_is_applied_at_once_and_decided_afterwards(self):
        before = self.sender.url
        request = self.move()
        request.reason = "Line stands still"
        request.action_emergency()
        self.assertEqual((request.state, self.sender.url), ("emergency", ELSEWHERE))
        decided = request.with_user(self.approver)
        decided.decision_note = "Was not needed"
        decided.action_reject()
        self.assertEqual((request.state, self.sender.url), ("rejected", before))

    def test_an_emergency_that_is_approved_stays(self):
        request = self.move()
        request.reason = "Line stands still"
        request.action_emergency()
        request.with_user(self.approver).action_approve()
        self.assertEqual((request.state, self.sender.url), ("applied", ELSEWHERE))

    def test_roll_back_is_a_request_as_well(self):
        before = self.sender.url
        first = self.submit(self.move())
        first.action_approve()
        action = first.with_user(self.manager).action_roll_back()
        back = self.env["mfg.change.request"].browse(action["res_id"]).with_user(self.manager)
        self.assertEqual((back.rollback_of_id, back.state), (first, "draft"))
        self.submit(back, "It did not work").action_approve()
        self.assertEqual(self.sender.url, before)

    def test_lists_are_changed_and_rolled_back(self):
        other = self.event_type("mfg.test.thing.other.v1")
        request = self.submit(
            self.try_to(
                lambda: self.subscriber.with_user(self.manager).write(
                    {"event_type_ids": [(6, 0, other.ids)]}
                )
            )
        )
        self.assertIn(other.code, request.line_ids.after)
        request.action_approve()
        self.assertEqual(self.subscriber.event_type_ids, other)
        action = request.with_user(self.manager).action_roll_back()
        back = self.env["mfg.change.request"].browse(action["res_id"]).with_user(self.manager)
        self.submit(back).action_approve()
        self.assertEqual(self.subscriber.event_type_ids, self.event)

    def test_something_new_is_made_when_it_is_approved(self):
        request = self.submit(self.try_new_route())
        request.action_approve()
        route = self.env["mfg.inbox.route"].browse(request.res_id)
        self.assertEqual(route.message_type, "test.new.v1")

    def test_only_the_buttons_move_it(self):
        request = self.move()
        for vals in ({"state": "approved"}, {"values": json.dumps({"url": "https://x/"})}):
            with self.assertRaises(StateWriteRefused):
                request.write(vals)
        with self.assertRaises(StateWriteRefused):
            self.env["mfg.change.request"].with_user(self.manager).create({"name": "x"})
        with self.assertRaises(AccessError):
            request.with_user(self.other_manager).reason = "Not mine"
        request.action_withdraw()
        self.assertEqual(request.state, "withdrawn")
