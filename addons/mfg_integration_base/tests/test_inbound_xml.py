"""XML at the gateway: the same rules, the same answers, the same document as in JSON."""

import json

from odoo.tests import tagged

from .common import MfgHttpCase

ORDER = "test.order.v1"
SCHEMA = {
    "type": "object",
    "required": ["number", "lines"],
    "additionalProperties": False,
    "properties": {
        "number": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["qty"],
                "properties": {"qty": {"type": "number", "minimum": 0}, "code": {"type": "string"}},
            },
        },
    },
}
BODY = b"<order><number>0007</number><lines><code>0815</code><qty>2.5</qty></lines></order>"


@tagged("post_install", "-at_install")
class TestInboundXml(MfgHttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_connector = cls.connector()
        cls.order_route = cls.route(
            cls.partner_connector,
            ORDER,
            codec="xml",
            schema=json.dumps(SCHEMA),
            external_id_pointer="/number",
            ordering_pointer="/lines/0/code",
        )

    def _post(self, body=BODY, content_type="application/xml", **how):
        how.setdefault("headers", {"Content-Type": content_type})
        return self.post_message(self.partner_connector, ORDER, body=body, **how)

    def _message(self, response):
        return self.env["mfg.inbox.message"].search([("uuid", "=", response.json()["id"])])

    def _problem(self, response, status, slug):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.json()["type"], f"urn:mfg:problem:{slug}")
        return response.json()

    def test_is_accepted_booked_and_recognised(self):
        response = self._post()
        self.assertEqual(response.status_code, 202, response.text)
        message = self._message(response)
        self.assertEqual(message.external_id, "0007")
        self.assertEqual(message.ordering_key, "0815")
        self.assertEqual(message._raw_body(), BODY)
        self.drain()
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(self._post().status_code, 200)
        self._problem(self._post(BODY.replace(b"2.5", b"3")), 422, "conflict-id-reuse")

    def test_what_the_handler_gets_has_numbers_and_arrays(self):
        document = self.order_route._decode(BODY, "application/xml")
        self.assertEqual(document, {"number": "0007", "lines": [{"code": "0815", "qty": 2.5}]})

    def test_other_types_of_xml(self):
        for number, content_type in enumerate(("text/xml; charset=utf-8", "application/acme+xml")):
            with self.subTest(content_type):
                body = BODY.replace(b"0007", b"%d" % number)
                self.assertEqual(self._post(body, content_type).status_code, 202)

    def test_refusals_name_the_place(self):
        problem = self._problem(self._post(b"<order>\n<number>1</order>"), 400, "malformed-body")
        self.assertIn("Line 2", problem["detail"])
        problem = self._problem(self._post(BODY.replace(b"2.5", b"many")), 422, "schema")
        self.assertEqual(problem["errors"][0]["pointer"], "/lines/0/qty")
        self._problem(self._post(b"<!DOCTYPE order>" + BODY), 400, "malformed-body")
        self._problem(self._post(BODY, "application/json"), 415, "unsupported-media-type")
        self.assertFalse(self.env["mfg.inbox.message"].search([("message_type", "=", ORDER)]))

    def test_json_routes_take_no_xml(self):
        self.route(self.partner_connector, "test.ping.v1")
        response = self.post_message(
            self.partner_connector,
            "test.ping.v1",
            body=BODY,
            headers={"Content-Type": "application/xml"},
        )
        self._problem(response, 415, "unsupported-media-type")

    def test_the_partner_reads_that_it_is_xml(self):
        document = self.env["mfg.catalogue"]._openapi(self.partner_connector)
        [path] = [path for name, path in document["paths"].items() if name.endswith(ORDER)]
        self.assertIn("application/xml", path["post"]["requestBody"]["content"])
