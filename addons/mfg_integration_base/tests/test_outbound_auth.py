import json
import logging
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from ..exceptions import ConfigurationError
from ..models import mfg_transport_http
from .common import MfgCase
from .partner import Partner
from .test_outbox_dispatcher import OutboxCase

DAY = timedelta(days=1)
SECRET = "correct-horse-battery"
FIELDS = {
    "bearer": {},
    "basic": {"login": "plant7"},
    "api_key": {"header_name": "X-Partner"},
    "oauth2": {"login": "plant7", "token_url": "https://id.example/token"},
}


class OutboundAuthMixin:
    def store(self, connector, kind, secret=SECRET, **vals):
        return self.env["mfg.credential"].create(
            {
                "connector_id": connector.id,
                "kind": kind,
                "secret_input": secret,
                **FIELDS[kind],
                **vals,
            }
        )


@tagged("post_install", "-at_install")
class TestOutboundCredential(OutboundAuthMixin, MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.connector()

    def test_each_kind_is_for_sending_and_never_shown_again(self):
        for kind in FIELDS:
            with self.subTest(kind):
                credential = self.store(self.sender, kind)
                self.assertEqual((credential.direction, credential.has_secret), ("out", True))
                self.assertFalse(credential.secret_input)
                self.env.flush_all()
                self.env.cr.execute(
                    "SELECT c::text FROM mfg_credential c WHERE id = %s", [credential.id]
                )
                self.assertNotIn(SECRET, self.env.cr.fetchone()[0])
                manager = credential.with_user(
                    self.user("mfg_integration_base.group_manager", "base.group_system")
                )
                self.assertNotIn(SECRET, repr(manager.read()))
                with self.assertRaises(AccessError):
                    manager.read(["cipher"])

    def test_what_cannot_work_is_refused_when_it_is_saved(self):
        cases = [
            ("bearer", {"secret": "two words"}, "bearer token"),
            ("basic", {"login": False}, "user name"),
            ("basic", {"login": "a:b"}, "colon"),
            ("api_key", {"header_name": False}, "not the name"),
            ("api_key", {"header_name": "Content-Type"}, "ours"),
            ("oauth2", {"login": False}, "client id"),
            ("oauth2", {"token_url": False}, "address"),
            ("oauth2", {"token_url": "http://id.example/token"}, "http"),
            ("oauth2", {"token_url": "https://me:pw@id.example/"}, ""),
            ("bearer", {"direction": "in"}, "Sending"),
        ]
        for kind, vals, says in cases:
            with self.subTest(kind=kind, **vals):
                with self.assertRaisesRegex(ValidationError, f"(?i){says}") as raised:
                    self.store(self.sender, kind, **vals)
                self.assertNotIn(SECRET, str(raised.exception))

    def test_the_form_asks_for_what_the_kind_needs(self):
        with Form(self.env["mfg.credential"]) as form:
            form.connector_id = self.sender
            form.kind = "oauth2"
            form.login = "plant7"
            form.token_url = "https://id.example/token"
            form.secret_input = SECRET
        credential = form.save()
        self.assertEqual((credential.name, credential.has_secret), ("OAuth 2.0 client", True))

    def test_the_newest_of_all_kinds_is_used(self):
        now = fields.Datetime.now()
        self.store(self.sender, "bearer", valid_from=now - 2 * DAY)
        newer = self.store(self.sender, "basic", valid_from=now - DAY)
        self.store(self.sender, "api_key", valid_from=now + DAY)
        credential_id, auth = self.sender.sudo().credential_ids._request_auth()
        self.assertEqual(credential_id, newer.id)
        self.assertTrue(dict(auth.headers)["authorization"].startswith("Basic "))

    def test_without_a_valid_one_nothing_is_prepared(self):
        self.store(self.sender, "bearer", valid_until=fields.Datetime.now() - DAY)
        with self.assertRaisesRegex(ConfigurationError, "expired on"):
            self.env["mfg.transport.http"]._preparer(connector=self.sender)
        self.sender.credential_ids.filtered(lambda c: c.kind == "bearer").active = False
        self.env["mfg.transport.http"]._preparer(connector=self.sender)

    def test_what_is_prepared_does_not_print_the_secret(self):
        for kind in FIELDS:
            with self.subTest(kind):
                connector = self.connector()
                self.store(connector, kind)
                post = self.env["mfg.transport.http"]._poster(connector.sudo(), 1000)
                prepared = post("m1", b"{}", {})
                self.assertNotIn(SECRET, prepared.excerpt)
                self.assertNotIn(SECRET, repr(connector.credential_ids._request_auth()))


class TestSendingWithAuth(OutboundAuthMixin, OutboxCase):
    def setUp(self):
        super().setUp()
        mfg_transport_http._client.close(0)  # no token of another test
        self.open = self.enterContext(Partner())
        self.sender.url = self.open.url

    def header(self, name):
        [request] = self.open.received
        return {key.lower(): value for key, value in request.headers.items()}.get(name)

    def send(self):
        message = self.emit(self.first, 1)
        self.drain()
        return message

    def test_each_kind_arrives_beside_the_signature(self):
        cases = {
            "bearer": ("authorization", f"Bearer {SECRET}"),
            "basic": ("authorization", "Basic cGxhbnQ3OmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="),
            "api_key": ("x-partner", SECRET),
        }
        for kind, (name, value) in cases.items():
            with self.subTest(kind):
                credential = self.store(self.sender, kind)
                self.open.received.clear()
                message = self.send()
                self.assertEqual(message.state, "done")
                self.assertEqual(self.header(name), value)
                self.assertTrue(self.header("webhook-signature"))
                attempt = message.attempt_ids
                self.assertIn(f"{name}: ***", attempt.request_excerpt)
                self.assertNotIn(SECRET, repr(attempt.read()))
                credential.active = False

    def test_in_place_of_the_signature_where_there_is_no_signing_secret(self):
        credential = self.store(self.sender, "bearer")
        self.sender.credential_ids.filtered(lambda c: c.kind == "hmac").active = False
        message = self.send()
        self.assertEqual(message.state, "done")
        self.assertIsNone(self.header("webhook-signature"))
        self.assertEqual(self.header("webhook-id"), message.uuid)
        self.assertEqual(message.attempt_ids.credential_id, credential)

    def test_a_signing_secret_that_has_expired_is_not_left_out_silently(self):
        self.store(self.sender, "bearer")
        signing = self.sender.credential_ids.filtered(lambda c: c.kind == "hmac")
        signing.valid_until = fields.Datetime.now() - DAY
        message = self.send()
        self.assertEqual((message.state, message.reason_code), ("dead", "prepare_failed"))
        self.assertFalse(self.open.received)

    def test_a_partner_that_repeats_the_key_does_not_bring_it_into_the_attempt(self):
        self.store(self.sender, "api_key")
        self.open.script = [lambda request: (400, request.headers["x-partner"].encode())]
        with self.assertLogs(level=logging.DEBUG) as logs:
            logging.getLogger().debug("at least one line")
            message = self.send()
        self.assertEqual(message.state, "dead")
        self.assertEqual(message.attempt_ids.response_excerpt, "***")
        self.assertNotIn(SECRET, repr(message.attempt_ids.read()) + repr(message.read()))
        self.assertNotIn(SECRET, "\n".join(logs.output))

    def test_with_an_access_token(self):
        with Partner() as issuer:
            issuer.body = json.dumps(
                {"access_token": "granted-1", "token_type": "Bearer", "expires_in": 600}
            ).encode()
            self.store(self.sender, "oauth2", token_url=issuer.url, token_scope="orders")
            messages = self.emit(self.first, 1, 2)
            self.drain()
            self.assertEqual(messages.mapped("state"), ["done", "done"])
            [request] = issuer.received
            self.assertEqual(request.body, b"grant_type=client_credentials&scope=orders")
        seen = {
            {key.lower(): value for key, value in request.headers.items()}["authorization"]
            for request in self.open.received
        }
        self.assertEqual(seen, {"Bearer granted-1"})
        kept = repr(messages.attempt_ids.read())
        self.assertIn("access token from", kept)
        self.assertNotIn("granted-1", kept)
        self.assertNotIn(SECRET, kept)

    def test_a_token_endpoint_that_refuses_us_costs_no_message(self):
        with Partner() as issuer:
            issuer.script = [401]
            issuer.body = b'{"error": "invalid_client"}'
            self.store(self.sender, "oauth2", token_url=issuer.url)
            message = self.send()
        self.assertEqual((message.state, message.reason_code), ("retrying", "auth"))
        self.assertIn("invalid_client", message.attempt_ids.detail)
        self.assertFalse(self.open.received)
