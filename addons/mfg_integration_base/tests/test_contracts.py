import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools.misc import format_date

from ..const import API_PREFIX
from ..exceptions import StateWriteRefused
from .common import MfgCase
from .partner import Partner
from .test_controllers import PING, REPORT, InboundCase

SCHEMA = {
    "type": "object",
    "required": ["good"],
    "properties": {"good": {"type": "integer", "minimum": 0}, "note": {"type": "string"}},
}


def changed(**properties):
    return json.dumps({**SCHEMA, "properties": {**SCHEMA["properties"], **properties}})


@tagged("post_install", "-at_install")
class TestPublishedSchema(MfgCase):
    def setUp(self):
        super().setUp()
        self.draft = self.env["mfg.event.type"].create(
            {"code": "mfg.test.done.v2", "description": "Done", "schema": json.dumps(SCHEMA)}
        )

    def publish(self):
        self.draft.state = "published"
        return self.draft

    def versions(self, record):
        return record.version_ids.sorted("id").mapped("version")

    def test_a_draft_changes_freely(self):
        self.draft.schema = changed(good={"type": "string"})
        self.draft.code = "mfg.test.other.v2"
        self.assertFalse(self.draft.version_ids)

    def test_what_is_published_is_kept(self):
        event_type = self.publish()
        self.assertEqual(self.versions(event_type), ["2.0"])
        self.assertEqual(json.loads(event_type.version_ids.schema), SCHEMA)
        with self.assertRaises(StateWriteRefused):
            event_type.version_ids.sudo().schema = "{}"
        with self.assertRaisesRegex(ValidationError, "know it by"):
            event_type.code = "mfg.test.other.v2"

    def test_a_compatible_change_is_a_minor_version(self):
        event_type = self.publish()
        event_type.schema = changed(scrap={"type": "integer"})
        self.assertEqual((event_type.minor_version, self.versions(event_type)), (1, ["2.0", "2.1"]))
        event_type.description = "Done, really"
        event_type.schema = changed(scrap={"type": "integer"})
        self.assertEqual(event_type.minor_version, 1, "nothing new")

    def test_one_that_breaks_readers_is_refused_and_named(self):
        event_type = self.publish()
        cases = {
            "type": (changed(good={"type": ["integer", "string"]}), "/properties/good/type"),
            "not required": (json.dumps({**SCHEMA, "required": []}), "good"),
            "bound": (changed(good={"type": "integer"}), "minimum"),
        }
        for what, (schema, said) in cases.items():
            with (
                self.subTest(what),
                self.assertRaisesRegex(ValidationError, said),
                self.env.cr.savepoint(),
            ):
                event_type.schema = schema
        self.assertEqual(self.versions(event_type), ["2.0"])

    def test_withdrawn_and_published_again_it_is_still_a_contract(self):
        event_type = self.publish()
        event_type.state = "draft"
        event_type.schema = changed(good={"type": "string"})
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            event_type.state = "published"
        event_type.schema = json.dumps(SCHEMA)
        event_type.state = "published"
        self.assertEqual(self.versions(event_type), ["2.0"])

    def test_dates_of_its_end(self):
        event_type = self.publish()
        event_type.write({"deprecated_date": "2026-01-01", "sunset_date": "2026-06-30"})
        with self.assertRaisesRegex(ValidationError, "before the day of deprecation"):
            event_type.sunset_date = "2025-12-31"

    def test_a_route_in_use_is_a_contract_for_writers(self):
        connector = self.connector()
        route = self.route(connector, REPORT, schema=json.dumps(SCHEMA))
        self.assertEqual(self.versions(route), ["1.0"])
        route.schema = changed(good={"type": ["integer", "string"], "minimum": 0})
        self.assertEqual(self.versions(route), ["1.0", "1.1"])
        with self.assertRaisesRegex(ValidationError, "would break partners"):
            route.schema = json.dumps({**SCHEMA, "required": ["good", "note"]})

    def test_a_route_is_a_contract_from_when_its_connector_is_active(self):
        draft = self.env["mfg.connector"].create(
            {"name": "Draft", "code": "draft-c", "url": "https://192.0.2.1/"}
        )
        route = self.route(draft, REPORT, schema=json.dumps(SCHEMA))
        self.assertFalse(route.version_ids)
        draft.action_activate()
        self.assertEqual(self.versions(route), ["1.0"])
        route.active = False
        route.schema = json.dumps({**SCHEMA, "required": ["good", "note"]})
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            route.active = True

    def test_an_example_fits_its_schema(self):
        route = self.route(self.connector(), REPORT, schema=json.dumps(SCHEMA))
        with self.assertRaisesRegex(ValidationError, "/good must be at least 0"):
            route.example = '{"good": -1}'
        with self.assertRaisesRegex(ValidationError, "example"):
            route.example = "{"
        route.example = '{"good": 1}'

    # === Who still uses what is given up === #

    def test_who_still_gets_a_deprecated_event(self):
        event_type = self.publish()
        mes = self.connector(name="Line MES", allow_http=True, allow_list="127.0.0.1/32")
        moved = self.connector(name="Moved on")
        self.subscription(mes, event_type, name="Done")
        self.subscription(moved, event_type, name="Old").state = "retired"
        self.env.company._mfg_emit(event_type.code, {"good": 1})
        self.assertFalse(event_type.still_used_by, "it is not given up")
        event_type.state = "deprecated"
        self.assertEqual(event_type.still_used_by, "Line MES (Done): no message lately")
        with Partner(self.secret(mes)) as partner:
            mes.url = partner.url
            self.drain()
        today = format_date(self.env, fields.Date.today())
        self.assertEqual(event_type.still_used_by, f"Line MES (Done): last message on {today}")

    def test_who_still_sends_to_a_deprecated_route(self):
        route = self.route(self.connector(name="Line MES"), "test.ping.v1", handler="ping")
        other = self.route(self.connector(name="Other"), "test.ping.v1", handler="ping")
        (route | other).deprecated_date = "2026-01-01"
        self.inbox(route, {})
        self.assertFalse(route.still_used_by, "nothing was booked yet")
        self.drain()
        today = format_date(self.env, fields.Date.today())
        self.assertEqual(route.still_used_by, f"Line MES: last message on {today}")
        self.assertFalse(other.still_used_by)
        route.deprecated_date = False
        self.assertFalse(route.still_used_by)


