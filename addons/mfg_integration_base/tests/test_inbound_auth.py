import base64
import hashlib
import ssl
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlencode

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ..const import API_PREFIX
from ..models import mfg_credential_inbound
from ..tools.attempts_limit import AttemptsRule, Failures
from .certificates import Authority
from .test_controllers import CALLER, PING, REPORT, InboundCase

HOUR = timedelta(hours=1)


class InboundAuthCase(InboundCase):
    def setUp(self):
        super().setUp()
        patient = Failures(AttemptsRule(free=1000))
        self.startPatcher(patch(f"{CALLER}._failures", patient))
        self.startPatcher(patch.object(mfg_credential_inbound, "_noted", {}))

    def issue(self, kind, connector=None, **vals):
        """``(credential, its secret)`` made by the button."""
        credential = self.env["mfg.credential"].create(
            {"connector_id": (connector or self.partner_connector).id, "kind": kind, **vals}
        )
        return credential, credential.action_generate()["params"]["message"]

    def send(self, headers=None, *, message_type=PING, code=None, body=b"{}", key="id-1"):
        """A message without signature."""
        return self.url_open(
            f"{API_PREFIX}/in/{code or self.partner_connector.code}/{message_type}",
            data=body,
            headers={
                "Content-Type": "application/json",
                **({"Idempotency-Key": key} if key else {}),
                **(headers or {}),
            },
            method="POST",
        )

    def with_token(self, token, **how):
        return self.send({"Authorization": f"Bearer {token}"}, **how)


