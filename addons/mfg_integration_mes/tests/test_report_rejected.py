"""Reports that are not booked: each has its reason and a sentence for a person."""

import json

from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from .common import MesCase

UNKNOWN = "0192f3a0-0000-7000-8000-00000000dead"


@tagged("post_install", "-at_install")
class TestRejected(MesCase):
    def _reject(self, reason, text, *arguments, **values):
        with self.capture_outbox() as outbox:
            message = self.rejected(*arguments, **values)
        self.assertEqual(message.reason_code, reason, message.detail)
        self.assertIn(text, message.detail)
        (data,) = self.events(outbox, payload.REPORT_REJECTED)
        self.assertEqual((data["report"], data["reason"]), (message.uuid, reason))
        return message, data

    def _document(self, **values):
        return {"sequence": 1, "good_total": 1, "status": "progress", **values}

    def test_event_is_told_on_the_order(self):
        order = self.make_order()
        with self.capture_outbox() as outbox:
            message = self.rejected(order.workorder_ids[0], 7, 11)
        (data,) = self.events(outbox, payload.REPORT_REJECTED)
        self.assertEqual(data["order"], order.mfg_uuid)
        self.assertEqual(data["workorder"], order.workorder_ids[0].mfg_uuid)
        self.assertEqual((data["sequence"], data["field"]), (7, "/good_total"))
        self.assertEqual(data["external_id"], message.external_id)
        self.assertEqual(data["connector"], "mes")
        self.assertEqual(outbox.messages.ordering_key, order._mfg_ordering_key())
        self.assertEqual(message.record_id, order.id)

    def test_unknown_order(self):
        with self.capture_outbox() as outbox:
            message = self.send(self._document(order=UNKNOWN))
        self.assertEqual((message.state, message.reason_code), ("dead", "unknown_reference"))
        self.assertIn("There is no production order", message.detail)
        (data,) = self.events(outbox, payload.REPORT_REJECTED)
        self.assertEqual((data["order"], data["field"]), (UNKNOWN, "/order"))

    def test_unknown_operation(self):
        message = self.send(self._document(workorder=UNKNOWN))
        self.assertEqual((message.state, message.reason_code), ("dead", "unknown_reference"))

    def test_order_that_is_not_released(self):
        order = self.make_order(confirm=False)
        self._reject("unknown_reference", "not been released", order, 1, 1)

    def test_operation_of_another_order(self):
        one, other = self.make_order(), self.make_order()
        message = self.send(
            self._document(order=one.mfg_uuid, workorder=other.workorder_ids[0].mfg_uuid)
        )
        self.assertEqual(message.reason_code, "invalid_value")

    def test_closed_order_names_its_backorder(self):
        order = self.make_simple_order()
        self.booked(order, 1, 6, "finished")
        rest = self.backorder(order)
        message, _data = self._reject("closed_order", rest.mfg_uuid, order, 2, 7)
        self.assertIn(rest.name, message.detail)

    def test_cancelled_order(self):
        order = self.make_order()
        order.action_cancel()
        self._reject("closed_order", "Cancelled", order.workorder_ids[0], 1, 1)

    def test_finished_operation(self):
        first = self.make_order().workorder_ids[0]
        self.booked(first, 1, 5, "finished")
        self._reject("closed_order", "finished", first, 2, 6)

    def test_more_than_ordered(self):
        order = self.make_order()
        first = order.workorder_ids[0]
        self._reject("over_report", "allows 10", first, 1, 9, **self.scrap(2))
        self.assertEqual(first.qty_produced, 0)

    def test_two_systems_together_report_more_than_ordered(self):
        other = self.connector(code="mes2", category="mes")
        route = self.route(other, "production.report.v1", handler="production_report")
        order = self.make_order()
        first = order.workorder_ids[0]
        self.booked(first, 1, 6)
        self._reject("over_report", "allows 4", first, 1, 5, route=route)
        self.booked(first, 2, 4, route=route)
        self.assertEqual(first.qty_produced, 10)

    def test_same_number_other_content(self):
        first = self.make_order().workorder_ids[0]
        self.booked(first, 1, 5)
        self._reject("conflict", "another content", first, 1, 6)
        self.assertEqual(first.qty_produced, 5)

    def test_total_falls(self):
        first = self.make_order().workorder_ids[0]
        self.booked(first, 1, 5)
        self._reject("conflict", "from 5 to 4", first, 2, 4)

    def test_older_revision(self):
        order = self.make_order()
        order.product_qty = 12
        self._reject("conflict", "revision", order.workorder_ids[0], 1, 1, revision=1)
        self.booked(order.workorder_ids[0], 2, 1, revision=2)

    def test_order_run_by_people(self):
        order = self.make_order()
        order.mfg_owner = "odoo"
        self._reject("conflict", "run by people", order.workorder_ids[0], 1, 1)

    def test_contradiction_in_itself(self):
        first = self.make_order().workorder_ids[0]
        _message, data = self._reject("invalid_value", "add up", first, 1, 1, scrap_total=2)
        self.assertEqual(data["field"], "/scrap_total")
        self._reject(
            "invalid_value", "before", first, 1, 1, started_at="2026-01-05T07:00:00Z",
            ended_at="2026-01-05T06:00:00Z",
        )  # fmt: skip

    def test_unknown_product(self):
        self._reject(
            "unknown_reference", "no product GLUE", self.make_order(), 1, 1,
            consumption=[{"product": "GLUE", "quantity": 1}],
        )  # fmt: skip

    def test_map_and_retry(self):
        """The error queue's way out: map the partner's id, then retry."""
        order = self.make_simple_order()
        message = self.rejected(
            order, 1, 10, "finished",
            consumption=[{"product": "4711", "quantity": 20}, {"product": "TOP", "quantity": 10}],
        )  # fmt: skip
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id, "model": "product.product",
                "external_id": "4711", "res_id": self.leg.id,
            }
        )  # fmt: skip
        message.action_retry()
        self.drain()
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10})

    def test_ambiguous_product(self):
        for _twice in range(2):
            self.make_product("Glue", "GLUE")
        self._reject(
            "unknown_reference", "Several products", self.make_order(), 1, 1,
            consumption=[{"product": "GLUE", "quantity": 1}],
        )  # fmt: skip

    def test_component_that_a_strict_bill_does_not_know(self):
        self.make_product("Glue", "GLUE", stock=5)
        order = self.make_simple_order(consumption="strict")
        self._reject(
            "unknown_reference", "no component", order, 1, 1,
            consumption=[{"product": "GLUE", "quantity": 1}],
        )  # fmt: skip

    def test_units(self):
        order = self.make_order()
        consumption = {"product": "LEG", "quantity": 1}
        self._reject(
            "unknown_reference", "no unit", order, 1, 1, consumption=[{**consumption, "uom": "XYZ"}]
        )
        self._reject(
            "invalid_value", "counted in", order, 1, 1,
            consumption=[{**consumption, "uom": self.env.ref("uom.product_uom_kgm").name}],
        )  # fmt: skip

    def test_product_lot_missing(self):
        self.table.tracking = "lot"
        order = self.make_order()
        self._reject("lot_required", "tracked", order, 1, 10, "finished")
        self.assertEqual(order.state, "confirmed")

    def test_second_lot(self):
        self.table.tracking = "lot"
        order = self.make_order()
        self.booked(order, 1, 5, lot="L-1")
        self._reject("conflict", "L-1", order, 2, 6, lot="L-2")

    def test_serial_produced_before(self):
        self.table.tracking = "serial"
        self.booked(self.make_order(quantity=1), 1, 1, "finished", serials=["S1"])
        order = self.make_order(quantity=1)
        self._reject("conflict", "S1", order, 1, 1, "finished", serials=["S1"])

    def test_component_lot_missing_or_unknown(self):
        self.leg.tracking = "lot"
        self.picking_type.use_create_components_lots = False
        order = self.make_order(assign=False)
        line = {"product": "LEG", "quantity": 20}
        self._reject("lot_required", "Leg", order, 1, 10, consumption=[line])
        self._reject(
            "unknown_reference", "no lot Z9", order, 1, 10, consumption=[{**line, "lot": "Z9"}]
        )
        self._reject("lot_required", "Leg", order, 1, 10, "finished")

    def test_serial_of_a_scrapped_piece_missing(self):
        self.table.write({"tracking": "serial", "mfg_scrap_policy": "produce_then_scrap"})
        self._reject(
            "lot_required", "with its serial", self.make_order(quantity=2), 1, 1, "finished",
            serials=["S1", "S2"], **self.scrap(1),
        )  # fmt: skip

    def test_scrapped_component_that_is_not_there(self):
        rare = self.make_product("Rare", "RARE")
        self._reject(
            "wizard_required", "does not hold", self.make_order(), 1, 1,
            scrap=[{"quantity": 1, "reason": "bent", "product": "RARE"}],
        )  # fmt: skip
        self.assertEqual(self.on_hand(rare), 0)

    def test_scrapped_component_taken_back(self):
        first = self.make_order().workorder_ids[0]
        line = {"reason": "bent", "product": "LEG"}
        self.booked(first, 1, 1, scrap=[{"quantity": 3, **line}])
        self._reject(
            "conflict", "left the stock", first, 2, 1, scrap=[{"quantity": 1, **line}],
            correction=True, correction_reason="found",
        )  # fmt: skip

    def test_scrap_of_the_product_by_its_own_name(self):
        self._reject(
            "invalid_value", "without product", self.make_order(), 1, 1,
            scrap=[{"quantity": 1, "reason": "bent", "product": "TABLE"}],
        )  # fmt: skip

    def test_nothing_was_made(self):
        order = self.make_simple_order()
        self._reject("wizard_required", "nothing was made", order, 1, 0, "finished")

    def test_what_odoo_itself_refuses(self):
        """A business rule of Odoo's own ends in the error queue with its own words."""
        self.env["mrp.workcenter.productivity.loss"].search(
            [("loss_type", "=", "productive")]
        ).loss_type = "availability"
        first = self.make_order().workorder_ids[0]
        message = self.rejected(first, 1, 1, started_at="2026-01-05T06:00:00Z")
        self.assertEqual(message.reason_code, "refused_by_odoo")
        self.assertIn("productivity loss", message.detail)

    def test_what_is_no_report_at_all_is_told_on_the_message(self):
        """The route's own schema may let it in."""
        with self.capture_outbox() as outbox:
            message = self.send([1, 2])
        self.assertEqual(message.state, "dead")
        (data,) = self.events(outbox, payload.REPORT_REJECTED)
        self.assertEqual((data["order"], data["sequence"]), (None, None))


