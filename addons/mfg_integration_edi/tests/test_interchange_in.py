"""Interchanges at the gateway: accepted as they are, recognised by their control number."""

from odoo.addons.mfg_integration_base.tests.common import MfgHttpCase
from odoo.tests import tagged

X12 = (
    b"ISA*00*          *00*          *01*123456789      *ZZ*PARTNER        *261126*1201*^*00501*"
    b"000000007*1*T*>~GS*PO*A1*A2*20261126*1201*7*X*005010~ST*850*0001~"
    b"BEG*00*SA*4711**20261126~SE*3*0001~GE*1*7~IEA*1*000000007~"
)
EDIFACT = (
    b"UNB+UNOC:3+4012345000009:14+PARTNER:ZZZ+261126:1201+REF7'UNH+M1+ORDERS:D:96A:UN'"
    b"BGM+220+Gr\xf6\xdfe+9'UNT+3+M1'UNZ+1+REF7'"
)


@tagged("post_install", "-at_install")
class TestInterchangeIn(MfgHttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_connector = cls.connector()
        cls.x12 = cls.route(cls.partner_connector, "test.x12.v1", codec="x12")
        cls.edifact = cls.route(cls.partner_connector, "test.edifact.v1", codec="edifact")

    def _post(self, route, body, content_type):
        return self.post_message(
            self.partner_connector,
            route.message_type,
            body=body,
            headers={"Content-Type": content_type},
        )

    def _messages(self, route):
        return self.env["mfg.inbox.message"].search([("route_id", "=", route.id)], order="id")

    def test_an_interchange_is_stored_as_it_came_and_recognised(self):
        for route, body, content_type, number in (
            (self.x12, X12, "application/EDI-X12", "01:123456789/ZZ:PARTNER/261126/000000007"),
            (self.edifact, EDIFACT, "application/EDIFACT",
             "14:4012345000009/ZZZ:PARTNER/261126:1201/REF7"),
        ):  # fmt: skip
            with self.subTest(content_type):
                response = self._post(route, body, content_type)
                self.assertEqual(response.status_code, 202, response.text)
                message = self._messages(route)
                self.assertEqual(message._raw_body(), body)
                self.assertEqual(message.external_id, number)
                self.drain()
                self.assertEqual(message.state, "done", message.detail)
                self.assertEqual(self._post(route, body, content_type).status_code, 200)
                other = body.replace(b"4711", b"4712").replace(b"220", b"221")
                self.assertEqual(self._post(route, other, content_type).status_code, 422)

    def test_interchanges_of_a_body_are_messages(self):
        second = X12.replace(b"000000007", b"000000008")
        response = self._post(self.x12, X12 + b"\r\n" + second, "application/octet-stream")
        self.assertEqual(response.status_code, 202, response.text)
        self.assertEqual([m._raw_body() for m in self._messages(self.x12)], [X12, second])

    def test_the_document_has_the_characters_of_its_level(self):
        [message] = self.edifact._decode(EDIFACT, "application/edifact")["messages"]
        self.assertEqual(message["segments"][0]["elements"], ["220", "Größe", "9"])

    def test_damage_is_refused_with_its_segment(self):
        for route, body, words in (
            (self.x12, X12[:-1], "cut off"),
            (self.x12, X12.replace(b"SE*3", b"SE*4"), "Segment 5: SE01 says 4"),
            (self.edifact, EDIFACT.replace(b"UNT+3", b"UNT+9"), "Segment 4: UNT says 9"),
            (self.edifact, X12, "begins with UNB"),
        ):
            with self.subTest(words):
                response = self._post(route, body, "application/octet-stream")
                self.assertEqual(response.status_code, 400, response.text)
                self.assertIn(words, response.json()["detail"])
        self.assertEqual(self._post(self.x12, X12, "application/json").status_code, 415)
        self.assertFalse(self._messages(self.x12) | self._messages(self.edifact))
