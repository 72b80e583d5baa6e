import base64
import os
import tempfile
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..const import ENV_SECRET_KEY, ENV_SECRET_KEY_FILE
from ..exceptions import ConfigurationError
from .common import SECRET_KEY, MfgCase

GROUPS = ("viewer", "operator", "manager", "approver", "auditor")
OTHER_KEY = "other:" + base64.b64encode(b"o" * 32).decode()


@tagged("post_install", "-at_install")
class TestCredential(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_connector = cls.connector()
        cls.credential = cls.partner_connector.credential_ids
        cls.plain = cls.secret(cls.partner_connector)

    def cipher_text(self, credential=None):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT cipher FROM mfg_credential WHERE id = %s", [(credential or self.credential).id]
        )
        return self.env.cr.fetchone()[0]

    def opened(self, connector=None, direction="in"):
        secrets = (connector or self.partner_connector)._secret_values("hmac", direction)
        return [secret.encode() for _id, secret in secrets]

    def keys(self, text):
        return patch.dict(os.environ, {ENV_SECRET_KEY: text})

    def test_it_stays_with_its_connector(self):
        with self.assertRaisesRegex(ValidationError, "stays with its connector"):
            self.credential.connector_id = self.connector()

    # === Never readable === #

    def test_the_database_holds_no_plain_secret(self):
        self.assertTrue(self.cipher_text().startswith("v1:test:"))
        self.env.cr.execute(
            "SELECT c::text FROM mfg_credential c WHERE id = %s", [self.credential.id]
        )
        row = self.env.cr.fetchone()[0]
        key = self.plain.removeprefix("whsec_")
        self.assertNotIn(key, row)
        self.assertNotIn(base64.b64decode(key).hex(), row)

    def test_no_group_reads_it(self):
        users = {group: self.user(f"mfg_integration_base.group_{group}") for group in GROUPS}
        users["administrator"] = self.user(
            "mfg_integration_base.group_manager", "base.group_system", "base.group_no_one"
        )
        for name, user in users.items():
            credential = self.credential.with_user(user)
            with self.subTest(name):
                self.assertNotIn("cipher", credential.read()[0])
                self.assertNotIn("cipher", credential.fields_get())
                self.assertFalse(credential.read(["secret_input"])[0]["secret_input"])
                self.assertTrue(credential.has_secret)
                ways = [
                    lambda c: c.read(["cipher"]),
                    lambda c: c.web_read({"cipher": {}}),
                    lambda c: c.search([("cipher", "like", "v1:")]),
                    lambda c: c.search([("id", "=", c.id)], order="cipher"),
                    lambda c: c.formatted_read_group(
                        [], groupby=["cipher"], aggregates=["__count"]
                    ),
                    lambda c: c.formatted_read_group([], aggregates=["cipher:array_agg"]),
                    lambda c: c.write({"cipher": "v1:test:AAAA"}),
                    lambda c: c.connector_id.search([("credential_ids.cipher", "like", "v1:")]),
                ]
                for number, way in enumerate(ways):
                    with self.subTest(number), self.assertRaises(AccessError):
                        way(credential)

    def test_export_and_copy_do_not_carry_it(self):
        for name in ("cipher", "secret_input"):
            with self.subTest(name):
                try:
                    rows = self.credential.with_user(self.env.ref("base.user_admin")).export_data(
                        [name]
                    )
                except (AccessError, UserError):
                    continue
                self.assertFalse(rows["datas"][0][0])
        copy = self.credential.copy()
        self.assertFalse(copy.has_secret)

    def test_saving_does_not_echo_it(self):
        manager = self.user("mfg_integration_base.group_manager")
        credential = self.credential.with_user(manager)
        spec = {"secret_input": {}, "has_secret": {}}
        [written] = credential.web_save({"secret_input": self.plain}, spec)
        [created] = credential.browse().web_save(
            {"connector_id": self.partner_connector.id, "secret_input": self.plain}, spec
        )
        for saved in (written, created):
            self.assertEqual((saved["secret_input"], saved["has_secret"]), (False, True))

    def test_nothing_is_told_in_the_chatter(self):
        self.credential.secret_input = self.add_secret(self.partner_connector)
        self.env.flush_all()
        key = self.plain.removeprefix("whsec_")
        self.assertFalse(self.env["mail.message"].search([("body", "like", key)]))
        self.assertFalse(
            self.env["mail.tracking.value"].search(
                ["|", ("old_value_char", "like", key), ("new_value_char", "like", key)]
            )
        )

    def test_secrets_do_not_print(self):
        [(_id, secret)] = self.partner_connector._secret_values("hmac", "in")
        self.assertNotIn(self.plain.removeprefix("whsec_"), f"{secret!r} {secret}")

    # === Storing === #

    def test_a_malformed_secret_is_refused_without_showing_it(self):
        for text in ("hunter2-hunter2", "whsec_c2hvcnQ=", "whsec_***", "whsec_"):
            with self.subTest(text), self.assertRaises(ValidationError) as refused:
                self.credential.secret_input = text
            self.assertNotIn(text.removeprefix("whsec_") or text, str(refused.exception))

    def test_an_empty_input_keeps_the_secret(self):
        before = self.cipher_text()
        self.credential.write({"secret_input": False, "name": "Renamed"})
        self.assertEqual(self.cipher_text(), before)

    def test_the_same_secret_never_looks_the_same(self):
        before = self.cipher_text()
        self.credential.secret_input = self.plain
        self.assertNotEqual(self.cipher_text(), before)
        self.assertEqual(self.opened(), [self.plain])

    def test_generate_shows_a_new_secret_once(self):
        manager = self.user("mfg_integration_base.group_manager")
        action = self.credential.with_user(manager).action_generate()
        shown = action["params"]["message"]
        self.assertNotEqual(shown, self.plain)
        self.assertEqual(self.opened(), [shown])
        operator = self.user("mfg_integration_base.group_operator")
        with self.assertRaises(AccessError):
            self.credential.with_user(operator).action_generate()
        self.assertEqual(self.opened(), [shown])

    # === Bound to its row === #

    def test_a_copied_cipher_text_does_not_open(self):
        same_connector = self.env["mfg.credential"].create(
            {"connector_id": self.partner_connector.id, "name": "Second"}
        )
        other_connector = self.env["mfg.credential"].create({"connector_id": self.connector().id})
        for thief in (same_connector, other_connector):
            self.env.cr.execute(
                "UPDATE mfg_credential SET cipher = %s WHERE id = %s",
                [self.cipher_text(), thief.id],
            )
            thief.invalidate_recordset()
            with (
                self.subTest(thief.name),
                self.assertRaisesRegex(ConfigurationError, "does not open"),
            ):
                thief._open()
        self.assertEqual(self.credential._open().encode(), self.plain)

    def test_a_changed_cipher_text_does_not_open(self):
        cipher = self.cipher_text()
        changed = cipher[:-6] + ("A" if cipher[-6] != "A" else "B") + cipher[-5:]
        self.env.cr.execute(
            "UPDATE mfg_credential SET cipher = %s WHERE id = %s", [changed, self.credential.id]
        )
        self.credential.invalidate_recordset()
        with self.assertRaises(ConfigurationError):
            self.credential._open()

    # === Keys === #

    def test_a_missing_key_is_said(self):
        with self.keys(""):
            for use in (
                lambda: self.credential.write({"secret_input": self.plain}),
                lambda: self.credential._open(),
            ):
                with (
                    self.assertRaisesRegex(ConfigurationError, "MFG_SECRET_KEY"),
                    self.env.cr.savepoint(),
                ):
                    use()

    def test_a_malformed_key_is_said_without_showing_it(self):
        key = SECRET_KEY.partition(":")[2]
        for text in (key, f"test:{key[:-8]}", f"test:{key},test:{key}"):
            with (
                self.subTest(text),
                self.keys(text),
                self.assertRaises(ConfigurationError) as refused,
            ):
                self.credential._open()
            self.assertNotIn(key[:16], str(refused.exception))

    def test_a_lost_key_names_itself(self):
        with self.keys(OTHER_KEY), self.assertRaisesRegex(ConfigurationError, "key test"):
            self.credential._open()

    def test_rotation_of_keys(self):
        with self.keys(f"{OTHER_KEY},{SECRET_KEY}"):
            self.assertEqual(self.opened(), [self.plain], "old keys go on opening")
            self.credential.secret_input = self.plain
            self.assertTrue(self.cipher_text().startswith("v1:other:"), "the first key encrypts")
            self.assertEqual(self.opened(), [self.plain])
        with self.keys(OTHER_KEY):
            self.credential.invalidate_recordset()
            self.assertEqual(self.opened(), [self.plain], "the old key may go")

    def test_the_key_may_be_in_a_file(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "key")
        with open(path, "w", encoding="ascii") as key_file:
            key_file.write(SECRET_KEY + "\n")
        with patch.dict(os.environ, {ENV_SECRET_KEY: "", ENV_SECRET_KEY_FILE: path}):
            self.assertEqual(self.opened(), [self.plain])
            os.unlink(path)
            with self.assertRaises(ConfigurationError):
                self.opened()

    def test_one_secret_that_does_not_open_does_not_stop_the_others(self):
        self.add_secret(self.partner_connector)
        newest = self.secret(self.partner_connector)
        self.env.cr.execute(
            "UPDATE mfg_credential SET cipher = 'v1:gone:' || split_part(cipher, ':', 3)"
            " WHERE id = %s",
            [self.credential.id],
        )
        self.env.invalidate_all()
        with self.assertLogs(
            "odoo.addons.mfg_integration_base.models.mfg_credential", "ERROR"
        ) as logs:
            self.assertEqual(self.opened(), [newest])
        self.assertIn("key gone", logs.output[0])

    # === Which one is used === #

    def test_validity_and_direction(self):
        connector = self.connector()
        first = self.secret(connector)
        now = fields.Datetime.now()
        hour = timedelta(hours=1)
        for vals in (
            {"valid_from": now + hour},
            {"valid_from": now - 2 * hour, "valid_until": now - hour},
            {"active": False},
        ):
            self.add_secret(connector, **vals)
        self.assertEqual(self.opened(connector), [first])
        older = self.add_secret(connector, valid_from=now - hour, valid_until=now + hour)
        incoming = self.add_secret(connector, valid_from=now - 2 * hour, direction="in")
        outgoing = self.add_secret(connector, valid_from=now - 3 * hour, direction="out")
        self.assertEqual(self.opened(connector, "in"), [first, older, incoming], "newest first")
        self.assertEqual(self.opened(connector, "out"), [first, older, outgoing])

    def test_a_credential_without_secret_is_not_used(self):
        connector = self.connector()
        connector.credential_ids.sudo().cipher = False
        self.assertEqual(self.opened(connector), [])