@tagged("post_install", "-at_install")
class TestToken(InboundAuthCase):
    def setUp(self):
        super().setUp()
        self.credential, self.token = self.issue("token")

    def test_accepted_by_token(self):
        response = self.with_token(self.token)
        self.assertEqual(response.status_code, 202, response.text)
        message = self.message(response)
        self.assertEqual((message.external_id, message.credential_id), ("id-1", self.credential))
        self.assertEqual(self.with_token(self.token).json()["id"], message.uuid, "the same again")
        self.assertEqual(self.with_token(self.token, body=b"[]").status_code, 422)

    def test_only_a_digest_is_kept(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT c::text FROM mfg_credential c WHERE id = %s", [self.credential.id]
        )
        row = self.env.cr.fetchone()[0]
        self.assertNotIn(self.token, row)
        self.assertNotIn(self.token.split("_", 2)[2], row)
        self.assertTrue(self.token.startswith(self.credential.hint))
        manager = self.user("mfg_integration_base.group_manager", "base.group_system")
        with self.assertRaises(AccessError):
            self.credential.with_user(manager).read(["digest"])
        self.assertTrue(self.credential.has_secret)
        message = self.message(self.with_token(self.token))
        self.assertNotIn(self.token, message.headers)

    def test_what_is_not_a_valid_token_gets_the_one_refusal(self):
        other, _token = self.connector(), None
        self.route(other, PING)
        _credential, foreign = self.issue("token", other)
        altered = self.token[:-1] + ("a" if self.token[-1] != "a" else "b")
        cases = {
            "of another connector": lambda: self.with_token(foreign),
            "at another connector": lambda: self.with_token(self.token, code=other.code),
            "altered": lambda: self.with_token(altered),
            "made up": lambda: self.with_token("mfg_abc"),
            "no token": lambda: self.send({"Authorization": "Bearer"}),
            "another scheme": lambda: self.send({"Authorization": "Basic YTpi"}),
            "nothing": self.send,
            "unknown connector": lambda: self.with_token(self.token, code="nobody"),
        }
        before = self.stored()
        expected = None
        for what, send in cases.items():
            with self.subTest(what):
                response = send()
                self.assert_refused(response, 401, "unauthorized", before)
                seen = response.headers["WWW-Authenticate"], response.content
                expected = expected or seen
                self.assertEqual(seen, expected)

    def test_it_ends(self):
        for vals in (
            {"valid_until": fields.Datetime.now() - HOUR},
            {"valid_until": False, "valid_from": fields.Datetime.now() + HOUR},
            {"valid_from": fields.Datetime.now() - HOUR, "active": False},
        ):
            self.credential.write(vals)
            with self.subTest(**vals):
                self.assertEqual(self.with_token(self.token).status_code, 401)
        self.credential.active = True
        self.assertEqual(self.with_token(self.token).status_code, 202)

    def test_scopes(self):
        document = b'{"report": "R1", "lines": []}'
        self.credential.scopes = "write:test.report.v1"
        message = self.message(self.with_token(self.token, message_type=REPORT, body=document))
        before = self.stored()
        self.assert_refused(self.with_token(self.token), 403, "forbidden", before)
        status = {"Authorization": f"Bearer {self.token}"}
        url = f"{API_PREFIX}/messages/{message.uuid}"
        self.assert_problem(self.url_open(url, headers=status), 403, "forbidden")
        self.credential.scopes = "write:test.* read:messages"
        self.assertEqual(self.with_token(self.token, key="id-3").status_code, 202)
        self.assertEqual(self.url_open(url, headers=status).json()["id"], message.uuid)
        self.credential.scopes = False
        self.assert_problem(self.with_token(self.token, key="id-2"), 403, "forbidden")

    def test_a_signing_secret_has_scopes_as_well(self):
        self.partner_connector.credential_ids.filtered(
            lambda c: c.kind == "hmac"
        ).scopes = "write:test.report.v1"
        self.assert_problem(self.post(), 403, "forbidden")

    def test_a_wrong_scope_is_refused_when_it_is_saved(self):
        with self.assertRaisesRegex(ValidationError, "write-all"):
            self.credential.scopes = "write-all"

    def test_an_id_is_needed(self):
        before = self.stored()
        self.assert_refused(self.with_token(self.token, key=None), 400, "missing-id", before)
        self.assert_problem(self.with_token(self.token, key="x" * 256), 400, "missing-id")
        headers = {"Authorization": f"Bearer {self.token}", "webhook-id": "w-1"}
        response = self.send(headers, key=None)
        self.assertEqual(self.message(response).external_id, "w-1")

    def test_an_unsigned_id_does_not_change_that_of_a_signed_message(self):
        """Else whoever has seen a signed message could send it again as another one."""
        response = self.post(external_id="signed-1", headers={"Idempotency-Key": "other"})
        self.assertEqual(self.message(response).external_id, "signed-1")

    def test_the_last_use_is_known_and_the_first_of_a_day_audited(self):
        self.with_token(self.token)
        self.credential.invalidate_recordset()
        self.assertTrue(self.credential.last_used_at)
        entries = self.env["mfg.audit.entry"].search(
            [("model", "=", "mfg.credential"), ("res_id", "=", self.credential.id)]
        )
        self.assertEqual(entries.mapped("act"), ["first_use"])
        mfg_credential_inbound._noted.clear()
        self.with_token(self.token)
        self.assertEqual(entries.search_count([("res_id", "=", self.credential.id)]), 1)
        self.env.cr.execute(
            "UPDATE mfg_credential SET last_used_at = last_used_at - interval '1 day'"
            " WHERE id = %s",
            [self.credential.id],
        )
        mfg_credential_inbound._noted.clear()
        self.with_token(self.token)
        self.assertEqual(entries.search_count([("res_id", "=", self.credential.id)]), 2)

    def test_nobody_pastes_one(self):
        with self.assertRaisesRegex(ValidationError, "mfg_"):
            self.credential.secret_input = "guess-me"
        with self.assertRaisesRegex(ValidationError, "Receiving"):
            self.credential.direction = "out"


