"""Comparing with a partner's snapshot: parts, requests, decisions, and what goes wrong."""

import json
from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.addons.mfg_integration_base.exceptions import StateWriteRefused
from odoo.addons.mfg_integration_base.models.mfg_reconciliation_run import COMPLETED, REQUESTED
from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

GROUPS = "mfg_integration_base.group_"


@tagged("post_install", "-at_install")
class TestReconciliation(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner = cls.connector(code="partner")
        cls.snapshot_route = cls.route(
            cls.partner, "reconciliation.snapshot.v1", handler="reconciliation_snapshot"
        )
        cls.env["test.mfg.order"].search([]).unlink()
        cls.one, cls.two = cls.env["test.mfg.order"].create(
            [{"name": "One", "quantity": 10}, {"name": "Two", "quantity": 20}]
        )
        cls.reconciliation = cls.env["mfg.reconciliation"].create(
            {"connector_id": cls.partner.id, "kind": "test_orders", "answer_hours": 2}
        )

    def rows(self, one=10, two=20):
        return [
            {"order": self.one.mfg_uuid, "quantity": one},
            {"order": self.two.mfg_uuid, "quantity": two},
        ]

    def send(self, rows=(), snapshot="S-1", **values):
        document = {
            "kind": "test_orders",
            "snapshot": snapshot,
            "as_of": f"{fields.Datetime.now().isoformat()}Z",
            "rows": list(rows),
            **values,
        }
        message = self.inbox(self.snapshot_route, document)
        self.drain()
        return message

    def answer(self, *arguments, **values):
        message = self.send(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def run_of(self, answer):
        return self.env["mfg.reconciliation.run"].search([("uuid", "=", answer["run"])])

    def rejected(self, reason, pointer, *arguments, **values):
        message = self.send(*arguments, **values)
        self.assertEqual((message.state, message.reason_code), ("dead", reason), message.detail)
        self.assertIn(f"({pointer})", message.detail)

    # === Snapshots === #

    def test_one_part(self):
        answer = self.answer(self.rows(one=12))
        run = self.run_of(answer)
        self.assertEqual((run.state, run.trigger, run.complete), ("done", "partner", True))
        self.assertEqual(
            {name: answer[name] for name in ("result", "compared", "different", "drift")},
            {"result": "compared", "compared": 2, "different": 1, "drift": 2},
        )
        self.assertEqual((run.line_ids.here, run.line_ids.there), ("10", "12"))
        self.assertEqual(run.line_ids.record_name, "One")
        self.assertFalse(run.part_ids, "rows that were compared are not kept twice")

    def test_parts_in_any_order_and_twice(self):
        first, second = ([row] for row in self.rows(two=21))
        answer = self.answer(second, part=2, parts=2)
        self.assertEqual((answer["result"], answer["parts_here"]), ("received", 1))
        run = self.run_of(answer)
        self.assertEqual(run.state, "receiving")
        self.assertEqual(self.answer(second, part=2, parts=2)["result"], "duplicate")
        answer = self.answer(first, part=1, parts=2)
        self.assertEqual((answer["result"], answer["compared"]), ("compared", 2))
        self.assertEqual(answer["different"], 1)
        self.assertEqual(self.answer(first, part=1, parts=2)["result"], "duplicate")
        self.assertEqual(len(self.reconciliation.run_ids), 1)

    def test_a_snapshot_of_nothing(self):
        self.assertEqual(self.answer()["missing_there"], 2)

    def test_what_cannot_be(self):
        rows = self.rows()
        self.rejected("invalid_value", "/part", rows, part=3, parts=2)
        self.rejected("unknown_reference", "/kind", rows, kind="weather")
        self.rejected("schema", "/rows/0/quantity", [{"order": "x", "quantity": "many"}])
        self.rejected("schema", "/rows/0/quantity", [{"order": "x"}])
        self.rejected("invalid_value", "/rows/2", [*rows, rows[0]])
        self.rejected("invalid_value", "/as_of", rows, as_of="2199-01-01T00:00:00Z")
        unknown = "0192f3a0-0000-7000-8000-0000000000aa"
        self.rejected("unknown_reference", "/run", rows, run=unknown)
        self.assertFalse(self.reconciliation.run_ids, "nothing is left of what was rejected")
        self.answer(rows[:1], part=1, parts=2)
        self.rejected("conflict", "/parts", rows[1:], part=2, parts=3)

    # === Asking === #

    def asked(self):
        types = self.env["mfg.event.type"].search([("code", "in", [REQUESTED, COMPLETED])])
        return self.subscription(self.partner, types)

    def test_asking_needs_a_subscription(self):
        with self.assertRaisesRegex(UserError, "no subscription of"):
            self.reconciliation.action_ask()
        self.assertFalse(self.reconciliation.run_ids)

    def test_asked_and_answered(self):
        other = self.connector(code="other")
        self.subscription(other, self.env["mfg.event.type"].search([("code", "=", REQUESTED)]))
        self.asked()
        with self.capture_outbox() as outbox:
            self.reconciliation.action_ask()
        self.assertEqual(outbox.messages.mapped("connector_id"), self.partner)
        run = self.reconciliation.run_ids
        self.assertEqual((run.state, run.trigger), ("requested", "person"))
        (data,) = outbox.data
        self.assertEqual((data["run"], data["kind"]), (run.uuid, "test_orders"))
        answer = self.answer(self.rows(), run=data["run"])
        self.assertEqual((answer["run"], run.state), (run.uuid, "done"))
        self.rejected("unknown_reference", "/run", self.rows(), snapshot="S-2", run=data["run"])

    def test_schedule(self):
        self.asked()
        with self.assertRaisesRegex(ValidationError, "when to ask the partner"):
            self.reconciliation.cron_expression = "whenever"
        with freeze_time("2026-11-20 05:00:00"):
            self.reconciliation.write({"cron_expression": "0 6 * * *", "cron_timezone": "UTC"})
            self.env["mfg.reconciliation"]._cron_run()
            self.assertFalse(self.reconciliation.run_ids)
        with freeze_time("2026-11-20 06:01:00"):
            self.env["mfg.reconciliation"]._cron_run()
        self.assertEqual(self.reconciliation.run_ids.trigger, "schedule")
        self.assertEqual(f"{self.reconciliation.next_ask_at}", "2026-11-21 06:00:00")
        self.reconciliation.active = False
        self.assertFalse(self.reconciliation.next_ask_at)

    def test_nobody_answers(self):
        self.asked()
        self.reconciliation.action_ask()
        part = self.answer(self.rows()[:1], part=1, parts=3)
        with freeze_time(fields.Datetime.now() + timedelta(hours=1)):
            self.env["mfg.reconciliation"]._cron_run()
        states = self.reconciliation.run_ids.mapped("state")
        self.assertEqual(set(states), {"requested", "receiving"})
        with freeze_time(fields.Datetime.now() + timedelta(hours=3)):
            self.env["mfg.reconciliation"]._cron_run()
        self.assertEqual(set(self.reconciliation.run_ids.mapped("state")), {"failed"})
        self.assertIn("2 parts", self.run_of(part).problem)
        self.assertEqual(
            self.reconciliation.activity_ids.user_id,
            self.partner.owner_id,
            "one activity, however many runs",
        )
        self.assertEqual(self.answer(self.rows()[:1], part=2, parts=3)["result"], "late")

    # === Deciding === #

    def test_differences_are_brought_to_the_owner(self):
        with self.capture_outbox() as outbox:
            self.asked().echo = True
            self.answer(self.rows())
            self.assertFalse(self.reconciliation.activity_ids)
            self.answer(self.rows(one=11), snapshot="S-2")
        self.assertEqual(self.reconciliation.activity_ids.user_id, self.partner.owner_id)
        self.assertEqual([data["different"] for data in outbox.data], [0, 1])
        self.assertEqual(self.reconciliation.open_count, 1)

    def test_ignored_until_it_changes(self):
        line = self.run_of(self.answer(self.rows(one=11))).line_ids
        self.decide(line, "ignore", "Known")
        again = self.run_of(self.answer(self.rows(one=11), snapshot="S-2"))
        self.assertEqual((again.line_ids.state, again.line_ids.reason), ("ignored", "Known"))
        self.assertEqual((again.different, again.open_count), (1, 0))
        changed = self.run_of(self.answer(self.rows(one=12), snapshot="S-3"))
        self.assertEqual(changed.line_ids.state, "open")

    def test_found_again(self):
        first = self.run_of(self.answer(self.rows(one=11))).line_ids
        second = self.run_of(self.answer(self.rows(one=11), snapshot="S-2")).line_ids
        self.assertEqual((first.state, second.state), ("superseded", "open"))
        self.answer(self.rows(), snapshot="S-3")
        self.assertEqual(second.state, "superseded")
        with self.assertRaisesRegex(UserError, "not open any more"):
            self.decide(second, "ignore", "Too late")

    def decide(self, lines, act, reason):
        action = lines.with_context(mfg_act=act).action_decide()
        wizard = self.env[action["res_model"]].with_context(**action["context"])
        return wizard.create({"reason": reason}).action_decide()

    def test_accept(self):
        lines = self.run_of(self.answer([self.rows(one=11)[0]])).line_ids
        different = lines.filtered(lambda line: line.difference == "different")
        self.decide(different, "accept", "Counted")
        self.assertEqual((self.one.quantity, different.state), (11, "accepted"))
        entry = self.env["mfg.audit.entry"].search([("model", "=", lines._name)], limit=1)
        self.assertEqual((entry.act, entry.after, entry.reason), ("decide", "accepted", "Counted"))
        with self.assertRaisesRegex(UserError, "cannot be taken over"):
            self.decide(lines - different, "accept", "Counted")
        with self.assertRaisesRegex(UserError, "cannot be sent again"):
            (lines - different).action_resend()
        with self.assertRaises(ValidationError):
            self.decide(lines - different, "ignore", "  ")

    def test_rights(self):
        line = self.run_of(self.answer(self.rows(one=11))).line_ids
        viewer = self.user(f"{GROUPS}viewer")
        with self.assertRaisesRegex(UserError, "Only operators"):
            line.with_user(viewer)._ignore("x")
        with self.assertRaises(StateWriteRefused):
            line.with_user(self.user(f"{GROUPS}manager")).write({"state": "ignored"})
        with self.assertRaises(StateWriteRefused):
            line.run_id.with_user(self.user(f"{GROUPS}manager")).write({"state": "done"})
        operator = self.user(f"{GROUPS}operator")
        line.with_user(operator)._ignore("Known")
        self.assertEqual((line.state, line.decided_by_id), ("ignored", operator))
