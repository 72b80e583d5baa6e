"""Every way in which a shop floor's message can be wrong: refused at the door, or left waiting.

Each is sent over HTTP as a partner does. Nothing of it is booked, and what was stored can be tried
again from the error queue once the cause is mended.
"""

import json

from odoo.addons.mfg_integration_base.tests.common import MfgHttpCase
from odoo.tests import tagged

from .common import MesCase

UNKNOWN = "0192f3a0-0000-7000-8000-00000000dead"
NUMBERS = {
    "NaN": 400,
    "Infinity": 400,
    "1e400": 400,
    "1e308": 422,
    "9" * 30: 400,
    '"5"': 422,
    "null": 422,
    "[]": 422,
}
"""What stands for a quantity, as text -> what is answered."""


@tagged("post_install", "-at_install")
class TestBadInput(MesCase, MfgHttpCase):
    registry_test_mode = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for message_type, handler in (
            ("production.increment.v1", "production_increment"),
            ("workcenter.downtime.v1", "workcenter_downtime"),
        ):
            cls.route(cls.mes, message_type, handler=handler)
        cls.other_company = cls.env["res.company"].create({"name": "Other plant"})
        cls.thread = cls.make_product("Thread", "THREAD", tracking="lot")
        cls.put_in_stock(cls.thread, 10, cls.make_lot(cls.thread, "T-1"))

    def setUp(self):
        super().setUp()
        self.picking_type.use_create_components_lots = False
        self.order = self.make_order()
        self.saw_op = self.order.workorder_ids[0]

    # === Messages that are right but for one thing === #

    def documents(self, **changes):
        """``{message type: document}`` of a report and an increment."""
        target = {"order": self.order.mfg_uuid, "workorder": self.saw_op.mfg_uuid}
        common = {**target, "sequence": 1, "status": "progress"}
        return {
            "production.report.v1": {**common, "good_total": 1, **changes},
            "production.increment.v1": {**common, "good": 1, **changes},
        }

    def downtime(self, **changes):
        return {
            "downtime": "D-1",
            "sequence": 1,
            "workcenter": "SAW",
            "reason": "Equipment Failure",
            "started_at": "2026-11-23T08:00:00Z",
            **changes,
        }

    # === What becomes of them === #

    def books(self):
        """All that a message could have booked."""
        self.env.invalidate_all()
        return (
            self.order.state,
            [(w.state, w.qty_produced, w.date_start) for w in self.order.workorder_ids],
            [(m.product_id.id, m.quantity, m.picked) for m in self.order.move_raw_ids],
            self.env["stock.scrap"].search_count([]),
            self.env["mrp.workcenter.productivity"].search_count([]),
            self.env["mfg.mes.progress"].search_count([]),
            self.env["mfg.downtime"].search_count([]),
        )

    def refused(self, status, message_type, body, pointer=None):
        """Refused at the door, with the place of what is wrong."""
        before = self.books()
        answer = self.post_message(self.mes, message_type, body=body)
        self.assertEqual(answer.status_code, status, answer.text)
        if pointer is not None:
            places = [error["pointer"] for error in answer.json()["errors"]]
            self.assertIn(pointer, places)
        self.assertEqual(self.books(), before)

    def waits(self, reason, pointer, message_type, document):
        """Accepted, and dead with a reason, a sentence and a place; the message."""
        before = self.books()
        answer = self.post_message(self.mes, message_type, document)
        self.assertEqual(answer.status_code, 202, answer.text)
        self.drain()
        message = self.env["mfg.inbox.message"].search([("uuid", "=", answer.json()["id"])])
        self.assertEqual((message.state, message.reason_code), ("dead", reason), message.detail)
        self.assertTrue(message.detail.rstrip().endswith(f"({pointer})"), message.detail)
        self.assertEqual(self.books(), before)
        return message

    def tried_again(self, message):
        message.action_retry()
        self.drain()
        self.assertEqual(message.state, "done", message.detail)

    # === At the door === #

    def test_what_is_no_quantity(self):
        for message_type, name in (
            ("production.report.v1", "good_total"),
            ("production.increment.v1", "good"),
        ):
            for text, status in NUMBERS.items():
                with self.subTest(message_type=message_type, quantity=text[:10]):
                    document = self.documents(**{name: "@"})[message_type]
                    body = json.dumps(document).replace('"@"', text).encode()
                    pointer = f"/{name}" if status == 422 else None
                    self.refused(status, message_type, body, pointer)

    def test_what_the_schemas_refuse(self):
        for changes, pointer in (
            ({"status": "done"}, "/status"),
            ({"sequence": 0}, "/sequence"),
            ({"order": "WH/MO/00001"}, "/order"),
            ({"scrap": [{"quantity": 1}]}, "/scrap/0/reason"),
            ({"consumption": [{"product": "", "quantity": 1}]}, "/consumption/0/product"),
            ({"started_at": "yesterday"}, "/started_at"),
            ({"colour": "red"}, "/colour"),
        ):
            for message_type, document in self.documents(**changes).items():
                with self.subTest(message_type=message_type, changes=changes):
                    self.refused(422, message_type, json.dumps(document).encode(), pointer)
        for changes, pointer in (
            ({"workcenter": ""}, "/workcenter"),
            ({"sequence": "1"}, "/sequence"),
            ({"started_at": "2026-11-23"}, "/started_at"),
        ):
            with self.subTest(changes=changes):
                body = json.dumps(self.downtime(**changes)).encode()
                self.refused(422, "workcenter.downtime.v1", body, pointer)

    def test_a_negative_total(self):
        body = json.dumps(self.documents(good_total=-1)["production.report.v1"]).encode()
        self.refused(422, "production.report.v1", body, "/good_total")

    # === Waiting for a reason === #

    def test_what_is_not_here(self):
        table = (
            ({"order": UNKNOWN}, "unknown_reference", "/order"),
            ({"workorder": UNKNOWN}, "unknown_reference", "/workorder"),
            ({"consumption": [{"product": "GHOST", "quantity": 1}]}, "unknown_reference",
             "/consumption"),
            ({"consumption": [{"product": "LEG", "quantity": 1, "uom": "Parsec"}]},
             "unknown_reference", "/consumption"),
            ({"consumption": [{"product": "LEG", "quantity": 1, "uom": "kg"}]}, "invalid_value",
             "/consumption"),
            ({"consumption": [{"product": "THREAD", "quantity": 1, "lot": "T-9"}]},
             "unknown_reference", "/consumption"),
            ({"consumption": [{"product": "THREAD", "quantity": 1}]}, "lot_required",
             "/consumption"),
        )  # fmt: skip
        for changes, reason, pointer in table:
            for message_type, document in self.documents(**changes).items():
                with self.subTest(message_type=message_type, changes=changes):
                    self.waits(reason, pointer, message_type, document)

    def test_times_that_cannot_be(self):
        for changes, pointer in (
            ({"started_at": "2999-01-01T00:00:00Z"}, "/started_at"),
            ({"ended_at": "2999-01-01T00:00:00Z"}, "/ended_at"),
            (
                {"started_at": "2026-11-23T09:00:00Z", "ended_at": "2026-11-23T08:00:00Z"},
                "/ended_at",
            ),
        ):
            for message_type, document in self.documents(**changes).items():
                with self.subTest(message_type=message_type, changes=changes):
                    self.waits("invalid_value", pointer, message_type, document)
            with self.subTest(message_type="workcenter.downtime.v1", changes=changes):
                document = self.downtime(**changes)
                self.waits("invalid_value", pointer, "workcenter.downtime.v1", document)

    def test_another_companys_plant(self):
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", self.other_company.id)], limit=1
        )
        product = self.make_product("Foreign", "FOREIGN")
        foreign = self.env["mrp.production"].with_company(self.other_company).create(
            {
                "product_id": product.id,
                "product_qty": 1,
                "company_id": self.other_company.id,
                "picking_type_id": warehouse.manu_type_id.id,
            }
        )  # fmt: skip
        foreign.action_confirm()
        for message_type, document in self.documents(order=foreign.mfg_uuid).items():
            document.pop("workorder")
            with self.subTest(message_type=message_type):
                self.waits("unknown_reference", "/order", message_type, document)

    def test_negative_without_a_correction(self):
        document = self.documents(good=-1)["production.increment.v1"]
        self.waits("invalid_value", "/good", "production.increment.v1", document)

    # === Mended === #

    def test_mapped_and_tried_again(self):
        for number, (message_type, document) in enumerate(
            self.documents(consumption=[{"product": "4711", "quantity": 2}]).items()
        ):
            document["workorder"] = self.order.workorder_ids[number].mfg_uuid
            message = self.waits("unknown_reference", "/consumption", message_type, document)
            ref = self.env["mfg.external.ref"].create(
                {
                    "connector_id": self.mes.id,
                    "model": "product.product",
                    "external_id": "4711",
                    "res_id": self.leg.id,
                }
            )
            self.tried_again(message)
            ref.unlink()

    def test_a_unit_that_is_mapped(self):
        consumption = [{"product": "LEG", "quantity": 1, "uom": "PCE"}]
        document = self.documents(consumption=consumption)["production.report.v1"]
        message = self.waits("unknown_reference", "/consumption", "production.report.v1", document)
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id,
                "model": "uom.uom",
                "external_id": "PCE",
                "res_id": self.leg.uom_id.id,
            }
        )
        self.tried_again(message)

    def test_a_reason_that_is_mapped(self):
        document = self.downtime(reason="E-17")
        message = self.waits("unknown_reference", "/reason", "workcenter.downtime.v1", document)
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id,
                "model": "mrp.workcenter.productivity.loss",
                "external_id": "E-17",
                "res_id": self.env.ref("mrp.block_reason1").id,
            }
        )
        self.tried_again(message)
        self.assertEqual(self.saw.working_state, "blocked")
