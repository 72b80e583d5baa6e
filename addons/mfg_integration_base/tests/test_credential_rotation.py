import base64
import os
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from ..const import ENV_SECRET_KEY
from .common import SECRET_KEY, MfgCase
from .test_outbox_dispatcher import OutboxCase

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NEW_KEY = "new:" + base64.b64encode(b"n" * 32).decode()


class RotationMixin:
    def rotate(self, credential, hours=24, user=None):
        """``(successor, what the person is shown)``."""
        action = credential.with_user(user or self.env.user).action_rotate()
        model = self.env["mfg.credential.rotate"].with_user(user or self.env.user)
        with Form(model.with_context(**action["context"])) as form:
            form.overlap_hours = hours
        answer = form.save().action_rotate()
        self.env.invalidate_all()
        return credential.connector_id.credential_ids - credential, answer


@tagged("post_install", "-at_install")
class TestSuccessor(RotationMixin, MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.connector()
        cls.credential = cls.sender.credential_ids
        cls.manager = cls.user("mfg_integration_base.group_manager")

    def secrets(self, direction):
        return [secret.encode() for _id, secret in self.sender._secret_values("hmac", direction)]

    def test_both_are_valid_for_a_while_and_the_new_one_is_shown_once(self):
        old = self.secret(self.sender)
        successor, answer = self.rotate(self.credential, hours=2, user=self.manager)
        new = answer["params"]["message"]
        self.assertTrue(new.startswith("whsec_"))
        for direction in ("in", "out"):
            self.assertEqual(self.secrets(direction), [new, old])
        self.assertAlmostEqual(
            self.credential.valid_until, fields.Datetime.now() + 2 * HOUR, delta=HOUR / 2
        )
        self.assertFalse(successor.valid_until)
        self.assertEqual(successor.name, self.credential.name)
        self.credential.valid_until = fields.Datetime.now() - HOUR
        self.assertEqual(self.secrets("in"), [new])
        said = self.sender.message_ids[0].body
        self.assertIn("has a successor", said)
        self.assertNotIn(new.removeprefix("whsec_"), said)

    def test_an_earlier_end_stands(self):
        soon = (fields.Datetime.now() + HOUR).replace(microsecond=0)
        self.credential.valid_until = soon
        self.rotate(self.credential, hours=24)
        self.assertEqual(self.credential.valid_until, soon)

    def test_at_once(self):
        _successor, answer = self.rotate(self.credential, hours=0)
        self.assertEqual(self.secrets("in"), [answer["params"]["message"]])

    def test_what_a_partner_issues_is_asked_for(self):
        token = self.env["mfg.credential"].create(
            {"connector_id": self.sender.id, "kind": "api_key", "header_name": "x-key",
             "secret_input": "old-key"}
        )  # fmt: skip
        self.env["mfg.credential.rotate"].create({"credential_id": token.id}).action_rotate()
        successor = self.sender.credential_ids.sorted("id")[-1]
        self.assertEqual((successor.kind, successor.header_name), ("api_key", "x-key"))
        self.assertFalse(successor.has_secret)
        used = self.sender.credential_ids._request_auth()
        self.assertEqual(used[0], token.id, "until the new one is stored")
        successor.secret_input = "new-key"
        self.assertEqual(self.sender.credential_ids._request_auth()[0], successor.id)

    def test_managers_only(self):
        operator = self.user("mfg_integration_base.group_operator")
        for act in ("action_rotate", "action_reencrypt"):
            with self.subTest(act), self.assertRaises(AccessError):
                getattr(self.credential.with_user(operator), act)()
        with self.assertRaises(AccessError):
            self.env["mfg.credential.rotate"].with_user(operator).create(
                {"credential_id": self.credential.id}
            )


class TestUses(RotationMixin, OutboxCase):
    def test_which_messages_were_sent_with_it(self):
        message = self.emit(self.first, 1)
        self.drain()
        credential = self.sender.credential_ids
        action = credential.action_open_attempts()
        self.assertEqual(
            self.env[action["res_model"]].search(action["domain"]), message.attempt_ids
        )
        action = credential.action_open_received()
        self.assertFalse(self.env[action["res_model"]].search(action["domain"]))

    def test_a_partner_that_still_checks_the_old_one_goes_on(self):
        """Both sign: it need not change over at the same moment."""
        self.rotate(self.sender.credential_ids)
        message = self.emit(self.first, 1)
        self.drain()  # the partner of this test refuses what the first secret did not sign
        self.assertEqual(message.state, "done")


@tagged("post_install", "-at_install")
class TestEncryptionKey(MfgCase):
    def setUp(self):
        super().setUp()
        self.sender = self.connector()
        self.credential = self.sender.credential_ids

    def keys(self, *keys):
        return patch.dict(os.environ, {ENV_SECRET_KEY: ",".join(keys)})

    def test_a_new_key_takes_over_and_the_old_one_may_go(self):
        self.assertEqual(self.credential.key_name, "test")
        with self.keys(NEW_KEY, SECRET_KEY):
            self.env["mfg.credential"]._reencrypt_all()
        self.env.invalidate_all()
        self.assertEqual(self.credential.key_name, "new")
        with self.keys(NEW_KEY):
            [(_id, secret)] = self.sender._secret_values("hmac", "out")
        self.assertEqual(secret.encode(), self.secret(self.sender))

    def test_archived_ones_are_not_forgotten(self):
        self.credential.active = False
        with self.keys(NEW_KEY, SECRET_KEY):
            self.env["mfg.credential"]._reencrypt_all()
        self.assertEqual(self.credential.sudo().cipher.split(":")[1], "new")

    def test_one_that_does_not_open_stays_and_stops_nobody(self):
        other = self.connector().credential_ids
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mfg_credential SET cipher = 'v1:gone:' || encode(repeat('x', 40)::bytea,"
            " 'base64') WHERE id = %s",
            [self.credential.id],
        )
        self.env.invalidate_all()
        with (
            self.keys(NEW_KEY, SECRET_KEY),
            self.assertLogs(
                "odoo.addons.mfg_integration_base.models.mfg_credential_rotation", "ERROR"
            ),
        ):
            (self.credential | other)._reencrypt()
        self.assertEqual(self.credential.sudo().cipher.split(":")[1], "gone")
        self.assertEqual(other.sudo().cipher.split(":")[1], "new")

    def test_the_button_says_how_many(self):
        manager = self.user("mfg_integration_base.group_manager")
        with self.keys(NEW_KEY, SECRET_KEY):
            answer = self.credential.with_user(manager).action_reencrypt()
            again = self.credential.with_user(manager).action_reencrypt()
        self.assertTrue(answer["params"]["message"].startswith("1 "))
        self.assertTrue(again["params"]["message"].startswith("0 "))

    def test_without_a_key_the_nightly_run_does_nothing(self):
        with (
            self.keys(""),
            self.assertLogs(
                "odoo.addons.mfg_integration_base.models.mfg_credential_rotation", "WARNING"
            ),
        ):
            self.env["mfg.credential"]._reencrypt_all()
        self.assertEqual(self.credential.sudo().cipher.split(":")[1], "test")


@tagged("post_install", "-at_install")
class TestWarning(MfgCase):
    def setUp(self):
        super().setUp()
        self.owner = self.user("mfg_integration_base.group_manager")
        self.sender = self.connector(owner_id=self.owner.id)
        self.credential = self.sender.credential_ids
        self.now = fields.Datetime.now()

    def warn(self):
        self.env["mfg.credential"]._cron_warn()
        return self.sender.activity_ids

    def test_the_owner_is_told_once(self):
        self.credential.valid_until = self.now + 20 * DAY
        activity = self.warn()
        self.assertEqual(activity.user_id, self.owner)
        self.assertIn("ends on", activity.summary)
        self.assertEqual(activity.date_deadline, (self.now + 13 * DAY).date())
        self.assertEqual(self.warn(), activity)
        activity.action_done()
        self.assertFalse(self.warn())
        self.credential.valid_until = self.now + 25 * DAY
        self.assertTrue(self.warn(), "another end")

    def test_not_early_not_late_and_not_for_what_is_not_in_use(self):
        self.credential.valid_until = self.now + 40 * DAY
        self.assertFalse(self.warn())
        self.credential.valid_until = self.now - DAY
        self.assertFalse(self.warn())
        self.credential.valid_until = self.now + DAY
        self.sender.action_retire()
        self.assertFalse(self.warn())

    def test_not_where_another_one_takes_its_place(self):
        self.credential.valid_until = self.now + 5 * DAY
        self.add_secret(self.sender, valid_from=self.now + 4 * DAY)
        self.assertFalse(self.warn())

    def test_but_where_there_is_a_gap_or_nothing_in_it(self):
        self.credential.valid_until = self.now + 5 * DAY
        self.add_secret(self.sender, valid_from=self.now + 6 * DAY)
        self.env["mfg.credential"].create({"connector_id": self.sender.id})  # empty
        self.env["mfg.credential"].create(
            {"connector_id": self.sender.id, "kind": "bearer", "secret_input": "token"}
        )
        self.assertTrue(self.warn())

    def test_a_key_replaces_a_password(self):
        self.credential.active = False
        values = {"connector_id": self.sender.id, "secret_input": "secret"}
        self.env["mfg.credential"].create(
            {**values, "kind": "basic", "login": "me", "valid_until": self.now + 3 * DAY}
        )
        self.env["mfg.credential"].create({**values, "kind": "bearer"})
        self.assertFalse(self.warn())
