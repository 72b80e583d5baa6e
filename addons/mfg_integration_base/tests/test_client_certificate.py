import base64
import logging
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from ..exceptions import ConfigurationError
from ..models import mfg_transport_http
from .certificates import Authority
from .common import MfgCase
from .partner import Partner
from .test_outbox_dispatcher import OutboxCase

KIND = "client_certificate"
DAY = timedelta(days=1)


class CertificateMixin:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority("Test CA")
        cls.issued = cls.authority.issue("plant 7")

    def store(self, connector, issued=None, **vals):
        """A credential with a client certificate."""
        pem = (issued or self.issued).pem
        return self.env["mfg.credential"].create(
            {"connector_id": connector.id, "kind": KIND, "secret_input": pem, **vals}
        )

    def key_lines(self, issued=None):
        """The lines of the private key: none of them may show anywhere."""
        return [line for line in (issued or self.issued).key.splitlines() if "---" not in line]

    def assert_no_key(self, text, issued=None):
        for line in self.key_lines(issued):
            self.assertNotIn(line[:32], text)


@tagged("post_install", "-at_install")
class TestClientCertificate(CertificateMixin, MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.connector()

    def usable(self, connector=None):
        """The subject of the certificate that would be shown."""
        certificate = (connector or self.sender).sudo().credential_ids._client_certificate()
        return certificate and certificate.subject

    # === Stored === #

    def test_who_it_is_and_how_long_it_is_valid(self):
        credential = self.store(self.sender)
        self.assertEqual(
            (credential.name, credential.direction, credential.has_secret),
            ("TLS client certificate", "out", True),
        )
        self.assertEqual(
            (credential.certificate_subject, credential.certificate_issuer),
            ("CN=plant 7", "CN=Test CA"),
        )
        self.assertRegex(credential.certificate_serial, "^[0-9A-F]+$")
        self.assertRegex(credential.certificate_fingerprint, "^([0-9A-F]{2}:){31}[0-9A-F]{2}$")
        now = fields.Datetime.now()
        self.assertAlmostEqual(credential.valid_from, now - DAY, delta=DAY / 2)
        self.assertAlmostEqual(credential.valid_until, now + 30 * DAY, delta=DAY / 2)
        self.assertEqual(self.usable(), "CN=plant 7")

    def test_the_database_holds_no_plain_key(self):
        credential = self.store(self.sender)
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT c::text, c.cipher FROM mfg_credential c WHERE id = %s", [credential.id]
        )
        row, cipher = self.env.cr.fetchone()
        self.assertTrue(cipher.startswith("v1:test:"))
        self.assert_no_key(row)
        self.assertNotIn(base64.b64encode(self.issued.key.encode()).decode()[60:90], row)

    def test_nobody_reads_it(self):
        credential = self.store(self.sender)
        for groups in (
            ["mfg_integration_base.group_viewer"],
            ["mfg_integration_base.group_manager", "base.group_system"],
        ):
            user = self.user(*groups)
            mine = credential.with_user(user)
            self.assert_no_key(repr(mine.read()))
            with self.assertRaises(AccessError):
                mine.read(["cipher"])
        self.assertFalse(credential.copy().certificate_subject)

    def test_saving_does_not_echo_it(self):
        manager = self.user("mfg_integration_base.group_manager")
        records = self.env["mfg.credential"].with_user(manager)
        spec = {name: {} for name in ("secret_input", "certificate_subject", "has_secret", "kind")}
        values = {"connector_id": self.sender.id, "kind": KIND, "secret_input": self.issued.pem}
        [created] = records.web_save(values, spec)
        credential = records.browse(created["id"])
        [written] = credential.web_save({"secret_input": self.issued.pem, "name": "New"}, spec)
        for saved in (created, written):
            self.assertFalse(saved["secret_input"])
            self.assertEqual(saved["certificate_subject"], "CN=plant 7")
            self.assert_no_key(repr(saved))

    def test_the_form(self):
        manager = self.user("mfg_integration_base.group_manager")
        view = "mfg_integration_base.mfg_credential_view_form"
        with Form(self.env["mfg.credential"].with_user(manager), view) as form:
            form.connector_id = self.sender
            self.assertEqual((form.name, form.direction), ("Signing secret", "both"))
            form.kind = KIND
            self.assertEqual((form.name, form.direction), ("TLS client certificate", "out"))
            form.secret_input = self.issued.pem
        credential = form.record
        self.assertEqual(credential.certificate_subject, "CN=plant 7")
        self.assertFalse(credential.secret_input)
        with Form(credential.with_user(manager), view) as form:
            self.assertFalse(form.secret_input)
            form.name = "Press shop"
        self.assertEqual(credential.name, "Press shop")
        self.assertTrue(credential.has_secret)

    def test_what_cannot_be_used_is_refused_without_showing_it(self):
        other = self.authority.issue("other")
        for text, said in (
            ("hunter2-hunter2", "no certificate"),
            (self.issued.certificate, "no private key"),
            (self.issued.certificate + other.key, "does not belong"),
            (self.authority.issue(passphrase="hunter2").pem, "passphrase"),
            (self.authority.issue("old", days=(-9, -2)).pem, "expired on"),
            (self.secret(self.sender), "no certificate"),
        ):
            with (
                self.subTest(said),
                self.assertRaisesRegex(ValidationError, said) as refused,
                self.env.cr.savepoint(),
            ):
                self.env["mfg.credential"].create(
                    {"connector_id": self.sender.id, "kind": KIND, "secret_input": text}
                )
            self.assert_no_key(str(refused.exception), other)
            self.assertNotIn("hunter2", str(refused.exception))
        self.assertIsNone(self.usable())

    def test_it_is_for_sending_only(self):
        for direction in ("in", "both"):
            with (
                self.subTest(direction),
                self.assertRaisesRegex(ValidationError, "sending only"),
                self.env.cr.savepoint(),
            ):
                self.store(self.sender, direction=direction)

    def test_the_kind_is_fixed_once_there_is_a_secret(self):
        credential = self.store(self.sender)
        with self.assertRaisesRegex(ValidationError, "another credential"):
            credential.kind = "hmac"
        credential.kind = KIND  # what it is already
        empty = self.env["mfg.credential"].create({"connector_id": self.sender.id})
        empty.kind = KIND
        self.assertEqual((empty.name, empty.direction), ("TLS client certificate", "out"))

    def test_certificates_are_not_generated(self):
        with self.assertRaisesRegex(ValidationError, "issuer"):
            self.store(self.sender).action_generate()

    def test_it_neither_signs_nor_verifies(self):
        before = [self.sender._secret_values("hmac", way) for way in ("in", "out")]
        self.store(self.sender)
        self.assertEqual([self.sender._secret_values("hmac", way) for way in ("in", "out")], before)

    # === Which one is used === #

    def test_the_newest_valid_one(self):
        self.assertIsNone(self.usable(), "none configured, none needed")
        self.store(self.sender, self.authority.issue("new", days=(-2, 30)))
        self.store(self.sender, self.authority.issue("old", days=(-20, 9)))
        self.store(self.sender, self.authority.issue("next", days=(3, 90)))
        self.assertEqual(self.usable(), "CN=new")
        self.sender.credential_ids.filtered(
            lambda c: c.certificate_subject == "CN=new"
        ).active = False
        self.assertEqual(self.usable(), "CN=old")

    def test_a_renewed_one_in_place(self):
        credential = self.store(self.sender, self.authority.issue("plant 7", days=(-20, 3)))
        credential.secret_input = self.authority.issue("plant 7", days=(-1, 300)).pem
        self.assertGreater(credential.valid_until, fields.Datetime.now() + 200 * DAY)
        self.assertGreater(credential.valid_from, fields.Datetime.now() - 2 * DAY)

    def test_the_day_of_the_change_can_be_chosen(self):
        self.store(self.sender, self.authority.issue("old", days=(-20, 9)))
        monday = (fields.Datetime.now() + 4 * DAY).replace(microsecond=0)
        later = self.store(self.sender, self.authority.issue("new"), valid_from=monday)
        self.assertEqual(later.valid_from, monday)
        self.assertEqual(self.usable(), "CN=old")

    def test_without_a_valid_one_nothing_is_prepared(self):
        now = fields.Datetime.now()
        cases = {
            "expired on": {"valid_until": now - DAY},
            "valid only from": {"valid_from": now + DAY},
        }
        for said, vals in cases.items():
            connector = self.connector(code=f"case-{len(said)}")
            self.store(connector).write(vals)
            with self.subTest(said), self.assertRaisesRegex(ConfigurationError, said):
                self.usable(connector)
        empty = self.connector()
        self.env["mfg.credential"].create({"connector_id": empty.id, "kind": KIND})
        with self.assertRaisesRegex(ConfigurationError, "is empty"):
            self.usable(empty)
        empty.credential_ids.filtered(lambda c: c.kind == KIND).active = False
        self.assertIsNone(self.usable(empty), "archived, it is not asked for any more")

    def test_dates_widened_by_hand_do_not_help(self):
        credential = self.store(self.sender, self.authority.issue("short", days=(-9, 2)))
        credential.valid_until = False

        class Later(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + 5 * DAY

        module = "odoo.addons.mfg_integration_base.models.mfg_credential_certificate.datetime"
        with patch(module, Later), self.assertRaisesRegex(ConfigurationError, "has expired"):
            self.usable()

    def test_one_that_does_not_open(self):
        credential = self.store(self.sender)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mfg_credential SET cipher = 'v1:gone:AAAA' WHERE id = %s", [credential.id]
        )
        self.env.invalidate_all()
        with (
            self.assertLogs("odoo.addons.mfg_integration_base.models.mfg_credential", "ERROR"),
            self.assertRaises(ConfigurationError),
        ):
            self.usable()


