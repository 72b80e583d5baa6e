import os
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..const import ENV_ENVIRONMENT
from ..exceptions import ConfigurationError
from ..models.mfg_connector_actions import TEST_EVENT
from ..tools.outcome import Answer, Delivered
from .common import MfgCase
from .partner import Partner


@tagged("post_install", "-at_install")
class TestConnectorActions(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.connector(allow_http=True, allow_list="127.0.0.1/32")

    def setUp(self):
        super().setUp()
        self.partner = self.enterContext(Partner(self.secret(self.sender)))
        self.sender.url = self.partner.url

    def press(self):
        """Test the connection; what the notification shows."""
        notification = self.sender.action_test_connection()
        self.assertEqual(notification["tag"], "display_notification")
        return notification["params"]

    # === Test connection === #

    def test_a_partner_that_answers(self):
        with self.capture_outbox() as outbox:
            shown = self.press()
        self.assertEqual(shown["type"], "success")
        self.assertRegex(shown["message"], r"Status 200 after \d+ ms")
        [request] = self.partner.received
        self.assertEqual(request.event["type"], TEST_EVENT)
        self.assertEqual(request.event["id"], request.message_id)
        self.assertEqual(request.data["connector"], self.sender.code)
        self.assertEqual(request.data["company"], self.sender.company_id.name)
        self.assertFalse(outbox.messages, "past all queues")

    def test_what_is_wrong_is_said(self):
        cases = {
            "refused": ([401], "our credentials", "401"),
            "failing": ([503], "Partner's system failed", "503"),
            "moved": ([301], "has moved", "301"),
        }
        for what, (script, title, text) in cases.items():
            self.partner.script = script
            with self.subTest(what):
                shown = self.press()
                self.assertEqual(shown["type"], "danger")
                self.assertTrue(shown["sticky"])
                self.assertIn(title, shown["title"])
                self.assertIn(text, shown["message"])

    def test_a_partner_that_does_not_know_our_secret(self):
        self.add_secret(self.sender)
        self.sender.credential_ids.sorted("id")[0].active = False
        self.assertIn("our credentials", self.press()["title"])

    def test_nobody_there(self):
        with Partner() as gone:
            self.sender.url = gone.url
        self.assertEqual(self.press()["title"], "Partner not reachable")

    def test_a_private_address_that_is_not_allowed(self):
        self.sender.allow_list = False
        self.assertEqual(self.press()["title"], "Address not allowed")
        self.assertFalse(self.partner.received)

    def test_a_sender_that_never_answers(self):
        class Silent:
            def submit(self, call, on_done):
                """Forgets the call."""

        transport = type(self.env["mfg.transport.http"])
        with (
            patch.object(transport, "_sender", lambda _self: Silent()),
            patch("odoo.addons.mfg_integration_base.models.mfg_connector_actions.ANSWER_MARGIN", 0),
            self.assertRaisesRegex(ConfigurationError, "did not end in time"),
        ):
            self.sender.total_timeout = 1
            self.sender.action_test_connection()

    def test_it_waits_as_long_as_the_connector_allows(self):
        class Slow:
            def submit(self, call, on_done):
                self.call = call
                on_done(Answer(Delivered(status=204), status=204, duration_ms=12.3))

        slow = Slow()
        self.sender.write({"connect_timeout": 1, "read_timeout": 2, "total_timeout": 3})
        with patch.object(type(self.env["mfg.transport.http"]), "_sender", lambda _self: slow):
            self.assertEqual(self.press()["message"], "Status 204 after 12 ms.")
        target = slow.call.target
        self.assertEqual(
            (target.connect_timeout, target.read_timeout, target.total_timeout), (1, 2, 3)
        )

    def test_set_up_that_lacks_something(self):
        draft = self.env["mfg.connector"].create({"name": "Draft", "code": "draft"})
        with self.assertRaisesRegex(ConfigurationError, "no address"):
            draft.action_test_connection()
        draft.url = "https://partner.example/"
        with self.assertRaisesRegex(ConfigurationError, "no valid signing secret"):
            draft.action_test_connection()

    def test_a_draft_may_be_tested(self):
        draft = self.env["mfg.connector"].create(
            {
                "name": "Draft",
                "code": "draft",
                "allow_http": True,
                "allow_list": "127.0.0.1/32",
            }
        )
        with Partner(self.add_secret(draft)) as partner:
            draft.url = partner.url
            self.assertEqual(draft.action_test_connection()["params"]["type"], "success")

    # === Who and where === #

    def test_who_may_not(self):
        for group in ("viewer", "operator", "approver", "auditor", "service"):
            user = self.user(f"mfg_integration_base.group_{group}")
            for action in ("action_test_connection", "action_send_test_event"):
                with self.subTest(f"{group}: {action}"), self.assertRaises(AccessError):
                    getattr(self.sender.with_user(user), action)()
        self.assertFalse(self.partner.received)

    def test_a_manager_may(self):
        manager = self.user("mfg_integration_base.group_manager")
        shown = self.sender.with_user(manager).action_test_connection()
        self.assertEqual(shown["params"]["type"], "success")

    def refused(self, says):
        for action in (self.sender.action_test_connection, self.sender.action_send_test_event):
            with self.subTest(action.__name__), self.assertRaisesRegex(ConfigurationError, says):
                action()
        self.assertFalse(self.partner.received)

    def test_a_copied_database_sends_no_test(self):
        with patch.dict(os.environ, {ENV_ENVIRONMENT: "production"}):
            self.refused("not activated on this database")

    def test_a_neutralized_database_sends_no_test(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        self.env.flush_all()
        self.refused("neutralized")

    def test_a_retired_connector_sends_no_test(self):
        self.sender.action_retire()
        self.refused("is Retired")

    # === Send test event === #

    def test_event_takes_the_way_of_all_events(self):
        with self.capture_outbox() as outbox:
            action = self.sender.action_send_test_event()
        [message] = outbox.messages
        self.assertEqual((action["res_model"], action["res_id"]), (message._name, message.id))
        self.assertEqual(message.event_type, TEST_EVENT)
        self.drain()
        self.assertEqual(message.state, "done")
        [request] = self.partner.received
        self.assertEqual(request.message_id, message.uuid)
        self.assertEqual(request.data["connector"], self.sender.code)

    def test_event_goes_to_this_connector_only(self):
        other = self.connector(url="https://partner.example/")
        other.action_send_test_event()
        with self.capture_outbox() as outbox:
            self.sender.action_send_test_event()
            self.sender.action_send_test_event()
        self.assertEqual(outbox.messages.connector_id, self.sender)
        self.assertEqual(len(outbox.messages.subscription_id), 1, "made once, then used again")

    def test_event_uses_the_subscription_that_is_there(self):
        event_type = self.env.ref("mfg_integration_base.event_type_connector_test")
        mine = self.subscription(self.sender, event_type)
        with self.capture_outbox() as outbox:
            self.sender.action_send_test_event()
        self.assertEqual(outbox.messages.subscription_id, mine)

    def test_event_of_a_paused_connector_waits(self):
        self.sender.action_pause()
        with self.capture_outbox() as outbox:
            self.sender.action_send_test_event()
        self.drain()
        self.assertEqual(outbox.messages.state, "pending")

    def test_a_draft_has_no_outbox(self):
        draft = self.env["mfg.connector"].create({"name": "Draft", "code": "draft"})
        with self.assertRaisesRegex(ConfigurationError, "is Draft"):
            draft.action_send_test_event()
