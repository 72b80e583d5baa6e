"""Queue jobs: what may be enqueued, how it runs, and how it ends."""

import json
from unittest.mock import patch

from odoo.addons.mfg_integration_base.exceptions import JobCancelled, JobRefused
from odoo.addons.mfg_integration_base.models import base_job
from odoo.addons.mfg_integration_base.models.mfg_message_queue import QUEUES
from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import call_kw

OUT = QUEUES["out"]


class JobCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls.env["test.mfg.order"].create({"name": "T1", "quantity": 10})
        # The test's database is a copy of a template.
        cls.carrier = cls.carrier_of(cls.env.company)

    @classmethod
    def carrier_of(cls, company):
        connector = cls.env["mfg.connector"].search(
            [("builtin", "=", True), ("company_id", "=", company.id)]
        )
        connector.action_activate()
        return connector

    def enqueue(self, method="job_note", *args, order=None, **how):
        """Enqueue on an order; the message."""
        uuid = (order or self.order)._mfg_enqueue(method, args=list(args), **how)
        return self.env["mfg.outbox.message"].search([("uuid", "=", uuid)])

    def make_due(self):
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = '2000-01-01' WHERE due_at IS NOT NULL"
        )

    def claim(self, message, worker="test"):
        queue = self.env["mfg.message.queue"]
        self.env.flush_all()
        queue._admit(OUT, message.lane_id.id, 100)
        [claim] = queue._claim(OUT, {message.subscription_id.id: 1}, 1, worker)
        self.env.invalidate_all()
        return claim


class TestEnqueue(JobCase):
    def test_runs_after_the_commit_and_leaves_its_text(self):
        message = self.enqueue("job_note", "a", kwargs={"twice": True})
        self.assertFalse(self.order.journal)
        self.drain()
        self.assertEqual(self.order.journal, "a;a;")
        self.assertEqual((message.state, message.detail), ("done", "noted a"))
        [attempt] = message.attempt_ids
        self.assertEqual(attempt.outcome, "delivered")
        self.assertFalse(self.env["mfg.outbox.key"].browse(message.key_id).exists())

    def test_what_is_not_marked_is_refused(self):
        for method in ("job_unmarked", "unlink", "_write", "write", "nonsense", "", "__init__"):
            with self.subTest(method), self.assertRaisesRegex(JobRefused, "not marked as a job"):
                self.order._mfg_enqueue(method)
        self.assertFalse(self.env["mfg.event"].search([("model", "=", "test.mfg.order")]))

    def test_arguments_that_are_not_json_are_named(self):
        cases = {
            r"args\[0\]: a test.mfg.order .*ids": {"args": [self.order]},
            r"args\[1\]: a set": {"args": [1, {1}]},
            r"kwargs\['when'\]": {"kwargs": {"when": self.order.create_date}},
            "key: 7": {"args": ["a"], "key": 7},
            "key: ''": {"args": ["a"], "key": ""},
            "delay: -1": {"args": ["a"], "delay": -1},
            "delay: nan": {"args": ["a"], "delay": float("nan")},
            "delay: True": {"args": ["a"], "delay": True},
            "lane “nowhere”": {"args": ["a"], "lane": "nowhere"},
        }
        for says, how in cases.items():
            with self.subTest(says), self.assertRaisesRegex(JobRefused, says):
                self.order._mfg_enqueue("job_note", **how)
        with self.assertRaisesRegex(JobRefused, "not saved"):
            self.order.new()._mfg_enqueue("job_note", args=["a"])

    def test_not_by_rpc(self):
        for method in ("_mfg_enqueue", "_mfg_job_progress", "_mfg_insert"):
            with self.subTest(method), self.assertRaises(AccessError):
                call_kw(self.order, method, [self.order.ids, "job_note"], {})
        for model in ("mfg.local.dispatcher", "mfg.message.queue", "mfg.booking.dispatcher"):
            public = [name for name in dir(type(self.env[model])) if not name.startswith("_")]
            inherited = dir(type(self.env["mfg.environment"]))
            self.assertFalse(set(public) - set(inherited), model)

    def test_nobody_emits_a_job(self):
        """An event's data would then say what is called, and as whom."""
        with self.assertRaisesRegex(UserError, "never emitted"):
            self.order._mfg_emit("mfg.integration.job.enqueued.v1", {"model": "res.users"})

    def test_the_data_of_a_job_is_not_edited(self):
        with self.assertRaisesRegex(ValidationError, "cannot be edited"):
            self.enqueue("job_note", "a")._check_payload_editable()
        self.env["mfg.outbox.message"]._check_payload_editable()

    def test_asked_again_when_it_runs(self):
        """The code may have changed since: what is no job any more is not called."""
        message = self.enqueue("job_note", "a")
        data = json.loads(message.event_data)
        self.env.cr.execute(
            "UPDATE mfg_event SET data = %s WHERE id = %s",
            [json.dumps({**data, "method": "job_unmarked"}), message.event_id.id],
        )
        self.env.invalidate_all()
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "handler_failed"))
        self.assertIn("not (or no longer) a job", message.detail)
        self.assertFalse(self.order.journal)

    def test_lane_of_the_mark_and_of_the_caller(self):
        for how, lane in (({}, "bulk"), ({"lane": "critical"}, "critical")):
            with self.subTest(lane):
                self.assertEqual(self.enqueue("job_in_bulk", **how).lane_id.code, lane)
        self.drain()
        self.assertEqual(self.order.journal, "bulk;refined;bulk;refined;")

    def test_one_statement_and_one_more_for_a_key(self):
        self.enqueue("job_note", "warm")
        self.env.flush_all()
        with self.assertQueryCount(1):
            self.order._mfg_enqueue("job_note", args=["a"])
        with self.assertQueryCount(2):
            self.order._mfg_enqueue("job_note", args=["a"], key="k")


