import base64
import json
from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError

from ..exceptions import BusinessReject
from .common import MfgCase
from .partner import Partner

SCHEMA = {"type": "object", "properties": {"qty": {"type": "number"}}, "required": ["qty"]}


class TestLetters(MfgCase):
    """The error queue as a file, and back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = cls.event_type("mfg.test.thing.measured.v1", schema=json.dumps(SCHEMA))
        cls.sender = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        cls.subscription(cls.sender, cls.type)
        cls.route_in = cls.route(cls.sender, schema=json.dumps(SCHEMA))
        cls.operator = cls.user("mfg_integration_base.group_operator")

    def setUp(self):
        super().setUp()
        self.partner = Partner(self.secret(self.sender))
        self.partner.__enter__()
        self.addCleanup(self.partner.__exit__)
        self.sender.url = self.partner.url
        self.partner.script = [400]
        with self.capture_outbox() as outbox:
            self.env["res.partner"].create({"name": "Thing"})._mfg_emit(
                self.type.code, '{"qty":1.50}'
            )
        self.out = outbox.messages
        self.come_in = self.inbox(self.route_in, {"qty": 1})
        handler = type(self.env["mfg.inbox.handler.ping"])
        with patch.object(handler, "_handle", side_effect=BusinessReject("conflict", "No.")):
            self.drain()
        self.assertEqual((self.out.state, self.come_in.state), ("dead", "dead"))

    def rows(self, user=None):
        return (
            self.env["mfg.message.dead"]
            .with_user(user or self.operator)
            .search([("connector_id", "=", self.sender.id)])
        )

    def export(self):
        """The lines of the exported file, parsed, by direction."""
        action = self.rows().action_export()
        self.assertEqual(action["type"], "ir.actions.act_url")
        export = self.env["mfg.message.export"].search([], order="id desc", limit=1)
        self.assertIn(f"/{export.id}/", action["url"])
        raw = base64.b64decode(export.file)
        lines = [json.loads(line) for line in raw.splitlines()]
        return {line["direction"]: line for line in lines}

    def wizard(self, *lines, reason="Corrected"):
        raw = b"\n".join(json.dumps(line).encode() for line in lines)
        return (
            self.env["mfg.message.import"]
            .with_user(self.operator)
            .create({"file": base64.b64encode(raw), "file_name": "x.jsonl", "reason": reason})
        )

    def test_the_export_says_what_each_message_is(self):
        lines = self.export()
        self.assertEqual(lines["out"]["message_id"], self.out.uuid)
        self.assertEqual(lines["out"]["event"]["data"], {"qty": 1.5})
        self.assertEqual(lines["out"]["event"]["id"], self.out.event_id.uuid)
        self.assertEqual(lines["out"]["attempts"]["last_status"], 400)
        self.assertEqual(json.loads(lines["in"]["body"]), {"qty": 1})
        self.assertEqual(lines["in"]["reason"], "conflict")
        entries = self.env["mfg.audit.entry"].search([("act", "=", "export")])
        self.assertLessEqual({self.out.uuid, self.come_in.uuid}, set(entries.mapped("uuid")))

    def test_changed_payloads_are_edits_and_all_are_retried(self):
        lines = self.export()
        lines["out"]["event"]["data"] = {"qty": 2}
        wizard = self.wizard(*lines.values())
        wizard.action_check()
        self.assertEqual(wizard.state, "checked")
        self.assertFalse(wizard.problems or wizard.skipped)
        self.assertIn("1 with a changed payload, 1 as they are", wizard.summary)
        self.assertEqual(self.out.state, "dead", "a check changes nothing")
        wizard.action_import()
        self.assertEqual(wizard.state, "done")
        self.assertEqual((self.out.state, self.come_in.state), ("pending", "pending"))
        self.assertEqual(self.out.data_edited, '{"qty":2}')
        self.assertFalse(self.come_in.is_edited)
        self.assertIn("Corrected", self.out.edit_note)
        acts = {
            entry.uuid: entry.act
            for entry in self.env["mfg.audit.entry"].search([("reason", "=", "Corrected")])
        }
        self.assertEqual(acts, {self.out.uuid: "import", self.come_in.uuid: "retry"})

    def test_a_changed_body(self):
        line = self.export()["in"]
        line["body"] = '{"qty": 9}'
        self.wizard(line).action_import()
        self.assertEqual(self.come_in._raw_body(), b'{"qty": 9}')
        self.drain()
        self.assertEqual(self.come_in.state, "done")
        self.assertEqual(self.out.state, "dead", "not in the file")

    def test_one_wrong_line_and_nothing_is_imported(self):
        lines = self.export()
        changes = {
            "schema": lambda line: line["event"].update(data={"qty": "x"}),
            "subject": lambda line: line["event"].update(subject="other/1"),
            "connector": lambda line: line.update(connector="somebody-else"),
            "version": lambda line: line.update(version=2),
        }
        expected = {
            "schema": "Line 2: /qty: must be of type number",
            "subject": "Line 2: “event/subject” was changed",
            "connector": "Line 2: “connector” is not that",
            "version": "Line 2: “version” is 2",
        }
        for name, change in changes.items():
            with self.subTest(name):
                wrong = json.loads(json.dumps(lines["out"]))
                change(wrong)
                wizard = self.wizard(lines["in"], wrong)
                wizard.action_import()
                self.assertIn(expected[name], wizard.problems)
                self.assertEqual(wizard.state, "draft")
                self.assertEqual((self.out.state, self.come_in.state), ("dead", "dead"))

    def test_what_is_unknown_or_not_dead_is_listed(self):
        lines = self.export()
        self.come_in.action_retry()
        lines["out"]["message_id"] = "0193aaaa-0000-7000-8000-000000000000"
        wizard = self.wizard(*lines.values())
        wizard.action_import()
        self.assertFalse(wizard.problems)
        self.assertIn("0193aaaa-0000-7000-8000-000000000000 is not known here", wizard.skipped)
        self.assertIn(f"{self.come_in.uuid} is pending, no longer dead", wizard.skipped)
        self.assertIn("2 passed over", wizard.summary)
        self.assertEqual(self.out.state, "dead")

    def test_a_reason_is_required(self):
        wizard = self.wizard(*self.export().values(), reason=False)
        with self.assertRaisesRegex(ValidationError, "Say why"):
            wizard.action_import()

    def test_strangers_find_nothing_of_it(self):
        company = self.env["res.company"].create({"name": "Other"})
        stranger = self.user("mfg_integration_base.group_operator", company=company)
        wizard = self.wizard(*self.export().values())
        wizard = (
            wizard.sudo()
            .with_user(stranger)
            .create({"file": wizard.sudo().file, "reason": "Mine now"})
        )
        wizard.action_import()
        self.assertIn("2 passed over", wizard.summary)
        self.assertEqual((self.out.state, self.come_in.state), ("dead", "dead"))

    def test_viewers_neither_export_nor_import(self):
        viewer = self.user("mfg_integration_base.group_viewer")
        with self.assertRaises(UserError):
            self.rows(viewer).action_export()
        with self.assertRaises(UserError):
            self.env["mfg.message.import"].with_user(viewer).create({"reason": "x"})
