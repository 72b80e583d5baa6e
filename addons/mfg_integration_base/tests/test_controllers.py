import gzip
import json
import os
from unittest.mock import patch

from odoo.tests import tagged, test_cursor
from odoo.tools import mute_logger

from ..const import API_PREFIX, ENV_ENVIRONMENT, ENV_SECRET_KEY, MAX_BODY_BYTES, MAX_JSON_DEPTH
from ..controllers import inbound
from ..models import mfg_inbox_gateway
from ..tools import signature
from ..tools.attempts_limit import AttemptsRule, Failures
from ..tools.problem import CONTENT_TYPE, TYPE_PREFIX
from .common import MfgHttpCase

GATEWAY = "odoo.addons.mfg_integration_base.models.mfg_inbox_gateway"
CALLER = "odoo.addons.mfg_integration_base.models.mfg_inbox_gateway_caller"
CONTROLLER = "odoo.addons.mfg_integration_base.controllers.inbound"
PING = "test.ping.v1"
REPORT = "test.report.v1"
SCHEMA = {
    "type": "object",
    "required": ["report", "lines"],
    "properties": {
        "report": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"qty": {"type": "number"}}},
        },
    },
}
SOMEBODY_ELSES = "whsec_" + "A" * 44


class InboundCase(MfgHttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_connector = cls.connector()
        cls.ping = cls.route(cls.partner_connector, PING)
        cls.report = cls.route(cls.partner_connector, REPORT, schema=json.dumps(SCHEMA))

    def post(self, document=None, *, message_type=PING, **how):
        return self.post_message(self.partner_connector, message_type, document or {}, **how)

    def stored(self):
        """Everything that a request could have left behind."""
        self.env.cr.execute(
            "SELECT (SELECT count(*) FROM mfg_inbox_message),"
            " (SELECT count(*) FROM mfg_inbox_identity),"
            " (SELECT count(*) FROM mfg_connector_runtime WHERE last_received_at IS NOT NULL)"
        )
        return self.env.cr.fetchone()

    def message(self, response):
        return self.env["mfg.inbox.message"].search([("uuid", "=", response.json()["id"])])

    def assert_problem(self, response, status, slug=None):
        """A problem document of this kind; returns it."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], CONTENT_TYPE)
        self.assertNotIn("Traceback", response.text)
        if response.request.method == "HEAD":
            return None
        document = response.json()
        self.assertEqual(document["status"], status)
        self.assertEqual(document["type"], TYPE_PREFIX + slug if slug else "about:blank")
        self.assertTrue(document["title"])
        return document

    def assert_refused(self, response, status, slug, before):
        document = self.assert_problem(response, status, slug)
        self.assertEqual(self.stored(), before)
        return document


@tagged("post_install", "-at_install")
class TestAccept(InboundCase):
    def test_accepted(self):
        response = self.post({"note": "äöü"}, external_id="order-1")
        self.assertEqual(response.status_code, 202)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertNotIn("Set-Cookie", response.headers)
        answer = response.json()
        self.assertEqual(answer["status"], "pending")
        self.assertEqual(answer["status_url"], f"{API_PREFIX}/messages/{answer['id']}")
        self.assertEqual(response.headers["Location"], answer["status_url"])
        message = self.message(response)
        self.assertRecordValues(
            message,
            [
                {
                    "state": "pending",
                    "external_id": "order-1",
                    "message_type": PING,
                    "route_id": self.ping.id,
                    "connector_id": self.partner_connector.id,
                    "company_id": self.partner_connector.company_id.id,
                    "lane_id": self.ping.lane_id.id,
                    "credential_id": self.partner_connector.credential_ids.id,
                    "content_type": "application/json",
                    "attempt_count": 0,
                    "ordering_key": message.uuid,
                }
            ],
        )
        self.assertEqual(message._raw_body(), b'{"note": "\\u00e4\\u00f6\\u00fc"}')
        self.assertTrue(self.partner_connector.last_received_at)

    def test_the_bytes_are_kept_as_they_came(self):
        body = '{ "b":1,\r\n\t"a" : "ß" }  '.encode()
        self.assertEqual(self.message(self.post(body=body))._raw_body(), body)

    def test_headers_are_kept_without_secrets(self):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        response = self.post(
            headers={
                "Authorization": "Bearer abcdefgh",
                "X-Api-Key": "ijklmnop",
                "X-Note": "n" * 2000,
                "traceparent": trace,
            }
        )
        message = self.message(response)
        headers = {name.lower(): value for name, value in json.loads(message.headers).items()}
        self.assertEqual(headers["authorization"], "***")
        self.assertEqual(headers["x-api-key"], "***")
        self.assertEqual(headers["webhook-signature"], "***")
        self.assertEqual(len(headers["x-note"]), 500)
        self.assertIn("webhook-id", headers)
        self.assertEqual(message.traceparent, trace)

    def test_a_wrong_traceparent_is_ignored(self):
        message = self.message(self.post(headers={"traceparent": "00-0-0-00"}))
        self.assertFalse(message.traceparent)

    def test_gzip(self):
        document = {"note": "x" * 5000}
        text = json.dumps(document)
        response = self.post(
            body=gzip.compress(text.encode()), signed=text, headers={"Content-Encoding": "gzip"}
        )
        self.assertEqual(response.status_code, 202, response.text)
        self.assertEqual(self.message(response)._raw_body(), text.encode())

    def test_chunked(self):
        chunks = [b'{"note": ', b'"in pieces"}']
        text = b"".join(chunks).decode()
        headers = self.signature(self.secret(self.partner_connector), text)
        headers["Content-Type"] = "application/json"
        response = self.opener.post(
            f"{self.base_url()}{API_PREFIX}/in/{self.partner_connector.code}/{PING}",
            data=iter(chunks),
            headers=headers,
            timeout=12,
        )
        self.assertEqual(response.status_code, 202, response.text)
        self.assertEqual(self.message(response)._raw_body(), text.encode())

    def test_what_no_route_matches_is_unknown(self):
        for path in ("%00", "0", "/%00", "/", "", "/in/x/y/z", "/in/x%00/y%00/z"):
            with self.subTest(path):
                response = self.url_open(f"{API_PREFIX}{path}", data=b"{}", method="POST")
                self.assert_problem(response, 404)

    def test_content_types_of_json(self):
        for content_type in (
            "application/json; charset=utf-8",
            "APPLICATION/JSON",
            "application/vnd.acme+json",
        ):
            with self.subTest(content_type):
                response = self.post(headers={"Content-Type": content_type})
                self.assertEqual(response.status_code, 202, response.text)

    def test_each_valid_secret_is_taken(self):
        first = self.secret(self.partner_connector)
        second = self.add_secret(self.partner_connector)
        outgoing = self.add_secret(self.partner_connector, direction="out")
        ended = self.add_secret(self.partner_connector, valid_until="2020-01-01 00:00:00")
        used = {}
        for name, secret, status in (
            ("first", first, 202),
            ("second", second, 202),
            ("outgoing", outgoing, 401),
            ("ended", ended, 401),
        ):
            with self.subTest(name):
                response = self.post(secret=secret)
                self.assertEqual(response.status_code, status)
                if status == 202:
                    used[name] = self.message(response).credential_id
        self.assertNotEqual(used["first"], used["second"])

    def test_a_paused_connector_stores_and_waits(self):
        self.partner_connector.action_pause()
        response = self.post()
        self.assertEqual(response.status_code, 202)
        message = self.message(response)
        self.drain()
        self.assertEqual(message.state, "pending")
        self.partner_connector.action_activate()
        self.drain()
        self.assertEqual(message.state, "done")

    def test_id_and_order_by_pointer(self):
        self.report.write({"external_id_pointer": "/report", "ordering_pointer": "/lines/0/id"})
        cases = {
            "text": ("A", "A"),
            "number": (7, "7"),
            "none": (None, None),
            "too long for an index": ("k" * 3000, "sha256:"),
        }
        for what, (line_id, ordering_key) in cases.items():
            with self.subTest(what):
                document = {"report": f"R-{what}", "lines": [{"id": line_id}]}
                message = self.message(self.post(document, message_type=REPORT))
                self.assertEqual(message.external_id, document["report"])
                if ordering_key is None:
                    self.assertEqual(message.ordering_key, message.uuid)
                else:
                    self.assertTrue(message.ordering_key.startswith(ordering_key))
                    self.assertLessEqual(len(message.ordering_key), 255)

    def test_wakes_the_lane(self):
        # A test's cursors drop what is to run after commit, so we look at who is called.
        with patch.object(type(self.env["mfg.waker"]), "_wake", autospec=True) as wake:
            self.post()
        self.assertEqual([call.args[1].id for call in wake.mock_calls], [self.ping.lane_id.id])


@tagged("post_install", "-at_install")
class TestRefuse(InboundCase):
    def test_content_is_refused(self):
        report = {"report": "R1", "lines": []}
        deep = "[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1)
        bomb = gzip.compress(json.dumps("x" * MAX_BODY_BYTES).encode())
        form = "application/x-www-form-urlencoded"
        as_gzip = {"Content-Encoding": "gzip"}
        cases = {
            # what: status, type, how to send it
            "not JSON": (400, "malformed-body", {"body": b"not JSON"}),
            "empty": (400, "malformed-body", {"body": b""}),
            "cut off": (400, "malformed-body", {"body": b'{"report": "R1"'}),
            "not UTF-8": (400, "malformed-body", {"body": b'{"report": "\xff"}'}),
            "UTF-16": (400, "malformed-body", {"body": '{"report": "R1"}'.encode("utf-16")}),
            "NaN": (400, "malformed-body", {"body": b"[NaN]"}),
            "a name twice": (400, "malformed-body", {"body": b'{"a": 1, "a": 2}'}),
            "huge number": (400, "malformed-body", {"body": b"[1" + b"0" * 400 + b"]"}),
            "NUL": (400, "malformed-body", {"body": b'["\\u0000"]'}),
            "too deep": (400, "malformed-body", {"body": deep.encode()}),
            "not gzip": (400, "malformed-body", {"document": {}, "headers": as_gzip}),
            "gzip bomb": (413, "too-large", {"body": bomb, "signed": "", "headers": as_gzip}),
            "form": (415, "unsupported-media-type", {"headers": {"Content-Type": form}}),
            "Form": (
                415,
                "unsupported-media-type",
                {"body": b"a=1&b=2", "headers": {"Content-Type": form.upper() + "; charset=x"}},
            ),
            "multipart": (
                415,
                "unsupported-media-type",
                {"headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            ),
            "XML": (
                415,
                "unsupported-media-type",
                {"body": b"<a/>", "headers": {"Content-Type": "application/xml"}},
            ),
            "no type": (415, "unsupported-media-type", {"headers": {"Content-Type": None}}),
            "brotli": (415, "unsupported-encoding", {"headers": {"Content-Encoding": "br"}}),
            "a list": (422, "schema", {"document": []}),
            "field missing": (422, "schema", {"document": {"report": "R1"}}),
            "unknown type": (404, "unknown-message-type", {"message_type": "test.other.v1"}),
            "other version": (404, "unknown-message-type", {"message_type": "test.report.v2"}),
            "no type name": (404, "unknown-message-type", {"message_type": "%00"}),
        }
        before = self.stored()
        for what, (status, slug, how) in cases.items():
            with self.subTest(what):
                request = {"document": report, "message_type": REPORT, **how}
                response = self.post_message(self.partner_connector, **request)
                self.assert_refused(response, status, slug, before)

    def test_forms_are_refused_before_anybody_asks_who_sends_them(self):
        before = self.stored()
        for how in ({"data": {"a": "1"}}, {"files": {"a": b"1"}}):
            with self.subTest(how):
                response = self.url_open(f"{API_PREFIX}/in/nobody/{PING}", **how)
                self.assert_refused(response, 415, "unsupported-media-type", before)

    def test_syntax_errors_say_where(self):
        document = self.assert_problem(
            self.post(body=b'{\n  "a": 1,\n  "b": NaN}'), 400, "malformed-body"
        )
        self.assertIn("line 3, column 8", document["detail"])

    def test_schema_errors_say_where(self):
        document = self.assert_problem(
            self.post({"report": 1, "lines": [{"qty": 1}, {"qty": "2"}]}, message_type=REPORT),
            422,
            "schema",
        )
        pointers = {error["pointer"]: error["detail"] for error in document["errors"]}
        self.assertEqual(set(pointers), {"/report", "/lines/1/qty"})
        self.assertTrue(all(pointers.values()))

    def test_an_id_pointer_has_to_find_an_id(self):
        self.report.external_id_pointer = "/lines/0/id"
        before = self.stored()
        for line in ({}, {"id": None}, {"id": ""}, {"id": True}, {"id": 1.5}, {"id": "x" * 256}):
            with self.subTest(line):
                response = self.post({"report": "R1", "lines": [line]}, message_type=REPORT)
                document = self.assert_refused(response, 422, "schema", before)
                self.assertEqual(document["errors"][0]["pointer"], "/lines/0/id")

    def test_too_large(self):
        url = f"{self.base_url()}{API_PREFIX}/in/{self.partner_connector.code}/{PING}"
        before = self.stored()
        for size, status in (
            (MAX_BODY_BYTES, 202),
            (MAX_BODY_BYTES + 1, 413),
            (MAX_BODY_BYTES + 2, 413),
        ):
            for chunked in (False, True):
                text = json.dumps("x" * (size - 2))
                self.assertEqual(len(text), size)
                headers = {
                    "Content-Type": "application/json",
                    **self.signature(self.secret(self.partner_connector), text),
                }
                data = iter([text.encode()]) if chunked else text.encode()
                with self.subTest(size=size, chunked=chunked):
                    response = self.opener.post(url, data=data, headers=headers, timeout=12)
                    if status == 413:
                        self.assert_refused(response, 413, "too-large", before)
                    else:
                        self.assertEqual(response.status_code, 202, response.text)
                        before = self.stored()

    def test_other_methods_and_addresses(self):
        code = self.partner_connector.code
        cases = [
            ("GET", f"/in/{code}/{PING}", 405, "POST"),
            ("HEAD", f"/in/{code}/{PING}", 405, "POST"),
            ("PUT", f"/in/{code}/{PING}", 405, "POST"),
            ("OPTIONS", f"/in/{code}/{PING}", 405, "POST"),
            ("POST", "/messages/x", 405, "GET, HEAD"),
            ("DELETE", "/messages/x", 405, "GET, HEAD"),
            ("GET", "", 404, None),
            ("GET", "/", 404, None),
            ("POST", "/in", 404, None),
            ("POST", f"/in/{code}", 404, None),
            ("POST", f"/in/{code}/{PING}/x", 404, None),
            ("GET", "/messages", 404, None),
        ]
        before = self.stored()
        for method, path, status, allowed in cases:
            with self.subTest(f"{method} {path}"):
                response = self.url_open(f"{API_PREFIX}{path}", method=method)
                self.assert_refused(response, status, None, before)
                self.assertEqual(response.headers.get("Allow"), allowed)

    def test_a_full_lane_asks_to_come_back(self):
        lane = self.env["mfg.lane"].create({"name": "Small", "code": "small", "backlog_cap": 2})
        self.ping.lane_id = lane
        for _number in range(2):
            self.assertEqual(self.post().status_code, 202)
        before = self.stored()
        response = self.post()
        self.assert_refused(response, 429, "backlog-full", before)
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        # Another lane goes on.
        report = {"report": "R1", "lines": []}
        self.assertEqual(self.post(report, message_type=REPORT).status_code, 202)

    def test_a_lane_full_of_bytes_asks_to_come_back(self):
        lane = self.env["mfg.lane"].create(
            {"name": "Small", "code": "small", "backlog_cap_bytes": 100}
        )
        self.ping.lane_id = lane
        self.assertEqual(self.post().status_code, 202)
        with patch.object(mfg_inbox_gateway, "BACKLOG_TTL", 0.0):
            mfg_inbox_gateway._backlogs.clear()
            self.assert_refused(self.post(), 429, "backlog-full", self.stored())

    def test_a_paused_partner_fills_the_lane_for_itself_only(self):
        lane = self.env["mfg.lane"].create({"name": "Small", "code": "small", "backlog_cap": 2})
        other = self.connector()
        self.route(other, PING, lane_id=lane.id)
        self.ping.lane_id = lane
        self.partner_connector.action_pause()
        for _number in range(2):
            self.assertEqual(self.post().status_code, 202)
        mfg_inbox_gateway._backlogs.clear()  # what a second does
        self.assert_refused(self.post(), 429, "backlog-full", self.stored())
        self.assertEqual(self.post_message(other, PING, {}).status_code, 202)


@tagged("post_install", "-at_install")
class TestAuthenticate(InboundCase):
    def setUp(self):
        super().setUp()
        patient = Failures(AttemptsRule(free=1000))
        self.startPatcher(patch(f"{CALLER}._failures", patient))

    def fingerprint(self, response):
        headers = {name: value for name, value in response.headers.items() if name != "Date"}
        return response.status_code, headers, response.content

    def strangers(self):
        """Requests that must all get the same answer."""
        connector = self.partner_connector
        draft = self.env["mfg.connector"].create({"name": "Draft", "code": "draft-one"})
        self.add_secret(draft)
        self.route(draft, PING)
        retired = self.connector(code="retired-one")
        self.route(retired, PING)
        retired.action_retire()
        without = self.connector(code="without-secret")
        self.route(without, PING)
        without.credential_ids.unlink()
        damaged = self.connector(code="damaged-secret")
        self.route(damaged, PING)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mfg_credential SET cipher = 'v1:test:' WHERE connector_id = %s", [damaged.id]
        )
        other = self.connector(code="other-one")
        self.route(other, PING)
        message = self.message(self.post())
        body = {"document": {}, "message_type": PING}

        def post(to=connector, **how):
            return self.post_message(to, **{**body, **how})

        return {
            "wrong secret": lambda: post(secret=SOMEBODY_ELSES),
            "unknown connector": lambda: post(code="nobody"),
            "malformed connector": lambda: post(code="%00'\"%F0"),
            "long connector": lambda: post(code="x" * 5000),
            "draft": lambda: post(draft),
            "retired": lambda: post(retired),
            "no secret": lambda: post(without),
            "damaged secret": lambda: post(damaged),
            "other connector's secret": lambda: post(secret=self.secret(other)),
            "old": lambda: post(age=301),
            "future": lambda: post(age=-301),
            "other body": lambda: post(signed="{} "),
            "other id": lambda: post(headers={"webhook-id": "msg-2"}),
            "no id": lambda: post(headers={"webhook-id": None}),
            "no timestamp": lambda: post(headers={"webhook-timestamp": None}),
            "no signature": lambda: post(headers={"webhook-signature": None}),
            "empty signature": lambda: post(headers={"webhook-signature": "v1,"}),
            "no base64": lambda: post(headers={"webhook-signature": "v1,ä"}),
            "unknown type, not signed": lambda: post(message_type="x.v1", secret=SOMEBODY_ELSES),
            "status: unknown message": lambda: self.get_status(
                connector, "01890000-0000-7000-8000-000000000000"
            ),
            "status: no UUID": lambda: self.get_status(connector, "no-uuid"),
            "status: other connector": lambda: self.get_status(other, message.uuid),
            "status: wrong secret": lambda: self.get_status(
                connector, message.uuid, secret=SOMEBODY_ELSES
            ),
            "status: signed for another": lambda: self.get_status(
                connector, message.uuid, signed_id="01890000-0000-7000-8000-000000000000"
            ),
            "status: old": lambda: self.get_status(connector, message.uuid, age=301),
        }

    @mute_logger("odoo.addons.mfg_integration_base.models.mfg_credential")
    def test_strangers_get_one_answer(self):
        strangers = self.strangers()
        before = self.stored()
        expected = None
        for what, send in strangers.items():
            with self.subTest(what):
                response = send()
                self.assert_refused(response, 401, "unauthorized", before)
                self.assertIn("WWW-Authenticate", response.headers)
                expected = expected or self.fingerprint(response)
                self.assertEqual(self.fingerprint(response), expected)

    def test_a_stranger_costs_the_same_work(self):
        """As many queries and as many HMACs, whether the connector exists or not."""

        def work(code):
            with patch(f"{CALLER}.signature.verify", wraps=signature.verify) as verify:
                count = self.env.cr.sql_log_count
                self.assertEqual(self.post(code=code, secret=SOMEBODY_ELSES).status_code, 401)
                [call] = verify.mock_calls
            return self.env.cr.sql_log_count - count, len(call.args[0])

        code = self.partner_connector.code
        work(code)  # fills caches
        self.assertEqual(work(code), work("nobody"))

    def test_within_the_tolerance(self):
        for age in (290, -290):
            with self.subTest(age):
                self.assertEqual(self.post(age=age).status_code, 202)

    def test_no_secret_in_the_log(self):
        with self.assertLogs("odoo", "DEBUG") as logs:
            self.post(secret=SOMEBODY_ELSES, headers={"Authorization": "Bearer abcdefghijkl"})
            self.post()
        text = "\n".join(logs.output)
        self.assertIn("mismatch", text, "our log says why")
        self.assertNotIn(SOMEBODY_ELSES.removeprefix("whsec_"), text)
        self.assertNotIn(self.secret(self.partner_connector).removeprefix("whsec_"), text)
        self.assertNotIn("v1,", text)
        self.assertNotIn("abcdefghijkl", text)

    # === A copy of the database === #

    def test_a_copy_accepts_nothing_and_says_so(self):
        message = self.message(self.post())
        before = self.stored()
        with patch.dict(os.environ, {ENV_ENVIRONMENT: "production"}):
            response = self.post()
            document = self.assert_refused(response, 503, "not-activated", before)
            self.assertIn("copy", document["detail"])
            self.assertGreater(int(response.headers["Retry-After"]), 0)
            status = self.get_status(self.partner_connector, message.uuid)
            self.assert_problem(status, 503, "not-activated")
            # Only its own partner is told.
            self.assert_refused(self.post(secret=SOMEBODY_ELSES), 401, "unauthorized", before)
            self.partner_connector.action_pause()
            self.assert_refused(self.post(), 503, "not-activated", before)

    def test_a_neutralized_copy_accepts_nothing_and_says_so(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        before = self.stored()
        for how in ({}, {"secret": SOMEBODY_ELSES}, {"code": "nobody"}):
            with self.subTest(how):
                document = self.assert_refused(self.post(**how), 503, "not-activated", before)
                self.assertIn("copy", document["detail"])

    @mute_logger(GATEWAY)
    def test_without_key_nobody_is_told_from_anybody(self):
        before = self.stored()
        with patch.dict(os.environ, {ENV_SECRET_KEY: ""}):
            answers = {
                self.assert_refused(self.post(**how), 503, "not-configured", before)["detail"]
                for how in ({}, {"secret": SOMEBODY_ELSES}, {"code": "nobody"})
            }
        self.assertEqual(len(answers), 1)


@tagged("post_install", "-at_install")
class TestRepeat(InboundCase):
    def bury(self, message, state="dead"):
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET state = %s, reason_code = 'handler_failed',"
            " dead_at = CASE WHEN %s = 'dead' THEN now() END,"
            " detail = 'Traceback: our inside' WHERE id = %s",
            [state, state, message.id],
        )
        message.invalidate_recordset()

    def test_in_flight(self):
        first = self.post({"n": 1}, external_id="same")
        before = self.stored()
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual(again.status_code, 202)
        self.assertEqual(again.json(), first.json())
        self.assertEqual(self.stored(), before)

    def test_done_gets_the_first_answer(self):
        first = self.post({"n": 1}, external_id="same")
        self.drain()
        before = self.stored()
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual(again.status_code, 200)
        self.assertEqual(again.json()["id"], first.json()["id"])
        self.assertEqual(again.json()["status"], "done")
        self.assertEqual(again.json()["result"], {"pong": True})
        self.assertEqual(self.stored(), before)
        self.drain()
        self.assertEqual(self.message(first).attempt_count, 1, "booked once")

    def test_dead_is_tried_again(self):
        first = self.post({"n": 1}, external_id="same")
        message = self.message(first)
        self.bury(message)
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual((again.status_code, again.json()), (202, first.json()))
        message.invalidate_recordset()
        self.assertEqual(message.state, "pending")
        self.drain()
        self.assertEqual(message.state, "done")

    def test_cancelled_stays_cancelled(self):
        message = self.message(self.post({"n": 1}, external_id="same"))
        self.env["mfg.message.queue"]._cancel(message, "A person: no longer needed")
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual((again.status_code, again.json()["status"]), (200, "cancelled"))
        self.assertEqual(again.json()["problems"][0]["code"], "cancelled_by_user")
        self.assertNotIn("A person", again.text, "who did it is not the partner's business")
        message.invalidate_recordset()
        self.assertEqual(message.state, "cancelled")

    def test_another_body_under_the_same_id(self):
        self.post({"n": 1}, external_id="same")
        before = self.stored()
        other_body = self.post({"n": 2}, external_id="same")
        self.assert_refused(other_body, 422, "conflict-id-reuse", before)
        self.route(self.partner_connector, "test.other.v1")
        other_type = self.post({"n": 1}, external_id="same", message_type="test.other.v1")
        self.assert_refused(other_type, 422, "conflict-id-reuse", before)

    def test_ids_of_another_connector_are_its_own(self):
        other = self.connector()
        self.route(other, PING)
        first = self.post({"n": 1}, external_id="same")
        second = self.post_message(other, PING, {"n": 2}, external_id="same")
        self.assertEqual(second.status_code, 202)
        self.assertNotEqual(second.json()["id"], first.json()["id"])

    def test_the_identity_ends(self):
        first = self.post({"n": 1}, external_id="same")
        self.drain()
        self.end_identities()
        second = self.post({"n": 2}, external_id="same")
        self.assertEqual(second.status_code, 202)
        self.assertNotEqual(second.json()["id"], first.json()["id"])
        self.assertEqual(self.post({"n": 2}, external_id="same").json(), second.json())

    def test_the_identity_does_not_end_before_its_message(self):
        """A message that waits for a person and a repeat of it would both be booked."""
        first = self.post({"n": 1}, external_id="same")
        self.end_identities()
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual(again.json(), first.json())

    def end_identities(self):
        self.env.cr.execute(
            "UPDATE mfg_inbox_identity SET expires_at = expires_at - interval '91 days'"
        )

    def test_the_identity_outlives_the_message(self):
        first = self.post({"n": 1}, external_id="same")
        self.env.cr.execute("DELETE FROM mfg_inbox_message WHERE uuid = %s", [first.json()["id"]])
        again = self.post({"n": 1}, external_id="same")
        self.assertEqual(again.status_code, 200)
        self.assertEqual(again.json(), {"id": first.json()["id"], "status": "archived"})
        other = self.post({"n": 2}, external_id="same")
        self.assert_problem(other, 422, "conflict-id-reuse")

    # === Asking for a message === #

    def test_status(self):
        accepted = self.post({"n": 1}, external_id="mine").json()
        pending = self.get_status(self.partner_connector, accepted["id"])
        self.assertEqual(pending.status_code, 200)
        document = pending.json()
        self.assertEqual(document["status"], "pending")
        self.assertEqual(document["external_id"], "mine")
        self.assertEqual(document["message_type"], PING)
        self.assertTrue(document["received_at"].endswith("Z"))
        self.assertNotIn("finished_at", document)
        self.drain()
        done = self.get_status(self.partner_connector, accepted["id"]).json()
        self.assertEqual((done["status"], done["result"]), ("done", {"pong": True}))
        self.assertTrue(done["finished_at"])
        self.assertNotIn("problems", done)

    def test_status_of_a_failure_tells_nothing_about_our_inside(self):
        accepted = self.post()
        self.bury(self.message(accepted))
        response = self.get_status(self.partner_connector, accepted.json()["id"])
        self.assertNotIn("Traceback", response.text)
        [problem] = response.json()["problems"]
        self.assertEqual(problem["code"], "handler_failed")
        self.assertTrue(problem["title"])

    def test_status_tells_a_partner_what_it_did_wrong(self):
        accepted = self.post()
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET state = 'dead', dead_at = now(),"
            " reason_code = 'unknown_reference', detail = 'No order has this UUID.'"
            " WHERE uuid = %s",
            [accepted.json()["id"]],
        )
        response = self.get_status(self.partner_connector, accepted.json()["id"])
        [problem] = response.json()["problems"]
        self.assertEqual(problem["detail"], "No order has this UUID.")


@tagged("post_install", "-at_install")
class TestFaults(InboundCase):
    """Whatever breaks, a message is stored with its identity or not at all."""

    def break_once(self, method, fail, *, after=False):
        """Let ``fail(cursor)`` happen the first time that a method of the store is called."""
        store = type(self.env["mfg.inbox.store"])
        original = getattr(store, method)
        failures = [fail]

        def broken(model, *args, **kwargs):
            if failures and not after:
                failures.pop()(model.env.cr)
            result = original(model, *args, **kwargs)
            if failures:
                failures.pop()(model.env.cr)
            return result

        return patch.object(store, method, broken)

    @staticmethod
    def raise_error(_cr):
        raise RuntimeError("broken by the test")

    @staticmethod
    def sql_error(code):
        def fail(cr):
            cr.execute(f"DO $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = '{code}'; END $$")

        return fail

    def test_no_half_is_committed(self):
        for method, after in (
            ("_insert", False),  # the identity is there, the message is not
            ("_insert", True),
            ("_store", True),
            ("_note_received", True),
        ):
            with self.subTest(method=method, after=after):
                before = self.stored()
                external_id = f"{method}-{after}"
                with (
                    self.break_once(method, self.raise_error, after=after),
                    self.assertLogs("odoo.http", "ERROR") as logs,
                ):
                    response = self.post(external_id=external_id)
                document = self.assert_refused(response, 500, None, before)
                self.assertNotIn("broken by the test", json.dumps(document))
                self.assertIn("broken by the test", logs.output[0])
                self.assertIn("Traceback", logs.output[0])
                # The partner sends it again, and all is well.
                self.assertEqual(self.post(external_id=external_id).status_code, 202)

    def test_stored_on_a_cursor_of_its_own_then_answered(self):
        """When the answer is made, the cursor that stored the message is committed and closed."""
        open_cursors = {}

        def note(when, function):
            def noted(*args, **kwargs):
                open_cursors[when] = len(test_cursor.TestCursor._cursors_stack)
                return function(*args, **kwargs)

            return noted

        store = type(self.env["mfg.inbox.store"])
        with (
            patch.object(store, "_insert", note("stored", store._insert)),
            patch(f"{CONTROLLER}.json_response", note("answered", inbound.json_response)),
        ):
            self.assertEqual(self.post().status_code, 202)
        self.assertEqual(open_cursors, {"stored": 2, "answered": 1})

    def test_a_conflict_is_run_again(self):
        for name, code in (("serialization failure", "40001"), ("deadlock", "40P01")):
            with self.subTest(name):
                messages, identities, _ = self.stored()
                with (
                    mute_logger("odoo.sql_db"),
                    self.break_once("_insert", self.sql_error(code), after=True),
                    # no need to wait for another transaction that does not exist
                    patch("odoo.service.model.random.uniform", return_value=0),
                ):
                    response = self.post({"n": 1})
                self.assertEqual(response.status_code, 202, response.text)
                self.assertEqual(self.stored()[:2], (messages + 1, identities + 1))
                self.assertEqual(self.message(response)._raw_body(), b'{"n": 1}')

    @mute_logger("odoo.sql_db", "odoo.http")
    def test_a_database_error_is_not_the_partners_fault(self):
        before = self.stored()
        with self.break_once("_insert", self.sql_error("23505")):
            self.assert_refused(self.post(), 500, None, before)