class TestSendingWithCertificate(CertificateMixin, OutboxCase):
    def setUp(self):
        super().setUp()
        self.strict = self.enterContext(
            Partner(
                self.secret(self.sender),
                context=self.authority.server_context(clients=self.authority),
            )
        )
        self.sender.write({"url": self.strict.url, "verify_tls": False})

    def test_the_partner_sees_it(self):
        self.store(self.sender)
        with self.assertLogs(level=logging.DEBUG) as logs:
            logging.getLogger().debug("at least one line")
            messages = self.emit(self.first, 1, 2)
            self.drain()
        self.assertEqual(messages.mapped("state"), ["done", "done"])
        self.assertEqual([request.client for request in self.strict.received], ["plant 7"] * 2)
        attempt = messages[0].attempt_ids
        self.assertIn("(client certificate CN=plant 7, serial ", attempt.request_excerpt)
        hmac = self.sender.credential_ids.filtered(lambda c: c.kind == "hmac")
        self.assertEqual(attempt.credential_id, hmac)
        self.assert_no_key(repr(attempt.read()) + repr(messages.read()))
        # Log lines of SQL hold the bound values too.
        self.assert_no_key("\n".join(logs.output))

    def test_in_a_batch_too(self):
        self.store(self.sender)
        self.subscriber.write({"mode": "micro_batch", "ordering": "none", "linger_ms": 0})
        self.emit(self.first, 1, 2)
        self.drain()
        self.assertEqual({request.client for request in self.strict.received}, {"plant 7"})

    def test_without_it_the_partner_refuses(self):
        message = self.emit(self.first, 1)
        self.drain()
        self.assert_refused(message)

    def test_one_of_a_stranger_is_refused(self):
        self.store(self.sender, Authority("Stranger").issue("plant 7"))
        message = self.emit(self.first, 1)
        self.drain()
        self.assert_refused(message)

    def assert_refused(self, message):
        """The partner's alert says so, or its end of the connection overtook the alert."""
        self.assertEqual(message.state, "retrying")
        self.assertIn(message.reason_code, ("tls", "unreachable"))
        said = {"tls": "alert", "unreachable": "client certificate"}[message.reason_code]
        self.assertIn(said, message.attempt_ids.detail)
        self.assertFalse(self.strict.received)

    def test_once_it_has_expired_nothing_is_sent_until_there_is_another(self):
        """Not even to a partner that would take it without."""
        with Partner(self.secret(self.sender), self.authority.server_context()) as lax:
            self.sender.url = lax.url
            old = self.store(self.sender)
            old.valid_until = fields.Datetime.now() - DAY
            message = self.emit(self.first, 1)
            self.drain()
            self.assertEqual((message.state, message.reason_code), ("dead", "prepare_failed"))
            self.assertIn("no valid client certificate", message.attempt_ids.detail)
            self.assertIn("no valid client certificate", self.sender.last_error)
            with self.assertRaisesRegex(ConfigurationError, "TLS client certificate expired on"):
                self.sender.action_test_connection()
            self.assertFalse(lax.received)
        self.sender.url = self.strict.url
        self.store(self.sender, self.authority.issue("renewed"))
        message.action_retry()
        self.drain()
        self.assertEqual(message.state, "done")
        self.assertEqual([request.client for request in self.strict.received], ["renewed"])

    def test_an_address_without_tls_is_refused(self):
        self.store(self.sender)
        self.sender.url = self.partner.url
        message = self.emit(self.first, 1)
        self.drain()
        self.assertEqual((message.state, message.reason_code), ("dead", "prepare_failed"))
        self.assertIn("https://", message.attempt_ids.detail)
        self.assertFalse(self.partner.received)

    def test_what_is_prepared_does_not_print_the_key(self):
        self.store(self.sender)
        post = self.env["mfg.transport.http"]._poster(self.sender.sudo(), 1000)
        prepared = post("m1", b"{}", {})
        self.assertIn("PRIVATE KEY", prepared.call.target.client_certificate)
        self.assert_no_key(repr(prepared))
        self.assertEqual(
            prepared.call.target.client_certificate.count("-----BEGIN"), 2, "certificate and key"
        )
        self.assertIs(self.env["mfg.transport.http"]._sender(), mfg_transport_http._client)