@tagged("post_install", "-at_install")
class TestOauthClient(InboundAuthCase):
    def setUp(self):
        super().setUp()
        self.credential, self.secret_text = self.issue("oauth2_client")

    def grant(self, *, client=None, secret=None, headers=None, **form):
        login = f"{client or self.credential.login}:{secret or self.secret_text}"
        basic = base64.b64encode(login.encode()).decode()
        return self.url_open(
            f"{API_PREFIX}/oauth/token",
            data=urlencode({"grant_type": "client_credentials", **form}).encode(),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": f"Basic {basic}",
                **(headers or {}),
            },
            method="POST",
        )

    def token(self, **form):
        response = self.grant(**form)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    def test_a_token_for_a_while(self):
        response = self.grant()
        document = response.json()
        self.assertEqual((document["token_type"], response.status_code), ("Bearer", 200))
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertGreater(document["expires_in"], 60)
        accepted = self.with_token(document["access_token"])
        self.assertEqual(accepted.status_code, 202, accepted.text)
        self.assertEqual(self.message(accepted).credential_id, self.credential)

    def test_client_id_and_secret_in_the_form(self):
        response = self.url_open(
            f"{API_PREFIX}/oauth/token",
            data=urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": self.credential.login,
                    "client_secret": self.secret_text,
                }
            ).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            method="POST",
        )
        self.assertEqual(response.status_code, 200, response.text)

    def test_refusals_of_the_token_endpoint(self):
        _other, another = self.issue("oauth2_client")
        cases = {
            "wrong secret": ({"secret": another}, 401, "invalid_client"),
            "no secret of ours": ({"secret": "guess"}, 401, "invalid_client"),
            "unknown client": ({"client": "nobody"}, 401, "invalid_client"),
            "other grant": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
            "unknown scope": ({"scope": "admin:all"}, 400, "invalid_scope"),
            "JSON": (
                {"headers": {"Content-Type": "application/json"}}, 400, "invalid_request",
            ),
        }  # fmt: skip
        for what, (how, status, error) in cases.items():
            with self.subTest(what):
                response = self.grant(**how)
                self.assertEqual(response.status_code, status, response.text)
                self.assertEqual(response.json()["error"], error)
                self.assertNotIn(self.secret_text, response.text)
        self.assert_problem(self.url_open(f"{API_PREFIX}/oauth/token"), 405)

    def test_less_may_be_asked_for(self):
        token = self.token(scope="write:test.report.v1")
        self.assert_problem(self.with_token(token), 403, "forbidden")

    def test_what_is_taken_away_is_gone_at_once(self):
        token = self.token()
        self.credential.scopes = "read:messages"
        self.assert_problem(self.with_token(token), 403, "forbidden")
        self.credential.active = False
        self.assertEqual(self.with_token(token).status_code, 401)

    def test_a_token_of_another_time_or_system_is_none(self):
        token = self.token()
        before = self.stored()
        with patch(f"{CALLER}.time.time", return_value=4102444800):
            self.assert_refused(self.with_token(token), 401, "unauthorized", before)
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        self.assert_refused(self.with_token(token), 401, "unauthorized", before)

    def test_an_altered_token_is_none(self):
        header, claims, mark = self.token().split(".")
        padded = claims + "=" * (-len(claims) % 4)
        wider = base64.urlsafe_b64decode(padded).replace(b"write:*", b"write:x")
        changed = base64.urlsafe_b64encode(wider).decode().rstrip("=")
        for token in (f"{header}.{changed}.{mark}", f"{header}.{claims}.", f"{header}.{claims}"):
            self.assertEqual(self.with_token(token).status_code, 401)

    def test_a_client_id_is_one_connectors(self):
        other = self.connector()
        self.route(other, PING)
        theirs, _secret = self.issue("oauth2_client", other)
        with self.assertRaisesRegex(ValidationError, "another connector"):
            theirs.login = self.credential.login

    def test_a_token_is_for_the_connector_it_was_given_to(self):
        """Whatever its client is called by now."""
        other = self.connector()
        self.route(other, PING)
        theirs, secret = self.issue("oauth2_client", other)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mfg_credential SET login = %s WHERE id = %s",
            [self.credential.login, theirs.id],
        )
        self.env.invalidate_all()
        token = self.token(secret=secret)
        self.assertEqual(self.with_token(token).status_code, 401)
        self.assertEqual(self.with_token(token, code=other.code).status_code, 202)

    def test_the_successor_has_the_same_client_id(self):
        action = self.env["mfg.credential.rotate"].create({"credential_id": self.credential.id})
        new = action.action_rotate()["params"]["message"]
        old = self.secret_text
        for secret in (old, new):
            self.assertEqual(self.grant(secret=secret).status_code, 200)
        self.credential.valid_until = fields.Datetime.now() - HOUR
        self.assertEqual(self.grant(secret=old).status_code, 401)
        self.assertEqual(self.with_token(self.token(secret=new)).status_code, 202)