class TestRun(JobCase):
    def test_as_who_enqueued_never_superuser(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.carrier_of(other)
        user = self.user("base.group_user", company_ids=[(6, 0, (self.env.company | other).ids)])
        french = self.env["res.lang"]._activate_lang("fr_FR").code
        order = self.order.with_user(user).with_context(
            allowed_company_ids=[other.id, self.env.company.id], lang=french, tz="Europe/Paris"
        )
        message = self.enqueue("job_who", order=order.sudo())
        self.assertEqual(message.company_id, other)
        self.drain()
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(
            self.order.journal,
            f"{user.id} False {other.id} {[other.id, self.env.company.id]} fr_FR Europe/Paris;",
        )
        self.assertEqual(message.job_user_id, user)

    def test_rights_that_were_lost_meanwhile(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.carrier_of(other)
        user = self.user("base.group_user", company_ids=[(6, 0, (self.env.company | other).ids)])
        order = self.order.with_user(user).with_context(allowed_company_ids=[other.id])
        message = self.enqueue("job_who", order=order)
        user.company_ids = self.env.company
        self.drain()
        self.assertEqual(message.reason_code, "job_failed")
        self.assertIn("AccessError", message.detail)
        self.assertFalse(self.order.journal)

    def test_in_order_per_key(self):
        keyed = [self.enqueue("job_note", str(n), key="one") for n in range(4)]
        self.enqueue("job_note", "x", key="two")
        self.drain()
        mine = [part for part in self.order.journal.split(";") if part.isdigit()]
        self.assertEqual(mine, ["0", "1", "2", "3"])
        self.assertEqual({message.ordering_key for message in keyed}, {"one"})

    def test_a_failed_job_holds_its_own_key_only(self):
        failed = self.enqueue("job_fail", "fault", key="one")
        held = self.enqueue("job_note", "held", key="one")
        free = self.enqueue("job_note", "free")
        self.drain()
        self.assertEqual((failed.state, held.state, free.state), ("retrying", "pending", "done"))
        failed.subscription_id.on_dead = "skip"

    def test_a_delayed_job_waits_and_holds_its_key(self):
        delayed = self.enqueue("job_note", "late", key="one", delay=3600)
        after = self.enqueue("job_note", "after", key="one")
        alone = self.enqueue("job_note", "alone", delay=3600)
        other = self.enqueue("job_note", "now")
        self.drain()
        self.assertEqual(self.order.journal, "now;")
        self.assertEqual(
            (delayed + after + alone + other).mapped("state"),
            ["pending", "pending", "pending", "done"],
        )
        # A claim that comes early, whatever the reason, puts the key back.
        self.make_due()
        self.drain()
        self.assertEqual(self.order.journal, "now;")
        key = self.env["mfg.outbox.key"].browse(delayed.key_id)
        self.assertEqual(key.due_at, delayed.due_at)
        self.env.cr.execute("UPDATE mfg_outbox_message SET due_at = '2000-01-01'")
        self.make_due()
        self.drain()
        self.assertEqual(sorted(self.order.journal.split(";")[1:-1]), ["after", "alone", "late"])
        self.assertLess(self.order.journal.index("late"), self.order.journal.index("after"))

    def test_delayed_behind_another_of_its_key(self):
        self.enqueue("job_note", "first", key="one")
        delayed = self.enqueue("job_note", "late", key="one", delay=3600)
        self.drain()
        self.assertEqual((self.order.journal, delayed.state), ("first;", "pending"))
        key = self.env["mfg.outbox.key"].browse(delayed.key_id)
        self.assertEqual(key.due_at, delayed.due_at)

    def test_a_job_enqueues_and_emits_as_a_consequence(self):
        self.env["mfg.event.type"].search([("code", "=", "mfg.test.order.changed.v1")]).keep = True
        self.enqueue("job_next", "next")
        job = self.enqueue("job_change", 7)
        self.drain()
        self.assertEqual(self.order.journal, "next;")
        event = self.env["mfg.event"].search([("type", "=", "mfg.test.order.changed.v1")])
        self.assertEqual(event.causation_id, job.event_id.uuid)
        self.assertEqual(event.correlation_id, job.event_id.correlation_id)

    def test_a_copy_of_the_database_runs_nothing(self):
        message = self.enqueue("job_note", "a")
        self.carrier._write_verb({"activation_fingerprint": "another database's"})
        self.drain()
        self.assertEqual((message.state, self.order.journal), ("pending", ""))
        self.assertEqual(self.enqueue("job_note", "b").state, "pending")
        self.carrier.action_activate()
        self.drain()
        self.assertEqual((message.state, self.order.journal), ("done", "a;b;"))

    def test_a_paused_connector_runs_them_later(self):
        self.carrier.action_pause()
        message = self.enqueue("job_note", "a")
        self.drain()
        self.assertEqual(message.state, "pending")


class TestFailure(JobCase):
    def test_every_failure_keeps_nothing(self):
        cases = [
            # how -> state, reason, attempt, word in the detail
            ("fault", "retrying", "job_failed", "retry", "ZeroDivisionError"),
            ("user", "retrying", "job_failed", "retry", "Not on a Sunday"),
            ("retry", "retrying", "job_waits", "retry", "not there yet"),
            ("cancel", "cancelled", "cancelled_by_user", "cancelled", "Nothing to do"),
        ]
        for how, state, reason, outcome, word in cases:
            with self.subTest(how):
                message = self.enqueue("job_fail", how)
                self.drain()
                self.assertEqual((message.state, message.reason_code), (state, reason))
                self.assertEqual(message.attempt_ids.outcome, outcome)
                self.assertIn(word, message.detail)
                self.assertFalse(self.order.journal)
        self.assertTrue(message.finished_at)
        self.assertFalse(self.env["mfg.outbox.key"].browse(message.key_id).exists())

    def test_the_traceback_is_shown(self):
        message = self.enqueue("job_fail", "fault")
        self.drain()
        self.assertIn("in job_fail", message.job_error)
        self.assertIn("a fault in the job", message.job_error)

    def test_a_job_says_when_to_come_back(self):
        message = self.enqueue("job_fail", "retry")
        self.drain()
        self.env.cr.execute(
            "SELECT EXTRACT(EPOCH FROM due_at - statement_timestamp() AT TIME ZONE 'UTC')"
            " FROM mfg_outbox_message WHERE id = %s",
            [message.id],
        )
        [seconds] = self.env.cr.fetchone()
        self.assertGreater(seconds, 3500)

    def test_the_policy_ends_and_a_person_retries(self):
        message = self.enqueue("job_fail", "fault")
        message.subscription_id.retry_policy_id = self.env["mfg.retry.policy"].create(
            {"name": "Twice", "schedule": "1s", "jitter": 0}
        )
        for _attempt in range(3):
            self.make_due()
            self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "attempts_exhausted"))
        self.assertEqual(message.attempt_count, 2)
        self.assertIn("ZeroDivisionError", message.job_error)
        message.action_retry()
        self.drain()
        self.assertEqual((message.state, message.attempt_count), ("retrying", 3))

    def test_runners_that_are_lost_again_and_again(self):
        message = self.enqueue("job_note", "a")
        message.subscription_id.retry_policy_id = self.env["mfg.retry.policy"].create(
            {"name": "Twice", "schedule": "1s", "jitter": 0}
        )
        for _runner in range(2):
            self.claim(message)
            self.make_due()
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "attempts_exhausted"))
        self.assertFalse(self.order.journal)


