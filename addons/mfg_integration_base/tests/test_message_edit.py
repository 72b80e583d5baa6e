import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError

from ..exceptions import BusinessReject
from .common import MfgCase
from .partner import Partner

SCHEMA = {
    "type": "object",
    "properties": {"qty": {"type": "number", "minimum": 0}, "unit": {"type": "string"}},
    "required": ["qty"],
}


class TestMessageEdit(MfgCase):
    """A dead message's payload is corrected; what it was stays beside it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = cls.event_type("mfg.test.thing.measured.v1", schema=json.dumps(SCHEMA))
        cls.sender = cls.connector(allow_http=True, allow_list="127.0.0.1/32")
        cls.subscription(cls.sender, cls.type)
        cls.route_in = cls.route(cls.sender, schema=json.dumps(SCHEMA))
        cls.thing = cls.env["res.partner"].create({"name": "Thing"})
        cls.operator = cls.user("mfg_integration_base.group_operator")

    def setUp(self):
        super().setUp()
        self.partner = Partner(self.secret(self.sender))
        self.partner.__enter__()
        self.addCleanup(self.partner.__exit__)
        self.sender.url = self.partner.url

    def dead_out(self, data='{"qty":1.50,"unit":"kg"}'):
        self.partner.script = [400]
        with self.capture_outbox() as outbox:
            self.thing._mfg_emit(self.type.code, data)
        self.drain()
        self.assertEqual(outbox.messages.state, "dead")
        return outbox.messages

    def dead_in(self, document):
        message = self.inbox(self.route_in, document)
        handler = type(self.env["mfg.inbox.handler.ping"])
        with patch.object(
            handler, "_handle", side_effect=BusinessReject("unknown_reference", "No.", "/n")
        ):
            self.drain()
        self.assertEqual(message.state, "dead")
        return message

    def wizard(self, message, user=None, **vals):
        action = message.with_user(user or self.operator).action_edit()
        return (
            self.env[action["res_model"]]
            .with_user(user or self.operator)
            .with_context(**action["context"])
            .create(vals)
        )

    def test_out_is_edited_and_its_event_is_not(self):
        message = self.dead_out()
        wizard = self.wizard(message, reason="Unit was wrong")
        self.assertEqual(wizard.payload, '{\n  "qty": 1.50,\n  "unit": "kg"\n}')
        wizard.payload = '{ "qty": 1.50, "unit": "g" }'
        self.assertFalse(wizard.problems)
        wizard.action_save()
        self.assertEqual(message.state, "pending")
        self.assertEqual(message.data_edited, '{"qty":1.50,"unit":"g"}', "as it was typed")
        self.assertEqual(message.event_id.data, '{"qty":1.50,"unit":"kg"}')
        self.assertTrue(message.is_edited)
        self.assertIn("Unit was wrong", message.edit_note)
        self.assertIn(self.operator.name, message.edit_note)
        viewer = self.user("mfg_integration_base.group_viewer")
        self.assertIn("Unit was wrong", message.with_user(viewer).edit_note)

    def test_the_audit_trail_has_what_was_changed(self):
        message = self.dead_out()
        self.wizard(message, reason="Why", payload='{"qty": 2}').action_save()
        entry = self.env["mfg.audit.entry"].search([("uuid", "=", message.uuid)])
        self.assertEqual((entry.act, entry.reason, entry.user_id), ("edit", "Why", self.operator))
        self.assertEqual(json.loads(entry.before)["changed"], {"/qty": 1.5, "/unit": "kg"})
        self.assertEqual(json.loads(entry.after)["changed"], {"/qty": 2})

    def test_problems_are_shown_and_refused_with_their_places(self):
        message = self.dead_out()
        wizard = self.wizard(message, reason="Why")
        for payload, expected in (
            ('{"qty": -1, "unit": 5}', ("/qty: must be at least 0", "/unit: must be of type")),
            ("{}", ("/qty: is missing",)),
            ('{"qty": 1', ("line 1",)),
            ("[1]", ("JSON object",)),
        ):
            with self.subTest(payload):
                wizard.payload = payload
                for text in expected:
                    self.assertIn(text, wizard.problems)
                with self.assertRaises(ValidationError) as raised:
                    wizard.action_save()
                self.assertIn(expected[0], str(raised.exception))
        self.assertFalse(message.data_edited)
        self.assertEqual(message.state, "dead")

    def test_a_reason_and_a_change_are_required(self):
        message = self.dead_out()
        with self.assertRaisesRegex(ValidationError, "Say why"):
            self.wizard(message, reason=" ", payload='{"qty": 3}').action_save()
        with self.assertRaisesRegex(ValidationError, "Nothing was changed"):
            self.wizard(message, reason="Why").action_save()

    def test_back_to_what_it_was_is_no_edit_any_more(self):
        message = self.dead_out()
        self.wizard(message, reason="Why", payload='{"qty": 2}').action_save()
        self.partner.script = [400]
        self.drain()
        wizard = self.wizard(message, reason="Back")
        self.assertIn("Why", wizard.earlier_note)
        self.assertEqual(json.loads(wizard.payload), {"qty": 2})
        wizard.payload = wizard.original
        wizard.action_save()
        self.assertFalse(message.data_edited)
        self.assertFalse(message.is_edited)

    def test_in_the_handler_gets_the_edited_body(self):
        message = self.dead_in({"qty": 1})
        raw = message._original_body()
        wizard = self.wizard(message, reason="Typing error", payload='{"qty": 7}')
        wizard.action_save()
        seen = []
        handler = type(self.env["mfg.inbox.handler.ping"])
        real = handler._handle

        def handle(model, *, message, document):
            seen.append(document)
            return real(model, message=message, document=document)

        with patch.object(handler, "_handle", handle):
            self.drain()
        self.assertEqual(seen, [{"qty": 7}])
        self.assertEqual(message.state, "done")
        self.assertEqual(message._original_body(), raw, "as the partner sent it")
        self.assertEqual(message._raw_body(), b'{"qty": 7}')
        self.assertEqual(json.loads(message.original_body_text), {"qty": 1})
        self.assertIn("Typing error", message.edit_note)

    def test_in_problems_come_from_the_routes_schema(self):
        message = self.dead_in({"qty": 1})
        wizard = self.wizard(message, reason="Why", payload='{"qty": "x"}')
        self.assertIn("/qty: must be of type number", wizard.problems)
        with self.assertRaises(ValidationError):
            wizard.action_save()

    def test_only_text_is_edited(self):
        message = self.dead_in({"qty": 1})
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET body = %s WHERE id = %s", [b"\x00\x01", message.id]
        )
        with self.assertRaisesRegex(ValidationError, "not text"):
            message.with_user(self.operator).action_edit()
        self.assertFalse(message.can_edit)

    def test_line_ends_and_encoding_of_other_texts_stay(self):
        message = self.dead_in({"qty": 1})
        body = "UNH+1'\r\nBGM+Größe'\r\n".encode("iso-8859-1")
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET body = %s WHERE id = %s", [body, message.id]
        )
        # Not JSON for the JSON route, but that is not the point here.
        text = message._payload_text().replace("\r\n", "\n").replace("UNH+1", "UNH+2")
        payload, _problems = message._payload_of_text(text)
        self.assertEqual(payload, body.replace(b"UNH+1", b"UNH+2"))
        _payload, problems = message._payload_of_text(text + "漢")
        self.assertIn("iso-8859-1", problems[0].message)

    def test_only_what_is_dead_is_edited(self):
        message = self.dead_out()
        wizard = self.wizard(message, reason="Late", payload='{"qty": 2}')
        message.action_retry()
        with self.assertRaisesRegex(ValidationError, "not dead"):
            wizard.action_save()
        with self.assertRaisesRegex(ValidationError, "only a dead message"):
            self.env["mfg.message.queue"]._edit(message, {message.id: "{}"})
        self.assertFalse(message.data_edited)

    def test_a_transport_may_refuse(self):
        message = self.dead_out()
        transport = type(self.env["mfg.transport.http"])
        with patch.object(transport, "_payload_editable", lambda _self: False, create=True):
            self.assertFalse(message.can_edit)
            with self.assertRaises(ValidationError):
                message.with_user(self.operator).action_edit()

    def test_viewers_and_strangers_edit_nothing(self):
        message = self.dead_out()
        with self.assertRaises(UserError):
            message.with_user(self.user("mfg_integration_base.group_viewer")).action_edit()
        company = self.env["res.company"].create({"name": "Other"})
        stranger = self.user("mfg_integration_base.group_operator", company=company)
        with self.assertRaises(AccessError):
            message.with_user(stranger).action_edit()
        with self.assertRaises(AccessError):
            self.env["mfg.message.edit"].with_user(stranger).create(
                {
                    "res_model": message._name,
                    "res_id": message.id,
                    "payload": "{}",
                    "reason": "x",
                }
            ).action_save()
        self.assertEqual(message.state, "dead")
