"""An MES that speaks B2MML over HTTP: its reports are booked, it gets schedules and ConfirmBOD."""

import json

from lxml import etree

from odoo.addons.mfg_integration_base.tests.common import MfgHttpCase
from odoo.addons.mfg_integration_base.tests.partner import Partner
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from ..tools.b2mml.check import check
from .common import MesCase

NAMESPACE = "http://www.mesa.org/xml/B2MML"


@tagged("post_install", "-at_install")
class TestB2mml(MesCase, MfgHttpCase):
    registry_test_mode = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.report_route.codec = "b2mml"

    def _segment(self, workorder, good, sequence=1):
        return (
            f"<SegmentResponse><ID>{workorder.name}</ID>"
            f"<SegmentRequirementID>{workorder.mfg_uuid}</SegmentRequirementID>"
            f"<SegmentData><ID>Sequence</ID><Value><ValueString>{sequence}</ValueString></Value>"
            "</SegmentData>"
            "<MaterialActual><MaterialUse>Produced</MaterialUse><Quantity><QuantityString>"
            f"{good}</QuantityString></Quantity></MaterialActual></SegmentResponse>"
        )

    def _performance(self, order, *segments, bod_id="bod-1"):
        return (
            f'<ProcessOperationsPerformance xmlns="{NAMESPACE}"><ApplicationArea>'
            "<CreationDateTime>2026-11-24T08:51:02Z</CreationDateTime>"
            f"<BODID>{bod_id}</BODID></ApplicationArea><DataArea><Process/>"
            f"<OperationsPerformance><OperationsResponse>"
            f"<OperationsRequestID>{order.mfg_uuid}</OperationsRequestID>{''.join(segments)}"
            "</OperationsResponse></OperationsPerformance></DataArea>"
            "</ProcessOperationsPerformance>"
        ).encode()

    def _post(self, body):
        return self.post_message(
            self.mes,
            "production.report.v1",
            body=body,
            headers={"Content-Type": "application/xml"},
        )

    def _messages(self):
        return self.env["mfg.inbox.message"].search([("route_id", "=", self.report_route.id)])

    def test_a_report_is_booked_once(self):
        order = self.make_order()
        first = order.workorder_ids[0]
        body = self._performance(order, self._segment(first, 4))
        response = self._post(body)
        self.assertEqual(response.status_code, 202, response.text)
        self.drain()
        self.assertEqual(first.qty_produced, 4)
        message = self._messages()
        self.assertEqual((message.external_id, message.state), ("bod-1", "done"))
        again = self._post(body)
        self.assertEqual(again.status_code, 200)
        self.assertEqual(again.json()["result"]["workorder"], first.mfg_uuid)

    def test_segments_of_a_message_are_booked_for_themselves(self):
        order = self.make_order()
        first, second = order.workorder_ids
        body = self._performance(
            order, self._segment(first, 5), self._segment(second, 99), self._segment(first, 6, 2)
        )
        response = self._post(body)
        self.assertEqual(response.status_code, 202, response.text)
        self.drain()
        self.assertEqual(first.qty_produced, 6)
        states = {m.external_id: (m.state, m.reason_code) for m in self._messages()}
        self.assertEqual(states[f"bod-1#{second.name}"], ("dead", "over_report"))
        self.assertEqual(len(states), 3)
        self.assertEqual(
            {answer["status"] for answer in self._post(body).json()["results"]} - {200, 202}, set()
        )
        self.drain()
        self.assertEqual(first.qty_produced, 6)

    def test_what_is_no_b2mml_is_refused_with_its_place(self):
        order = self.make_order()
        good = self._performance(order, self._segment(order.workorder_ids[0], 4))
        for change, words in (
            ((NAMESPACE.encode(), b"urn:other"), "namespace"),
            ((b">4<", b">four<"), "OperationsPerformance/OperationsResponse/SegmentResponse"),
            ((b"MaterialUse>Produced", b"MaterialUse>Consumed"), "produced"),
            ((b"</DataArea>", b""), "Line 1"),
        ):
            with self.subTest(words):
                response = self._post(good.replace(*change))
                self.assertEqual(response.status_code, 400, response.text)
                self.assertIn(words, response.json()["detail"])
        self.assertFalse(self._messages())

    # === To the MES === #

    def _subscribed(self, version, *codes):
        """An MES that gets these events in a version of B2MML, over HTTP."""
        partner = self.connector(
            code=f"b2mml-{version.lower()}",
            codec="b2mml",
            b2mml_version=version,
            allow_http=True,
            allow_list="127.0.0.0/8",
        )
        server = Partner(self.secret(partner))
        server.__enter__()
        self.addCleanup(server.__exit__)
        partner.url = server.url
        self.subscription(partner, self.env["mfg.event.type"].search([("code", "in", codes)]))
        return server

    def test_orders_go_out_as_schedules(self):
        servers = {
            "ProcessOperationsSchedule": self._subscribed("V0700", payload.RELEASED),
            "ProcessProductionSchedule": self._subscribed("V0600", payload.RELEASED),
        }
        old = self._subscribed("V0401", payload.RELEASED)
        self.listener.action_pause()
        order = self.make_order()
        self.drain()
        for name, server in [*servers.items(), ("ProcessProductionSchedule", old)]:
            with self.subTest(name):
                [request] = server.received
                self.assertEqual(request.headers["content-type"], "application/xml")
                root = etree.fromstring(request.body)
                self.assertEqual(etree.QName(root).localname, name)
                self.assertIn(order.mfg_uuid, request.body.decode())
        check(etree.fromstring(servers["ProcessOperationsSchedule"].received[0].body))

    def test_a_refused_report_is_answered_with_confirm_bod(self):
        server = self._subscribed("V0700", payload.REPORT_REJECTED)
        self.listener.action_pause()
        order = self.make_order()
        self._post(self._performance(order, self._segment(order.workorder_ids[0], 99)))
        self.drain()
        [request] = server.received
        check(etree.fromstring(request.body))
        self.assertIn("bod-1", request.body.decode())
        self.assertIn("over_report", request.body.decode())

    def test_events_that_it_has_no_message_for_are_refused_at_save(self):
        with self.assertRaisesRegex(ValidationError, "has no message for"):
            self._subscribed("V0700", payload.SCRAP_RECORDED)

    def test_the_partner_reads_that_it_is_xml(self):
        document = self.env["mfg.catalogue"]._openapi(self.mes)
        [path] = [path for name, path in document["paths"].items() if name.endswith("report.v1")]
        self.assertIn("application/xml", path["post"]["requestBody"]["content"])
        self.assertTrue(json.dumps(document))
