"""Reports that are booked: the order ends where the shop floor says it is."""

import itertools
from datetime import date, timedelta

from odoo import fields
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestReport(MesCase):
    def test_answer(self):
        order = self.make_order()
        first, last = order.workorder_ids
        self.assertEqual(
            self.booked(first, 1, 8, "finished", **self.scrap(2)),
            {
                "result": "apply",
                "order": order.mfg_uuid,
                "workorder": first.mfg_uuid,
                "sequence": 1,
                "good_total": 0,
                "scrap_total": 2,
                "order_state": "progress",
                "workorder_state": "done",
                "backorder": None,
                "missing_reports": 0,
                "warnings": [],
            },
        )
        answer = self.booked(last, 3, 8, "finished")
        self.assertEqual((answer["good_total"], answer["order_state"]), (8, "done"))
        self.assertEqual(answer["missing_reports"], 2)
        self.assertEqual(answer["backorder"], self.backorder(order).mfg_uuid)

    def test_message_is_linked_to_the_order(self):
        order = self.make_order()
        message = self.report(order.workorder_ids[0], 1, 1)
        self.assertEqual((message.record_model, message.record_id), ("mrp.production", order.id))
        self.assertEqual(order.mfg_inbox_count, 1)
        self.assertEqual(
            self.env["mfg.inbox.message"].search(order.action_mfg_inbox()["domain"]), message
        )

    def test_operation_alone_names_its_order(self):
        order = self.make_order()
        message = self.send(
            {
                "workorder": order.workorder_ids[0].mfg_uuid.upper(), "sequence": 1,
                "good_total": 4, "status": "progress",
            }
        )  # fmt: skip
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(order.workorder_ids[0].qty_produced, 4)

    def test_nothing_of_a_rejected_report_is_booked(self):
        order = self.make_order()
        first = order.workorder_ids[0]
        self.rejected(
            first, 1, 5, "finished", consumption=[{"product": "NOTHING", "quantity": 1}],
            started_at="2026-01-05T06:00:00Z",
        )  # fmt: skip
        self.assertEqual((first.state, first.qty_produced), ("ready", 0))
        self.assertFalse(first.time_ids)
        self.assertFalse(order.mfg_progress_ids)

    # === Sequence === #

    def test_any_arrival_ends_in_the_same_books(self):
        reports = [
            {"good": 3, **self.scrap(1)},
            {"good": 5, **self.scrap(1)},
            {"good": 8, "status": "finished", **self.scrap(2)},
        ]
        for order_of_arrival in itertools.permutations([0, 1, 2]):
            with self.subTest(order_of_arrival):
                order = self.make_simple_order(product=self._fresh("BOX"))
                for index in (*order_of_arrival, *order_of_arrival):
                    self.booked(order, index + 1, **reports[index])
                self.assertEqual((order.state, self.produced(order)), ("done", 8))
                self.assertEqual(sum(order.scrap_ids.mapped("scrap_qty")), 2)
                self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10})
                self.assertEqual(len(order.mfg_progress_ids), 1)

    def _fresh(self, code):
        return self.make_product(code, f"{code}-{self.env['product.product'].search_count([])}")

    def test_stale_and_duplicate_are_acknowledged(self):
        first = self.make_order().workorder_ids[0]
        self.booked(first, 2, 5)
        self.assertEqual(self.booked(first, 1, 3)["result"], "stale")
        self.assertEqual(self.booked(first, 2, 5)["result"], "duplicate")
        self.assertEqual(first.qty_produced, 5)

    def test_late_report_of_a_closed_order_is_stale_not_an_error(self):
        order = self.make_simple_order()
        self.booked(order, 3, 10, "finished")
        self.assertEqual(self.booked(order, 2, 9)["result"], "stale")
        self.assertEqual(self.booked(order, 3, 10, "finished")["result"], "duplicate")

    def test_correction_lowers_what_was_reported(self):
        order = self.make_order()
        first, last = order.workorder_ids
        consumption = [{"product": "LEG", "quantity": 9}, {"product": "TOP", "quantity": 5}]
        self.booked(first, 1, 5, consumption=consumption, **self.scrap(2))
        self.booked(
            first, 2, 3, correction=True, correction_reason="recount",
            consumption=[{"product": "LEG", "quantity": 7}],
        )  # fmt: skip
        self.assertEqual(first.qty_produced, 3)
        self.assertEqual(sum(order.scrap_ids.mapped("scrap_qty")), 0)
        self.booked(
            first, 3, 10, "finished", correction=True, correction_reason="x",
            consumption=[{"product": "LEG", "quantity": 7}],
        )  # fmt: skip
        self.booked(last, 1, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 7})

    # === Orders with and without operations === #

    def test_order_without_operations(self):
        order = self.make_simple_order()
        self.booked(order, 1, 4)
        self.assertEqual((order.state, order.qty_producing), ("progress", 4))
        self.booked(order, 2, 10, "finished")
        self.assertEqual((order.state, self.produced(order)), ("done", 10))

    def test_order_with_operations_reported_as_a_whole(self):
        order = self.make_order()
        self.booked(order, 1, 4)
        self.assertEqual(order.workorder_ids.mapped("qty_produced"), [4, 4])
        self.booked(order, 2, 10, "finished", ended_at="2026-01-05T07:00:00Z")
        self.assertEqual(order.state, "done")
        self.assertEqual(set(order.workorder_ids.mapped("state")), {"done"})
        self.assertEqual(order.workorder_ids.mapped("qty_produced"), [10, 10])

    def test_an_operation_that_is_not_reported_is_finished_with_the_order(self):
        self.saw.mfg_owner_default = False
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(last, 1, 8, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual((first.state, first.qty_produced), ("done", 8))

    def test_the_order_waits_for_an_operation_that_is_reported(self):
        """The last operation may be reported first, by another terminal."""
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(last, 1, 10, "finished")
        self.assertEqual((order.state, last.state, first.state), ("progress", "done", "ready"))
        self.booked(first, 1, 10, "finished")
        self.assertEqual((order.state, self.produced(order)), ("done", 10))

    def test_the_order_ends_with_its_last_operation_whichever_report_comes_last(self):
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(last, 1, 10, "finished", ended_at="2026-11-20T09:00:00Z")
        self.booked(first, 1, 10, "finished", ended_at="2026-11-20T08:00:00Z")
        end = fields.Datetime.to_datetime("2026-11-20 09:00:00")
        self.assertEqual((order.state, order.date_finished), ("done", end))
        self.assertEqual(set(order.move_finished_ids.mapped("date")), {end})

    def test_backorder_goes_on(self):
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 10, "finished")
        self.booked(last, 1, 6, "finished")
        backorder = self.backorder(order)
        self.assertEqual((order.state, backorder.product_qty), ("done", 4))
        self.assertEqual((backorder.mfg_owner, backorder.mfg_revision), ("mes", 1))
        self.assertTrue(all(backorder.move_raw_ids.mapped("manual_consumption")))
        again = backorder.workorder_ids.filtered(lambda w: w.state != "cancel")
        self.assertEqual(again.workcenter_id, self.bench, "sawing is done for all ten")
        self.booked(again, 1, 4, "finished")
        self.assertEqual((backorder.state, self.produced(backorder)), ("done", 4))
        self.assertEqual(self.on_hand(self.table), 10)
        self.assertEqual((self.on_hand(self.leg), self.on_hand(self.top)), (980, 990))

    def test_pieces_that_a_later_operation_lost_are_made_anew(self):
        """Odoo takes them for pieces that wait between the operations, and cancels the first."""
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 9, "finished", **self.scrap(1))
        with self.capture_outbox() as outbox:
            self.booked(last, 1, 6, "finished", **self.scrap(2))
        backorder = self.backorder(order)
        again, then = backorder.workorder_ids
        # 10 - 6 are wanted; 9 were sawn, 2 of them lost, so one waits at the bench.
        self.assertEqual(backorder.product_qty, 4)
        self.assertEqual((again.state, again.qty_reported_from_previous_wo), ("ready", 1))
        self.assertEqual(then.qty_reported_from_previous_wo, 0)
        self.assertEqual((first.qty_reported_from_previous_wo, first.qty_produced), (0, 9))
        [told] = self.events(outbox, payload.RELEASED)
        self.assertEqual([each["quantity"] for each in told["operations"]], [3, 4])
        self.booked(again, 1, 3, "finished")
        self.booked(then, 1, 4, "finished")
        self.assertEqual((backorder.state, self.on_hand(self.table)), ("done", 10))

    def test_all_that_was_made_first_was_lost_later(self):
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 10, "finished")
        self.booked(last, 1, 8, "finished", **self.scrap(2))
        again, then = self.backorder(order).workorder_ids
        self.assertEqual((again.state, then.state), ("ready", "blocked"))
        self.booked(again, 1, 2, "finished")
        self.booked(then, 1, 2, "finished")
        self.assertEqual(self.on_hand(self.table), 10)
        self.assertEqual((self.on_hand(self.leg), self.on_hand(self.top)), (976, 988))

    def test_no_backorder_where_the_operation_type_makes_none(self):
        self.picking_type.create_backorder = "never"
        order = self.make_simple_order()
        answer = self.booked(order, 1, 6, "finished")
        self.assertIsNone(answer["backorder"])
        self.assertEqual((order.state, self.produced(order)), ("done", 6))
        self.assertFalse(self.backorder(order))

    def test_over_production_within_tolerance(self):
        self.env.company.mfg_over_tolerance = 10
        order = self.make_simple_order()
        self.booked(order, 1, 11, "finished")
        self.assertEqual((order.state, self.produced(order)), ("done", 11))
        self.assertFalse(self.backorder(order))
        self.table.mfg_over_tolerance = 50
        self.booked(self.make_order().workorder_ids[0], 1, 15)

    # === Rework === #

    def test_rework_is_kept_and_moves_nothing(self):
        order = self.make_simple_order()
        rework = {"rework_total": 3, "rework": [{"quantity": 3, "reason": "burr"}]}
        self.booked(order, 1, 4, **rework)
        self.assertEqual(order.mfg_progress_ids.rework, 3)
        self.assertFalse(order.scrap_ids)
        self.assertEqual(self.rejected(order, 2, 5).reason_code, "conflict")
        self.booked(order, 3, 10, "finished", **rework)
        self.assertEqual((order.state, self.produced(order)), ("done", 10))
        self.assertEqual(self.on_hand(self.leg), 980)

    # === Consumption === #

    def test_products_units_and_the_partners_words(self):
        six = self.env.ref("uom.product_uom_pack_6")
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id, "model": "product.product",
                "external_id": "4711", "res_id": self.leg.id,
            }
        )  # fmt: skip
        order = self.make_simple_order()
        self.booked(
            order, 1, 10, "finished",
            consumption=[
                {"product": "4711", "quantity": 3, "uom": six.name.lower()},
                {"product": self.top.mfg_uuid, "quantity": 11},
            ],
        )  # fmt: skip
        self.assertEqual(self.consumed(order), {"LEG": 18, "TOP": 11})

    def test_a_unit_is_named_in_full(self):
        order = self.make_simple_order()
        for text in ("%", "unit_", "Un%"):
            with self.subTest(text):
                used = [{"product": "LEG", "quantity": 1, "uom": text}]
                message = self.rejected(order, 1, 1, consumption=used)
                self.assertEqual(message.reason_code, "unknown_reference")

    def test_component_lots(self):
        self.leg.tracking = "lot"
        one, two = self.make_lot(self.leg, "A1"), self.make_lot(self.leg, "A2")
        for lot in (one, two):
            self.put_in_stock(self.leg, 50, lot)
        order = self.make_simple_order()
        self.booked(
            order, 1, 10, "finished",
            consumption=[
                {"product": "LEG", "quantity": 15, "lot": "A2"},
                {"product": "LEG", "quantity": 6, "lot": "A1"},
                {"product": "TOP", "quantity": 10},
            ],
        )  # fmt: skip
        lines = order.move_raw_ids.filtered(lambda m: m.product_id == self.leg).move_line_ids
        self.assertEqual({line.lot_id.name: line.quantity for line in lines}, {"A1": 6, "A2": 15})

    def test_component_lot_that_the_operation_type_lets_create(self):
        self.leg.tracking = "lot"
        self.picking_type.use_create_components_lots = True
        order = self.make_simple_order(components=[(self.leg, 1)])
        used = [{"product": "LEG", "quantity": 10, "lot": "NEW"}]
        self.booked(order, 1, 10, "finished", consumption=used)
        self.assertEqual(order.move_raw_ids.move_line_ids.lot_id.name, "NEW")

    def test_two_lines_of_one_component(self):
        box = self._fresh("BOX2")
        order = self.make_simple_order(
            product=box, components=[(self.leg, 2), (self.leg, 1), (self.top, 1)]
        )
        self.booked(
            order, 1, 10, "finished",
            consumption=[{"product": "LEG", "quantity": 28}, {"product": "TOP", "quantity": 10}],
        )  # fmt: skip
        self.assertEqual(self.consumed(order), {"LEG": 28, "TOP": 10})

    def test_a_component_that_was_not_planned(self):
        screw = self.make_product("Screw", "SCREW", stock=100)
        order = self.make_simple_order(consumption="flexible")
        used = [
            {"product": "LEG", "quantity": 20},
            {"product": "TOP", "quantity": 10},
            {"product": "SCREW", "quantity": 4},
        ]
        self.booked(order, 1, 5, consumption=used)
        self.booked(order, 2, 10, "finished", consumption=used)
        self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10, "SCREW": 4})
        self.assertEqual(self.on_hand(screw), 96)

    def test_allowed_with_warning_is_booked_and_told(self):
        order = self.make_simple_order(consumption="warning")
        answer = self.booked(
            order, 1, 10, "finished",
            consumption=[{"product": "LEG", "quantity": 22}, {"product": "TOP", "quantity": 10}],
        )  # fmt: skip
        self.assertIn("Leg 22.0 instead of 20.0", answer["warnings"][0])
        self.assertTrue(
            any("Leg 22.0 instead" in body for body in order.message_ids.mapped("body"))
        )
        self.assertEqual(self.consumed(order)["LEG"], 22)

    def test_byproducts(self):
        dust = self.make_product("Dust", "DUST")
        box = self._fresh("BOX3")
        self.make_bom(box, [(self.leg, 2)])
        box.bom_ids.byproduct_ids = [(0, 0, {"product_id": dust.id, "product_qty": 3})]
        self.picking_type.mfg_owner_default = "mes"
        order = self.make_order(box)
        self.booked(order, 1, 8, "finished")
        self.assertEqual(self.on_hand(dust), 24)

    # === Lots of the product === #

    def test_lot(self):
        self.table.tracking = "lot"
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 6, "finished")
        self.booked(last, 1, 6, "finished", lot="L-1")
        self.assertEqual(order.lot_producing_ids.name, "L-1")
        self.assertEqual(order.move_finished_ids.move_line_ids.lot_id.name, "L-1")
        # The rest may go into the same lot.
        rest = self.backorder(order)
        self.booked(rest, 1, 4, "finished", lot="L-1")
        self.assertEqual(self.env["stock.lot"].search_count([("name", "=", "L-1")]), 1)
        self.assertEqual(rest.lot_producing_ids, order.lot_producing_ids)

    def test_lot_that_odoo_generated(self):
        self.table.tracking = "lot"
        order = self.make_order()
        order.action_generate_serial()
        lot = order.lot_producing_ids
        self.booked(order, 1, 10, "finished")
        self.assertEqual(order.move_finished_ids.move_line_ids.lot_id, lot)

    def test_serials_with_scrap_from_stock(self):
        self.table.write({"tracking": "serial", "mfg_scrap_policy": "produce_then_scrap"})
        order = self.make_order(quantity=3)
        self.booked(order, 1, 2, "finished", **self.scrap(1, lot="S3"), serials=["S1", "S2", "S3"])
        self.assertEqual((order.state, self.produced(order)), ("done", 3))
        self.assertEqual(order.scrap_ids.lot_id.name, "S3")
        self.assertEqual(order.scrap_ids.move_ids.move_line_ids.lot_id.name, "S3")
        self.assertEqual(self.on_hand(self.table), 2)

    def test_all_scrapped_of_a_tracked_product(self):
        self.table.tracking = "lot"
        order = self.make_order()
        self.booked(order, 1, 0, "finished", **self.scrap(10), lot="L-0")
        self.assertEqual((order.state, self.on_hand(self.table)), ("done", 0))
        self.assertEqual(order.scrap_ids.move_ids.move_line_ids.lot_id.name, "L-0")

    def test_lot_with_scrap_from_stock(self):
        self.table.write({"tracking": "lot", "mfg_scrap_policy": "produce_then_scrap"})
        order = self.make_order()
        self.booked(order, 1, 9, "finished", **self.scrap(1), lot="L-9")
        self.assertEqual(order.scrap_ids.move_ids.move_line_ids.lot_id.name, "L-9")
        self.assertEqual(self.on_hand(self.table), 9)

    def test_lot_of_an_untracked_product_is_ignored_and_told(self):
        answer = self.booked(self.make_order(), 1, 1, lot="L-1")
        self.assertIn("not tracked", answer["warnings"][0])

    # === Scrap === #

    def test_scrapped_component(self):
        order = self.make_order()
        first = order.workorder_ids[0]
        line = {"quantity": 3, "reason": "bent", "product": "LEG"}
        self.booked(first, 1, 2, scrap=[line])
        self.assertEqual(self.on_hand(self.leg), 997)
        self.booked(first, 2, 2, scrap=[{**line, "quantity": 4}])
        self.assertEqual(self.on_hand(self.leg), 996)
        self.assertEqual(order.scrap_ids.mapped("workorder_id"), first)
        self.assertEqual(first.qty_produced, 2)

    def test_reason_tag_of_the_same_name(self):
        tag = self.env["stock.scrap.reason.tag"].create({"name": "crack"})
        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 2, **self.scrap(1))
        self.assertEqual(order.scrap_ids.scrap_reason_tag_ids, tag)

    # === Time === #

    def test_running_operation_has_an_open_timer(self):
        first = self.make_order().workorder_ids[0]
        self.booked(first, 1, 2, started_at="2026-01-05T06:00:00Z")
        self.assertFalse(first.time_ids.date_end)
        self.assertEqual(str(first.date_start), "2026-01-05 06:00:00")
        self.booked(first, 2, 10, "finished", ended_at="2026-01-05T06:30:00Z")
        self.assertEqual(str(first.time_ids.date_end), "2026-01-05 06:30:00")
        self.assertAlmostEqual(first.duration, 30, places=1)

    def test_time_beyond_the_expected_is_reduced_speed(self):
        first = self.make_order().workorder_ids[0]
        self.assertEqual(first.duration_expected, 100)
        self.booked(
            first, 1, 10, "finished", started_at="2026-01-05T06:00:00Z",
            ended_at="2026-01-05T08:00:00Z",
        )  # fmt: skip
        self.assertEqual(
            {line.loss_type: round(line.duration) for line in first.time_ids},
            {"productive": 100, "performance": 20},
        )

    def test_posting_date_is_the_shop_floors(self):
        order = self.make_simple_order()
        ended = fields.Datetime.now().replace(microsecond=0) - timedelta(days=2)
        self.booked(order, 1, 10, "finished", ended_at=ended.isoformat() + "Z")
        self.assertEqual(order.date_finished, ended)
        self.assertEqual(
            set((order.move_raw_ids | order.move_finished_ids).mapped("date")), {ended}
        )
        self.assertEqual(order.mfg_progress_ids.posted_at, ended)

    def test_posting_date_in_a_locked_period_is_today(self):
        company = self.env.company
        if "fiscalyear_lock_date" not in company._fields:
            self.assertFalse(self.env["ir.module.module"]._get("account").state == "installed")
            return
        now = fields.Datetime.now().replace(microsecond=0)
        company.fiscalyear_lock_date = date(2020, 1, 31)
        order = self.make_simple_order()
        ended = fields.Datetime.to_datetime("2020-01-30 07:00:00")
        self.booked(order, 1, 10, "finished", ended_at="2020-01-30T07:00:00Z")
        self.assertGreaterEqual(order.date_finished, now)
        self.assertEqual(order.mfg_progress_ids.ended_at, ended)
        self.assertGreaterEqual(order.mfg_progress_ids.posted_at, now)
