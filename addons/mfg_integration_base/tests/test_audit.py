from psycopg2.errors import RestrictViolation

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import StateWriteRefused
from .common import MfgCase, MfgHttpCase

GROUP = "mfg_integration_base.group_"


class TestAuditTrail(MfgCase):
    """Evidence of who did what: written with the act, never changed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.connector()
        cls.type = cls.event_type("mfg.test.thing.happened.v1")
        cls.subscription(cls.sender, cls.type)
        cls.operator = cls.user(f"{GROUP}operator")
        cls.audit = cls.env["mfg.audit.entry"]

    def messages(self, count=2):
        with self.capture_outbox() as outbox:
            for number in range(count):
                self.env["res.partner"].create({"name": str(number)})._mfg_emit(self.type.code, {})
        self.env.cr.execute(
            "UPDATE mfg_outbox_message SET state = 'dead', dead_at = now(), reason_code = 'auth'"
            " WHERE id = ANY(%s)",
            [outbox.messages.ids],
        )
        self.env.invalidate_all()
        return outbox.messages

    def entries(self, records):
        return self.audit.search(
            [("model", "=", records._name), ("res_id", "in", records.ids)], order="id"
        )

    def test_a_retry_of_several_is_recorded_for_each(self):
        messages = self.messages()
        messages.with_user(self.operator).action_retry()
        entries = self.entries(messages)
        self.assertEqual(entries.mapped("uuid"), messages.mapped("uuid"))
        self.assertEqual(set(entries.mapped("act")), {"retry"})
        self.assertEqual(set(entries.mapped("before")), {"dead: auth"})
        self.assertEqual(set(entries.mapped("after")), {"pending"})
        self.assertEqual(entries.user_id, self.operator)
        self.assertEqual(set(entries.mapped("user_login")), {self.operator.login})
        self.assertEqual(entries.company_id, self.sender.company_id)
        self.assertEqual(set(entries.mapped("name")), {self.type.code})

    def test_a_cancellation_is_recorded_with_its_reason(self):
        messages = self.messages()
        action = messages.with_user(self.operator).action_cancel()
        self.env["mfg.message.cancel"].with_user(self.operator).with_context(
            **action["context"]
        ).create({"reason": " Booked by hand "}).action_cancel()
        entries = self.entries(messages)
        self.assertEqual(len(entries), 2)
        self.assertEqual(set(entries.mapped("reason")), {"Booked by hand"})
        self.assertEqual(set(entries.mapped("after")), {"cancelled"})

    def test_what_is_refused_leaves_no_entry(self):
        messages = self.messages()
        viewer = self.user(f"{GROUP}viewer")
        with self.assertRaises(StateWriteRefused):
            messages.with_user(viewer).action_retry()
        self.assertFalse(self.entries(messages))

    def test_one_statement_for_a_recordset(self):
        messages = self.messages(5)
        messages.mapped("uuid"), messages.mapped("event_type"), messages.company_id
        with self.assertQueryCount(1):
            self.audit._record("retry", messages)
        self.assertEqual(len(self.entries(messages)), 5)

    def test_an_unknown_act_is_refused(self):
        with self.assertRaises(ValueError):
            self.audit._record("admire", self.sender)

    def test_any_record_can_be_told_of(self):
        lane = self.env.ref("mfg_integration_base.lane_bulk")
        self.audit._record("pause", lane, "Test")
        entry = self.entries(lane)
        self.assertEqual((entry.name, entry.company_id.id, entry.uuid), ("Bulk", False, False))
        self.assertEqual(entry.record_name, "Bulk")

    def test_entries_outlive_what_they_tell_of(self):
        partner = self.env["res.partner"].create({"name": "Gone"})
        user = self.user(f"{GROUP}operator")
        self.audit.with_user(user)._record("retry", partner)
        entry = self.entries(partner)
        login = user.login
        partner.unlink()
        user.unlink()
        self.env.invalidate_all()
        self.assertEqual((entry.name, entry.user_login), ("Gone", login))
        self.assertFalse(entry.user_id.exists())
        self.assertFalse(entry.record_name)

    def test_the_database_refuses_every_change(self):
        messages = self.messages(1)
        self.audit._record("retry", messages, "Why")
        entry = self.entries(messages)
        for statement in (
            "UPDATE mfg_audit_entry SET reason = 'Other' WHERE id = %s",
            "DELETE FROM mfg_audit_entry WHERE id = %s",
            "TRUNCATE mfg_audit_entry",
        ):
            with (
                self.subTest(statement),
                mute_logger("odoo.sql_db"),
                self.assertRaises(RestrictViolation),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement, [entry.id])
        self.env.invalidate_all()
        self.assertEqual(entry.reason, "Why")

    def test_the_orm_refuses_every_change_to_anybody(self):
        messages = self.messages(1)
        self.audit._record("retry", messages)
        entry = self.entries(messages)
        with self.assertRaises(StateWriteRefused):
            self.audit.create({"act": "retry", "model": "x"})
        with self.assertRaises(StateWriteRefused):
            entry.write({"reason": "x"})
        with self.assertRaises(StateWriteRefused):
            entry.unlink()

    def test_who_reads(self):
        messages = self.messages(1)
        self.audit._record("retry", messages)
        entry = self.entries(messages)
        for group in ("operator", "manager", "auditor"):
            self.assertTrue(entry.with_user(self.user(GROUP + group)).read(["act"]))
        for group in ("viewer", "approver", "service"):
            with self.assertRaises(AccessError):
                entry.with_user(self.user(GROUP + group)).read(["act"])
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.user(f"{GROUP}auditor", company=other)
        self.assertFalse(self.audit.with_user(stranger).search([("id", "=", entry.id)]))


@tagged("post_install", "-at_install")
class TestOverRpc(MfgHttpCase):
    """What only verbs write is written by nobody else, through RPC either."""

    def call(self, model, method, *args, **kwargs):
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        with mute_logger("odoo.http"):
            return self.url_open(
                "/web/dataset/call_kw",
                json={"jsonrpc": "2.0", "method": "call", "params": params},
            ).json()

    def test_rpc_cannot_write_evidence_or_progress(self):
        connector = self.connector()
        target = self.subscription(connector, self.event_type("mfg.test.rpc.happened.v1"))
        replay = self.env["mfg.replay"].create({"target_id": target.id, "reason": "Test"})
        self.env["mfg.audit.entry"]._record("retry", connector, "Why")
        entry = self.env["mfg.audit.entry"].search([], order="id desc", limit=1)
        manager = self.user(f"{GROUP}manager", "base.group_system")
        self.authenticate(manager.login, manager.login)
        for model, method, *args in (
            ("mfg.audit.entry", "write", [entry.id], {"reason": "x"}),
            ("mfg.audit.entry", "unlink", [entry.id]),
            ("mfg.audit.entry", "create", [{"act": "retry", "model": "x", "user_login": "x"}]),
            ("mfg.audit.entry", "_record", [], "retry"),
            ("mfg.replay", "write", [replay.id], {"state": "running"}),
            ("mfg.replay", "write", [replay.id], {"position": 5}),
            ("mfg.replay", "_write_verb", [replay.id], {"state": "running"}),
            ("mfg.replay", "_act", [replay.id], "cancel", "x"),
            ("mfg.replay.feeder", "_cron_run", []),
        ):
            with self.subTest(model=model, method=method):
                self.assertIn("error", self.call(model, method, *args))
        # At creation they are passed over, as a form sends what it shows.
        answer = self.call(
            "mfg.replay", "create", [{"target_id": target.id, "state": "running", "position": 7}]
        )
        made = self.env["mfg.replay"].browse(answer["result"])
        self.env.invalidate_all()
        self.assertEqual((made.state, made.position, replay.state), ("draft", 0, "draft"))
        self.assertEqual(entry.reason, "Why")