class CatalogueCase(InboundCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.done = cls.event_type(
            "mfg.test.done.v1", schema=json.dumps(SCHEMA), example='{"good": 5}'
        )
        cls.subscription(cls.partner_connector, cls.done)
        cls.report.write(
            {
                "description": "What was made.",
                "example": '{"report": "R1", "lines": []}',
                "deprecated_date": "2026-03-01",
                "sunset_date": "2027-03-01",
            }
        )
        other = cls.connector()
        cls.route(other, "test.secret.v1")
        cls.subscription(other, cls.event_type("mfg.test.secret.v1"))

    def get(self, name, headers=None):
        return self.url_open(f"{API_PREFIX}/{name}", headers=headers or {})

    def signed(self, name, **how):
        secret = how.pop("secret", self.secret(self.partner_connector))
        return self.get(
            name,
            {
                **self.signature(secret, "", how.pop("signed_id", name.removesuffix(".json"))),
                "mfg-connector": self.partner_connector.code,
                **how,
            },
        )


@tagged("post_install", "-at_install")
class TestCatalogue(CatalogueCase):
    def test_openapi_of_the_partners_own_routes(self):
        response = self.signed("openapi.json")
        self.assertEqual(response.status_code, 200, response.text)
        document = response.json()
        OpenAPIV31SpecValidator(document).validate()
        code = self.partner_connector.code
        self.assertEqual(
            [path for path in document["paths"] if "/in/" in path],
            [f"{API_PREFIX}/in/{code}/{PING}", f"{API_PREFIX}/in/{code}/{REPORT}"],
        )
        post = document["paths"][f"{API_PREFIX}/in/{code}/{REPORT}"]["post"]
        self.assertTrue(post["deprecated"])
        self.assertIn("What was made.", post["description"])
        self.assertNotIn("secret.v1", response.text)
        self.assertNotIn("whsec_", response.text)

    def test_asyncapi_of_the_partners_own_events(self):
        response = self.signed("asyncapi.json")
        document = response.json()
        self.assertEqual(document["asyncapi"], "3.0.0")
        self.assertEqual(list(document["channels"]), ["mfg.test.done.v1"])
        self.assertNotIn("secret.v1", response.text)

    def test_by_token(self):
        credential = self.env["mfg.credential"].create(
            {"connector_id": self.partner_connector.id, "kind": "token"}
        )
        token = credential.action_generate()["params"]["message"]
        headers = {"Authorization": f"Bearer {token}"}
        document = self.get("openapi.json", headers).json()
        self.assertIn("bearer", json.dumps(document["components"]["securitySchemes"]).lower())
        credential.scopes = "write:*"
        self.assert_problem(self.get("openapi.json", headers), 403, "forbidden")

    def test_nobody_else(self):
        for response in (
            self.get("openapi.json"),
            self.signed("openapi.json", signed_id="asyncapi"),
            self.signed("openapi.json", secret="whsec_" + "A" * 44),
        ):
            self.assert_problem(response, 401, "unauthorized")

    def test_a_page_for_people(self):
        self.report.description = "<script>alert(1)</script>"
        self.authenticate("admin", "admin")
        response = self.url_open(f"/mfg/docs/{self.partner_connector.id}")
        self.assertEqual(response.status_code, 200)
        self.assertIn(REPORT, response.text)
        self.assertIn("mfg.test.done.v1", response.text)
        self.assertNotIn("<script>", response.text)
        self.assertIn("default-src 'none'", response.headers["Content-Security-Policy"])
        self.assertNotIn("secret.v1", response.text)

    def test_the_page_is_not_for_everybody(self):
        connector = self.partner_connector.with_user(self.user("base.group_user"))
        with self.assertRaises(AccessError):
            connector.check_access("read")
        self.authenticate(None, None)
        response = self.url_open(f"/mfg/docs/{self.partner_connector.id}", allow_redirects=False)
        self.assertIn(response.status_code, (302, 303))

    def test_the_end_of_a_route_is_announced_with_each_answer(self):
        document = {"report": "R", "lines": []}
        response = self.post(document, message_type=REPORT)
        self.assertEqual(response.headers["Deprecation"], "@1772323200")
        self.assertEqual(response.headers["Sunset"], "Mon, 01 Mar 2027 00:00:00 GMT")
        self.assertNotIn("Sunset", self.post().headers)