class TestCancel(JobCase):
    def cancel(self, message):
        wizard = self.env["mfg.message.cancel"].create(
            {"res_model": message._name, "res_ids": str(message.id), "reason": "no need"}
        )
        wizard.action_cancel()

    def test_one_that_waits_is_cancelled_at_once(self):
        message = self.enqueue("job_note", "a")
        self.cancel(message)
        self.drain()
        self.assertEqual((message.state, self.order.journal), ("cancelled", ""))

    def test_one_that_runs_stops_when_it_tells_its_progress(self):
        message = self.enqueue("job_steps", 9)
        real, told = base_job.Base._mfg_job_progress, []

        def cancelled_meanwhile(order, done, total, text=""):
            told.append(done)
            if done == 3:
                self.cancel(message.with_env(self.env))
                order.env.context["mfg_job"].report_at = 0.0
            return real(order, done, total, text)

        with patch.object(type(self.order), "_mfg_job_progress", cancelled_meanwhile):
            self.drain()
        self.assertEqual(told, [0, 1, 2, 3])
        self.assertEqual((message.state, message.reason_code), ("cancelled", "cancelled_by_user"))
        self.assertEqual(message.attempt_ids.outcome, "cancelled")
        self.assertFalse(self.order.journal)
        self.assertFalse(self.env["mfg.job.progress"].search([]))

    def test_the_request_outlives_the_runner(self):
        """Its runner is killed before it meets the request: the next one does not run it."""
        message = self.enqueue("job_note", "a")
        self.claim(message, "lost")
        self.assertTrue(message.can_cancel)
        self.cancel(message)
        self.assertEqual((message.state, message.cancel_requested), ("running", True))
        self.assertFalse(message.can_cancel)
        self.make_due()
        self.drain()
        self.assertEqual((message.state, self.order.journal), ("cancelled", ""))
        self.assertIn("no need", message.detail)
        self.assertEqual(message.attempt_ids.mapped("outcome"), ["cancelled", "lost"])

    def test_a_message_to_a_partner_on_its_way_is_not_called_back(self):
        partner = self.connector()
        self.subscription(partner, self.event_type("mfg.test.thing.happened.v1"))
        self.order._mfg_emit("mfg.test.thing.happened.v1", {})
        message = self.env["mfg.outbox.message"].search([("connector_id", "=", partner.id)])
        self.claim(message)
        self.assertFalse(message.can_cancel)
        with self.assertRaisesRegex(ValidationError, "on its way"):
            self.cancel(message)

    def test_progress_is_told_once_a_second(self):
        message = self.enqueue("job_steps", 4)
        seen = []
        queue = type(self.env["mfg.message.queue"])
        real = queue._note_progress

        def note(model, message_id, share, text):
            result = real(model, message_id, share, text)
            shown = message.with_env(model.env)
            shown.invalidate_recordset()
            seen.append((shown.state, shown.progress_percent, shown.progress_text))
            return result

        clock = iter([100.0, 100.5, 101.5, 101.6])
        with (
            patch.object(queue, "_note_progress", note),
            patch.object(base_job, "time", type("Clock", (), {"monotonic": lambda: next(clock)})),
        ):
            self.drain()
        self.assertEqual(seen, [("running", 0, "step 0"), ("running", 50, "step 2")])
        self.assertEqual((message.state, message.progress), ("done", 1.0))

    def test_outside_a_job_progress_does_nothing(self):
        self.order._mfg_job_progress(1, 2)
        self.order.with_context(mfg_job={"message_id": 1})._mfg_job_progress(1, 2)
        self.assertFalse(self.env["mfg.job.progress"].search([]))
        with self.assertRaises(JobCancelled):
            raise JobCancelled


