"""What Odoo 19 does by itself when a shop floor reports, and that our booking does not.

Each test names its trap. Where it is cheap, it shows Odoo's own behaviour as well: when that part
fails after an upgrade, Odoo has changed and the way around may go.
"""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestTraps(MesCase):
    def _manual(self, order):
        """Run by people: Odoo's own behaviour."""
        order.mfg_owner = "odoo"
        order.move_raw_ids.manual_consumption = False
        return order

    def test_trap_01_timers(self):
        """A second start is ignored, a timer runs from now, a blocked work center refuses."""
        bare = self._manual(self.make_order()).workorder_ids[0]
        bare.button_start()
        bare.button_start()
        self.assertEqual(len(bare.time_ids), 1)
        self.assertAlmostEqual(
            bare.time_ids.date_start, fields.Datetime.now(), delta=timedelta(minutes=1)
        )
        bare.button_pending()
        block = self.env["mrp.workcenter.productivity"].create(
            {
                "workcenter_id": self.saw.id,
                "loss_id": self.env.ref("mrp.block_reason0").id,
                "date_start": "2026-01-05 05:00:00",
            }
        )
        self.assertEqual(self.saw.working_state, "blocked")
        with self.assertRaises(UserError):
            self._manual(self.make_order()).workorder_ids[0].button_start()

        workorder = self.make_order().workorder_ids[0]
        times = {"started_at": "2026-01-05T06:00:00Z", "ended_at": "2026-01-05T07:30:00Z"}
        self.booked(workorder, 1, 4, operator="Pat", **times)
        self.booked(workorder, 2, 5, operator="Pat", **times)
        lines = workorder.time_ids.sorted("date_start")
        self.assertEqual(str(lines[0].date_start), "2026-01-05 06:00:00")
        self.assertEqual(str(lines[-1].date_end), "2026-01-05 07:30:00")
        self.assertAlmostEqual(workorder.duration, 90, places=1)
        self.assertEqual(lines.user_id, self.mes.service_user_id)
        self.assertIn("Pat", lines[0].description)
        self.assertEqual(str(block.date_end), "2026-01-05 06:00:00")

    def test_trap_02_unreported_components_are_consumed(self):
        """Finishing fills up untouched moves, even with manual consumption."""
        bare = self._manual(self.make_order())
        bare.move_raw_ids.manual_consumption = True
        bare.workorder_ids.qty_produced = 10
        bare.workorder_ids.button_finish()
        bare.with_context(skip_backorder=True, skip_redirection=True).button_mark_done()
        self.assertEqual(self.consumed(bare), {"LEG": 20, "TOP": 10})

        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 10, "finished", consumption=[{"product": "LEG", "quantity": 7}])
        self.booked(last, 1, 10, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(self.consumed(order), {"LEG": 7})
        self.assertEqual(
            order.move_raw_ids.filtered(lambda m: m.product_id == self.top).state, "cancel"
        )

    def test_trap_03_progress_overwrites_consumption(self):
        """Reporting progress after consumption sets it back to the plan."""
        bare = self._manual(self.make_order())
        leg = bare.move_raw_ids.filtered(lambda m: m.product_id == self.leg)
        leg.write({"quantity": 7, "picked": True})
        bare.workorder_ids.qty_produced = 5
        self.assertEqual(leg.quantity, 10)

        order = self.make_order()
        self.assertTrue(all(order.move_raw_ids.mapped("manual_consumption")))
        first, last = order.workorder_ids
        legs = [{"product": "LEG", "quantity": 7}, {"product": "TOP", "quantity": 3}]
        self.booked(first, 1, 2, consumption=legs)
        self.booked(first, 2, 5, consumption=legs)
        self.booked(last, 1, 5)
        self.assertEqual(
            {m.product_id.default_code: m.quantity for m in order.move_raw_ids},
            {"LEG": 7, "TOP": 3},
        )
        self.booked(first, 3, 10, "finished", consumption=legs)
        self.booked(last, 2, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 7, "TOP": 3})
        self.assertEqual(self.produced(order), 10)

    def test_trap_04_a_button_returns_a_wizard(self):
        """A dictionary is a question, not success; a strict bill of materials is never skipped."""
        self.bom.consumption = "strict"
        bare = self._manual(self.make_order())
        leg = bare.move_raw_ids.filtered(lambda m: m.product_id == self.leg)
        leg.write({"manual_consumption": True, "quantity": 7, "picked": True})
        bare.qty_producing = 10
        question = bare.button_mark_done()
        self.assertEqual(question["res_model"], "mrp.consumption.warning")
        self.assertNotEqual(bare.state, "done")

        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 10, "finished", consumption=[{"product": "LEG", "quantity": 7}])
        message = self.rejected(last, 1, 10, "finished")
        self.assertEqual(message.reason_code, "wizard_required")
        self.assertIn("Leg 7.0 instead of 20.0", message.detail)
        self.assertEqual((order.state, last.state), ("progress", "ready"))
        self.assertFalse(order.mfg_progress_ids.filtered(lambda row: row.workorder_id == last))

    def test_trap_04_any_other_question_is_a_rejection(self):
        """Whatever asks back, an addon of the plant's own for instance: nothing is booked."""
        question = {"type": "ir.actions.act_window", "name": "Weigh it?", "res_model": "x.scale"}
        for answer, text in ((question, "Weigh it?"), (None, "no reason given")):
            with self.subTest(answer=answer):
                order = self.make_simple_order(product=self.make_product("Box", text))
                with patch.object(
                    type(order), "pre_button_mark_done", lambda order, answer=answer: answer
                ):
                    message = self.rejected(order, 1, 10, "finished")
                self.assertEqual(message.reason_code, "wizard_required")
                self.assertIn(text, message.detail)
                self.assertEqual((order.state, order.qty_producing), ("confirmed", 0))

    def test_trap_04_a_rest_becomes_a_backorder(self):
        self.bom.consumption = "flexible"
        bare = self._manual(self.make_order())
        bare.qty_producing = 6
        self.assertEqual(bare.button_mark_done()["res_model"], "mrp.production.backorder")
        self.assertNotEqual(bare.state, "done")

        order = self.make_order()
        uuid, name = order.mfg_uuid, order.name
        first, last = order.workorder_ids
        self.booked(first, 1, 6, "finished")
        answer = self.booked(last, 1, 6, "finished")
        backorder = self.backorder(order)
        self.assertEqual((order.state, self.produced(order)), ("done", 6))
        self.assertEqual(backorder.product_qty, 4)
        self.assertEqual(answer["backorder"], backorder.mfg_uuid)
        self.assertEqual(order.mfg_uuid, uuid)
        self.assertNotEqual(order.name, name, "Odoo has renamed the order")
        self.assertNotEqual(backorder.mfg_uuid, uuid)

    def test_trap_05_scrap_takes_the_goods_of_another_order(self):
        """Scrap of the product before the close comes out of the components' location."""
        self.put_in_stock(self.table, 5)  # of another order
        bare = self._manual(self.make_order())
        scrap = self.env["stock.scrap"].create(
            {"product_id": self.table.id, "scrap_qty": 2, "production_id": bare.id}
        )
        scrap.action_validate()
        self.assertEqual(self.on_hand(self.table), 3)

        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 8, "finished", **self.scrap(2))
        self.assertEqual(self.on_hand(self.table), 3)
        self.assertEqual(order.scrap_ids.scrap_qty, 2)
        self.assertEqual(order.scrap_ids.mfg_reason, "crack")
        self.booked(last, 1, 8, "finished")
        self.assertEqual(self.on_hand(self.table), 3 + 8)

    def _check_books(self, order, *, good, scrap, before):
        """Trap 6: components out = (good + scrap) * BoM; finished on hand delta = good."""
        self.assertEqual(order.state, "done")
        self.assertEqual(self.on_hand(self.table) - before["TABLE"], good)
        self.assertEqual(before["LEG"] - self.on_hand(self.leg), 2 * (good + scrap))
        self.assertEqual(before["TOP"] - self.on_hand(self.top), good + scrap)
        self.assertEqual(sum(order.scrap_ids.mapped("scrap_qty")), scrap)

    def _stock(self):
        return {
            "TABLE": self.on_hand(self.table),
            "LEG": self.on_hand(self.leg),
            "TOP": self.on_hand(self.top),
        }

    def test_trap_06_a_scrapped_piece_is_counted_once_yield_loss(self):
        before, order = self._stock(), self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 8, "finished", **self.scrap(2))
        self.booked(last, 1, 7, "finished", **self.scrap(1, "paint"))
        self._check_books(order, good=7, scrap=3, before=before)
        self.assertEqual(self.produced(order), 7)
        self.assertFalse(order.scrap_ids.move_ids, "lost in process: never in stock")
        self.assertEqual(self.backorder(order).product_qty, 3)

    def test_trap_06_a_scrapped_piece_is_counted_once_produce_then_scrap(self):
        self.table.mfg_scrap_policy = "produce_then_scrap"
        before, order = self._stock(), self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 8, "finished", **self.scrap(2))
        self.assertFalse(order.scrap_ids.move_ids)
        self.booked(last, 1, 8, "finished")
        self._check_books(order, good=8, scrap=2, before=before)
        self.assertEqual(self.produced(order), 10)
        self.assertEqual(order.scrap_ids.move_ids.state, "done")
        self.assertEqual(order.scrap_ids.move_ids.location_id, order.location_dest_id)
        self.assertFalse(self.backorder(order))

    def test_trap_07_over_production_is_accepted_silently(self):
        """15 of 10, and operation 2 ahead of operation 1: only our checks are in the way."""
        bare = self._manual(self.make_order())
        bare.workorder_ids[0].qty_produced = 15
        self.assertEqual(bare.workorder_ids[0].qty_produced, 15)
        bare = self._manual(self.make_order())
        bare.workorder_ids[1].qty_produced = 8
        self.assertEqual((bare.workorder_ids.mapped("qty_produced")), [0, 8])

        order = self.make_order()
        first, last = order.workorder_ids
        message = self.rejected(first, 1, 15)
        self.assertEqual(message.reason_code, "over_report")
        self.assertEqual(first.qty_produced, 0)
        self.env.company.mfg_operation_check = "block"
        self.booked(first, 2, 5)
        self.assertEqual(self.rejected(last, 1, 8).reason_code, "over_report")
        self.env.company.mfg_operation_check = "warn"
        self.assertIn("only 5.0", self.booked(last, 2, 8)["warnings"][0])

    def test_trap_07_serials_decide_the_quantity(self):
        """With serial tracking Odoo takes the number of serials for the quantity."""
        self.table.tracking = "serial"
        bare = self._manual(self.make_order(quantity=3))
        bare.lot_producing_ids = self.make_lot(self.table, "X1")
        bare.qty_producing = 2
        bare._set_qty_producing()
        self.assertEqual(bare.qty_producing, 1)

        order = self.make_order(quantity=3)
        first, last = order.workorder_ids
        self.booked(first, 1, 3, "finished")
        message = self.rejected(last, 1, 3, "finished", serials=["S1", "S2"])
        self.assertEqual(message.reason_code, "lot_required")
        self.booked(last, 2, 3, "finished", serials=["S1", "S2", "S3"])
        self.assertEqual(self.produced(order), 3)
        self.assertEqual(
            sorted(order.move_finished_ids.move_line_ids.lot_id.mapped("name")), ["S1", "S2", "S3"]
        )

    def test_trap_08_unblock_is_not_repeatable(self):
        with self.assertRaises(UserError):
            self.saw.unblock()
        now = fields.Datetime.now()
        self.assertFalse(self.saw._mfg_unblock(now))
        # Odoo ends every open timer of the work center with the blockage.
        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 1, started_at="2026-01-05T06:00:00Z")
        self.env["mrp.workcenter.productivity"].create(
            {"workcenter_id": self.saw.id, "loss_id": self.env.ref("mrp.block_reason0").id}
        )
        self.assertFalse(self.saw._mfg_unblock(now - timedelta(hours=1)), "it ran, back then")
        self.assertTrue(self.saw._mfg_unblock(fields.Datetime.now()))
        self.assertNotEqual(self.saw.working_state, "blocked")
        self.assertFalse(order.workorder_ids[0].time_ids.date_end)

    def test_trap_09_an_operation_without_a_good_piece(self):
        """Finishing an operation where all was scrapped books the full planned quantity, now."""
        bare = self._manual(self.make_order()).workorder_ids[0]
        bare.button_finish()
        self.assertEqual(bare.qty_produced, 10)

        order = self.make_order()
        first = order.workorder_ids[0]
        self.booked(
            first, 1, 0, "finished", **self.scrap(10), started_at="2026-01-05T06:00:00Z",
            ended_at="2026-01-05T07:30:00Z",
        )  # fmt: skip
        self.assertEqual((first.state, first.qty_produced), ("done", 0))
        self.assertEqual(str(first.date_start), "2026-01-05 06:00:00")
        self.assertEqual(str(first.date_finished), "2026-01-05 07:30:00")

    def test_trap_09_an_order_without_a_good_piece(self):
        """Closing an order where all was scrapped would produce the full planned quantity."""
        bare = self._manual(self.make_order())
        bare.with_context(skip_backorder=True, skip_redirection=True).button_mark_done()
        self.assertEqual(self.produced(bare), 10)

        before, order = self._stock(), self.make_order()
        first, last = order.workorder_ids
        self.booked(first, 1, 0, "finished", **self.scrap(10))
        self.booked(last, 1, 0, "finished")
        self._check_books(order, good=0, scrap=10, before=before)

        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 0, "finished")
        message = self.rejected(order.workorder_ids[1], 1, 0, "finished")
        self.assertEqual(message.reason_code, "wizard_required")

    def test_trap_10_sequence_comes_from_the_event_not_from_a_counter(self):
        """Events of one order increase; two orders share no counter row."""
        with self.capture_outbox() as outbox:
            one, other = self.make_order(), self.make_order()
            self.booked(one.workorder_ids[0], 1, 1)
            self.booked(other.workorder_ids[0], 1, 1)
            self.booked(one.workorder_ids[0], 2, 10, "finished")
        for order in (one, other):
            key = order._mfg_ordering_key()
            ids = outbox.messages.filtered(lambda m, key=key: m.ordering_key == key).event_id.ids
            self.assertEqual(ids, sorted(ids))
            self.assertGreaterEqual(len(ids), 2)
        columns = self.env["mrp.production"]._fields
        self.assertNotIn("mfg_sequence", columns)