@tagged("post_install", "-at_install")
class TestSchema(MesCase):
    def test_schema(self):
        schema = self.env["mfg.inbox.handler.production_report"]._schema()
        validator = compile_schema(schema)
        good = {
            "order": UNKNOWN, "workorder": UNKNOWN, "revision": 1, "sequence": 1,
            "status": "finished", "good_total": 8, "scrap_total": 2,
            "scrap": [{"quantity": 2, "reason": "crack"}], "lot": "L-1",
            "consumption": [{"product": "LEG", "quantity": 20, "uom": "Units", "lot": "A1"}],
            "operator": "Pat", "started_at": "2026-01-05T06:00:00Z",
            "ended_at": "2026-01-05T07:00:00Z", "reported_at": "2026-01-05T07:00:01Z",
        }  # fmt: skip
        self.assertFalse(validator.errors(good))
        for change, pointer in [
            ({"sequence": 0}, "/sequence"),
            ({"sequence": 1.5}, "/sequence"),
            ({"good_total": -1}, "/good_total"),
            ({"good_total": 1e300}, "/good_total"),
            ({"good_total": "8"}, "/good_total"),
            ({"status": "done"}, "/status"),
            ({"order": "WH/MO/00012"}, "/order"),
            ({"started_at": "yesterday"}, "/started_at"),
            ({"scrap": [{"quantity": 1}]}, "/scrap/0"),
            ({"correction": True}, ""),
            ({"god_total": 1}, ""),
        ]:
            with self.subTest(change):
                problems = validator.errors({**good, **change})
                self.assertTrue(
                    any(problem.pointer.startswith(pointer) for problem in problems), problems
                )
        without = {
            name: value for name, value in good.items() if name not in ("order", "workorder")
        }
        self.assertTrue(validator.errors(without))
        json.dumps(schema)

    def test_ordering_key(self):
        key = self.env["mfg.inbox.handler.production_report"]._ordering_key
        self.assertEqual(key({"order": "A", "workorder": "B"}), "mrp.production:a")
        self.assertEqual(key({"workorder": "B"}), "mrp.production:b")
        self.assertIsNone(key({"order": 5}))
        self.assertIsNone(key([]))