class TestCarriers(JobCase):
    """The built-in connectors: always there, and of no use for anything else."""

    def test_each_company_and_lane_has_its_own(self):
        company = self.env["res.company"].create({"name": "New"})
        carrier = self.carrier_of(company)
        lanes = self.env["mfg.lane"].search([])
        self.assertEqual(carrier.code, f"jobs-{company.id}")
        self.assertEqual(carrier.state, "active")
        self.assertEqual(carrier.subscription_ids.lane_id, lanes)
        lane = self.env["mfg.lane"].create({"name": "Night", "code": "night"})
        self.assertIn(lane, carrier.subscription_ids.lane_id)
        self.assertFalse(carrier.subscription_ids.event_type_ids)
        self.assertFalse(carrier.service_user_id)
        self.env["mfg.connector"]._ensure_builtin()
        self.assertEqual(len(carrier.subscription_ids), len(lanes) + 1, "once each")

    def test_a_new_company_s_connector_is_active_here(self):
        company = self.env["res.company"].create({"name": "New"})
        carrier = self.env["mfg.connector"].search(
            [("company_id", "=", company.id), ("builtin", "=", True)]
        )
        self.assertTrue(carrier.activated_here)

    def test_a_lane_without_jobs_can_be_archived_and_deleted(self):
        lane = self.env["mfg.lane"].create({"name": "Night", "code": "night"})
        message = self.enqueue("job_note", "a", lane="night")
        with self.assertRaisesRegex(ValidationError, "in use"), self.env.cr.savepoint():
            lane.active = False
        self.env.invalidate_all()
        self.drain()
        self.assertEqual(message.state, "done")
        lane.active = False
        with self.assertRaisesRegex(JobRefused, "night"):
            self.order._mfg_enqueue("job_note", args=["a"], lane="night")
        lane.active = True
        self.enqueue("job_note", "b", lane="night")
        self.drain()
        self.assertEqual(self.order.journal, "a;b;")
        lane.unlink()

    def test_a_company_takes_its_connector_along(self):
        company = self.env["res.company"].create({"name": "New"})
        carrier = self.carrier_of(company)
        # Not company.unlink(): other apps have rows of a new company and refuse.
        carrier._unlink_builtin()
        self.assertFalse(carrier.exists())

    def test_nobody_makes_something_else_of_them(self):
        manager = self.user("mfg_integration_base.group_manager")
        carrier = self.carrier.with_user(manager)
        subscription = carrier.subscription_ids[0]
        job_type = self.env.ref("mfg_integration_base.event_type_job_enqueued")
        action = self.env["ir.actions.server"].search([], limit=1)
        for what, change in {
            "transport": lambda: carrier.write({"transport": "http"}),
            "url": lambda: carrier.write({"url": "https://example.com/"}),
            "retire": carrier.action_retire,
            "delete": carrier.unlink,
            "type": lambda: subscription.write({"event_type_ids": [(6, 0, job_type.ids)]}),
            "subscription": lambda: subscription.unlink(),
            "retire subscription": lambda: subscription.write({"state": "retired"}),
            "action": lambda: subscription.write({"local_action_id": action.id}),
            "lane": lambda: subscription.write({"lane_id": carrier.subscription_ids[1].lane_id.id}),
            "new": lambda: self.env["mfg.subscription"].with_user(manager).create(
                {"name": "New", "connector_id": carrier.id, "event_type_ids": job_type.ids}
            ),
            "route": lambda: self.env["mfg.inbox.route"].with_user(manager).create(
                {"connector_id": carrier.id, "message_type": "x.v1"}
            ),
            "credential": lambda: self.env["mfg.credential"].with_user(manager).create(
                {"connector_id": carrier.id}
            ),
        }.items():  # fmt: skip
            with (
                self.subTest(what),
                self.assertRaises(UserError),  # a refusal, not a failure
            ):
                change()
            self.env.invalidate_all()
        self.carrier._write_verb({"state": "draft"})
        with self.assertRaisesRegex(ValidationError, "carries the jobs"):
            carrier.unlink()
        carrier.write({"name": "Renamed"})
        subscription.write({"state": "paused", "on_dead": "skip"})

    def test_nobody_makes_another(self):
        connector = self.env["mfg.connector"].create(
            {"name": "Mine", "code": "mine", "transport": "local", "builtin": True}
        )
        self.assertFalse(connector.builtin)
        with self.assertRaises(AccessError):
            connector.builtin = True
        with self.assertRaises(AccessError):
            connector.with_context(mfg_builtin=True).write({"builtin": True})
        with self.assertRaisesRegex(ValidationError, "stay apart"):
            connector.transport = "http"
        with self.assertRaisesRegex(ValidationError, "stay apart"):
            self.connector().transport = "local"