@tagged("post_install", "-at_install")
class TestForwardedCertificate(InboundAuthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.issued = Authority("Test CA").issue("plant 7")
        cls.der = ssl.PEM_cert_to_DER_cert(cls.issued.certificate)

    def setUp(self):
        super().setUp()
        self.credential = self.env["mfg.credential"].create(
            {
                "connector_id": self.partner_connector.id,
                "kind": "peer_certificate",
                "secret_input": hashlib.sha256(self.der).hexdigest(),
            }
        )
        self.trust("127.0.0.0/8, ::1")

    def trust(self, networks):
        self.env["ir.config_parameter"].set_param("mfg_integration_base.trusted_proxies", networks)

    def shown(self, der=None):
        return {"Client-Cert": f":{base64.b64encode(der or self.der).decode()}:"}

    def test_accepted_by_the_certificate_that_the_proxy_saw(self):
        response = self.send(self.shown())
        self.assertEqual(response.status_code, 202, response.text)
        self.assertEqual(self.message(response).credential_id, self.credential)

    def test_nobody_but_a_trusted_proxy_says_so(self):
        for networks in ("", "192.0.2.0/24"):
            self.trust(networks)
            with self.subTest(networks):
                self.assertEqual(self.send(self.shown()).status_code, 401)

    def test_other_certificates(self):
        other = Authority("Test CA").issue("plant 7")
        expired = Authority("Test CA").issue("plant 7", days=(-9, -2))
        self.env["mfg.credential"].create(
            {
                "connector_id": self.partner_connector.id,
                "kind": "peer_certificate",
                "secret_input": hashlib.sha256(
                    ssl.PEM_cert_to_DER_cert(expired.certificate)
                ).hexdigest(),
            }
        )
        for issued in (other, expired):
            der = ssl.PEM_cert_to_DER_cert(issued.certificate)
            self.assertEqual(self.send(self.shown(der)).status_code, 401)
        self.assertEqual(self.send({"Client-Cert": "rubbish"}).status_code, 401)

    def test_a_fingerprint_is_checked_when_it_is_saved(self):
        with self.assertRaises(ValidationError):
            self.credential.secret_input = "12:34"


@tagged("post_install", "-at_install")
class TestRefusals(InboundCase):
    def test_many_failures_are_slowed_down_and_a_valid_request_is_not(self):
        wrong = "whsec_" + "B" * 44
        statuses = [self.post(secret=wrong).status_code for _ in range(8)]
        self.assertEqual(statuses[:5], [401] * 5)
        self.assertEqual(statuses[-1], 429)
        response = self.post(secret=wrong)
        self.assert_problem(response, 429, "slow-down")
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        self.assertEqual(self.post().status_code, 202)

    def test_the_owner_is_told_once_a_day(self):
        code = self.partner_connector.code
        runtime = self.env["mfg.connector.runtime"]
        owner = self.user("mfg_integration_base.group_manager")
        self.partner_connector.owner_id = owner
        runtime._note_refused({code: 9, "nobody": 50, "\0'": 3})
        self.assertFalse(self.partner_connector.activity_ids)
        runtime._note_refused({code: 1})
        [activity] = self.partner_connector.activity_ids
        self.assertEqual(activity.user_id, owner)
        self.assertIn("10 requests", activity.note)
        runtime._note_refused({code: 100})
        self.assertEqual(len(self.partner_connector.activity_ids), 1)
