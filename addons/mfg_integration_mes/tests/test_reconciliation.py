"""The shop floor's books against Odoo's: what differs, what is on its way, what people do."""

import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from ..models import mfg_snapshot_payload
from .common import MesCase

LATER = timedelta(minutes=1)
EARLIER = timedelta(hours=-1)


class ReconciliationCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.snapshot_route = cls.route(
            cls.mes, "reconciliation.snapshot.v1", handler="reconciliation_snapshot"
        )
        cls.numbers = iter(range(1, 1000))

    @classmethod
    def compared(cls, kind, **vals):
        return cls.env["mfg.reconciliation"].create(
            {"connector_id": cls.mes.id, "kind": kind, **vals}
        )

    def snapshot_message(self, kind, rows, *, taken=LATER, **values):
        document = {
            "kind": kind,
            "snapshot": f"S-{next(self.numbers)}",
            "as_of": f"{(fields.Datetime.now() + taken).isoformat()}Z",
            "rows": rows,
            **values,
        }
        return self.send(document, route=self.snapshot_route)

    def snapshot(self, kind, rows, **values):
        """Send a snapshot, which has to be compared; its run."""
        message = self.snapshot_message(kind, rows, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        answer = json.loads(message.result)
        self.assertEqual(answer["result"], "compared")
        return self.env["mfg.reconciliation.run"].search([("uuid", "=", answer["run"])])

    def found(self, run, state="open"):
        """``{(name's record, difference, fact): (here, there)}``"""
        return {
            (line.res_id, line.difference, line.fact or ""): (line.here, line.there)
            for line in run.line_ids.filtered(lambda line: line.state == state)
        }


@tagged("post_install", "-at_install")
class TestQuantities(ReconciliationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = "production_quantities"
        cls.reconciliation = cls.compared(cls.kind)

    def test_books_agree(self):
        order = self.make_order()
        saw, bench = order.workorder_ids
        self.booked(saw, 1, 4, **self.scrap(1), started_at="2026-11-20T06:00:00Z")
        run = self.snapshot(
            self.kind,
            [
                {
                    "workorder": saw.mfg_uuid,
                    "good": 4,
                    "scrap": 1,
                    "finished": False,
                    "started_at": "2026-11-20T06:00:30Z",
                },
                {"workorder": bench.mfg_uuid, "good": 0, "scrap": 0},
            ],
        )
        self.assertEqual((run.compared, run.difference_count, run.in_flight), (2, 0, 0))
        self.assertFalse(run.line_ids)

    def test_each_fact_that_differs(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 4, **self.scrap(1), started_at="2026-11-20T06:00:00Z")
        run = self.snapshot(
            self.kind,
            [
                {
                    "workorder": saw.mfg_uuid,
                    "good": 6,
                    "scrap": 0,
                    "rework": 2,
                    "finished": True,
                    "started_at": "2026-11-20T05:00:00Z",
                }
            ],
        )
        self.assertEqual(
            self.found(run),
            {
                (saw.id, "different", "good"): ("4", "6"),
                (saw.id, "different", "scrap"): ("1", "0"),
                (saw.id, "different", "rework"): ("0", "2"),
                (saw.id, "different", "finished"): ("False", "True"),
                (saw.id, "different", "started_at"): (
                    "2026-11-20 06:00:00 UTC",
                    "2026-11-20 05:00:00 UTC",
                ),
            },
        )
        self.assertEqual((run.different, run.drift), (5, 5))
        line = run.line_ids.filtered(lambda line: line.fact == "good")
        self.assertEqual((line.name, line.drift), (f"{order.name}, {saw.name}", 2))

    def test_missing_on_either_side(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 4)
        stranger = "0192f3a0-0000-7000-8000-00000000dead"
        run = self.snapshot(self.kind, [{"workorder": stranger, "good": 1}])
        self.assertEqual(
            self.found(run),
            {
                (0, "missing_here", ""): (False, "Good: 1"),
                (saw.id, "missing_there", ""): (
                    run.line_ids.filtered(lambda line: line.res_id == saw.id).here,
                    False,
                ),
            },
        )
        self.assertIn("Good: 4", run.line_ids.filtered("res_id").here)
        part = self.snapshot(self.kind, [], complete=False)
        self.assertFalse(part.line_ids, "a part of a partner's books lacks nothing")

    def test_what_odoo_has_booked_and_nobody_reported(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 4)
        saw.qty_produced = 5  # behind the shop floor's back
        run = self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 4}])
        self.assertEqual(self.found(run), {(saw.id, "different", "good"): ("5", "4")})

    def test_an_order_as_a_whole(self):
        order = self.make_simple_order()
        self.booked(order, 1, 9, "finished", **self.scrap(1), ended_at="2026-11-20T08:00:00Z")
        self.assertEqual(order.state, "done")
        row = {"order": order.mfg_uuid, "good": 9, "scrap": 1, "finished": True}
        run = self.snapshot(self.kind, [{**row, "ended_at": "2026-11-20T08:00:00Z"}])
        self.assertEqual((run.compared, run.difference_count), (1, 0), run.line_ids.mapped("here"))

    def test_old_orders_are_not_expected(self):
        order = self.make_simple_order()
        self.booked(order, 1, 10, "finished", ended_at="2026-01-20T08:00:00Z")
        self.assertFalse(self.snapshot(self.kind, []).line_ids)
        run = self.snapshot(self.kind, [{"order": order.mfg_uuid, "good": 8}])
        self.assertEqual(run.different, 1, "what the partner names is compared, however old")

    def test_tolerances(self):
        self.reconciliation.write({"tolerance": 1, "time_tolerance": 3600})
        saw = self.make_order().workorder_ids[0]
        self.booked(saw, 1, 4, started_at="2026-11-20T06:00:00Z")
        row = {"workorder": saw.mfg_uuid, "good": 5, "started_at": "2026-11-20T07:00:00Z"}
        self.assertFalse(self.snapshot(self.kind, [row]).line_ids)
        row |= {"good": 5.5, "started_at": "2026-11-20T07:00:01Z"}
        self.assertEqual(self.snapshot(self.kind, [row]).different, 2)

    def test_what_was_on_its_way_is_no_difference(self):
        saw = self.make_order().workorder_ids[0]
        self.booked(saw, 1, 4)
        run = self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 0}], taken=EARLIER)
        self.assertEqual((run.different, run.in_flight), (0, 1))
        self.assertEqual(run.line_ids.state, "in_flight")
        self.assertFalse(self.reconciliation.activity_ids)

    def test_what_waits_in_the_error_queue_says_so(self):
        saw = self.make_order().workorder_ids[0]
        self.rejected(saw, 1, 400)
        run = self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 400}])
        self.assertEqual((run.different, run.line_ids.error_queue), (1, True))

    def test_another_company_is_not_compared(self):
        saw = self.make_order().workorder_ids[0]
        self.booked(saw, 1, 4)
        other = self.env["res.company"].create({"name": "Other plant"})
        foreign = self.connector(code="far", category="mes", company_id=other.id)
        route = self.route(foreign, "reconciliation.snapshot.v1", handler="reconciliation_snapshot")
        self.env["mfg.reconciliation"].create({"connector_id": foreign.id, "kind": self.kind})
        message = self.send(
            {
                "kind": self.kind,
                "snapshot": "X",
                "as_of": "2026-11-20T06:00:00Z",
                "rows": [{"workorder": saw.mfg_uuid, "good": 4}],
            },
            route=route,
        )
        self.assertEqual(json.loads(message.result)["missing_here"], 1)

    # === What people do about it === #

    def test_accept_theirs(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 4)
        line = self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 6}]).line_ids
        self.assertTrue(line.can_accept)
        line._accept("Counted")
        self.assertEqual((saw.qty_produced, line.state, line.reason), (6, "accepted", "Counted"))
        entry = self.env["mfg.audit.entry"].search([("model", "=", line._name)], limit=1)
        self.assertEqual(
            (entry.act, entry.reason, entry.before), ("decide", "Counted", "Good 4 / 6")
        )
        self.assertFalse(
            self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 6}]).line_ids
        )
        self.booked(saw, 2, 7)
        self.assertEqual(saw.qty_produced, 7, "later reports count on from there")

    def test_accepted_by_people_with_the_right_to(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 4)
        line = self.snapshot(self.kind, [{"workorder": saw.mfg_uuid, "good": 6}]).line_ids
        operator = self.user("mfg_integration_base.group_operator")
        with self.assertRaises(AccessError):
            line.with_user(operator)._accept("Counted")
        self.assertEqual((line.state, saw.qty_produced), ("open", 4))
        both = self.user("mfg_integration_base.group_operator", "mrp.group_mrp_user")
        line.with_user(both)._accept("Counted")
        self.assertEqual((line.state, saw.qty_produced), ("accepted", 6))
        self.assertEqual(line.decided_by_id, both)
        self.assertFalse(order.mfg_conflict_count, "what the shop floor says is no conflict")

    def test_what_cannot_be_accepted(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.booked(saw, 1, 10, "finished")
        row = {"workorder": saw.mfg_uuid, "good": 9, "scrap": 1}
        lines = self.snapshot(self.kind, [row]).line_ids
        with self.assertRaisesRegex(UserError, "cannot be taken over"):
            lines.filtered(lambda line: line.fact == "scrap")._accept("x")
        with self.assertRaisesRegex(UserError, "is finished"):
            lines.filtered(lambda line: line.fact == "good")._accept("x")
        self.assertEqual(set(lines.mapped("state")), {"open"})

    def test_send_again(self):
        self.listener.action_pause()  # somebody else, who is to be told nothing
        self.listen(mfg_snapshot_payload.SNAPSHOT, mfg_snapshot_payload.SNAPSHOT_COMPLETED)
        types = self.env["mfg.event.type"].search(
            [
                (
                    "code",
                    "in",
                    [
                        mfg_snapshot_payload.SNAPSHOT,
                        mfg_snapshot_payload.SNAPSHOT_COMPLETED,
                        payload.COMPLETED,
                    ],
                )
            ]
        )
        self.subscription(self.mes, types)
        order, closed = self.make_order(), self.make_simple_order()
        self.booked(order.workorder_ids[0], 1, 4)
        self.booked(closed, 1, 10, "finished")
        lines = self.snapshot(self.kind, []).line_ids
        with self.capture_outbox() as outbox:
            lines.action_resend()
        told = [(m.connector_id, m.event_type, m.ordering_key) for m in outbox.messages]
        self.assertCountEqual(
            told,
            [
                (self.mes, mfg_snapshot_payload.SNAPSHOT, order._mfg_ordering_key()),
                (self.mes, payload.COMPLETED, closed._mfg_ordering_key()),
            ],
        )
        self.assertEqual(set(lines.mapped("state")), {"resent"})


@tagged("post_install", "-at_install")
class TestOpenOperations(ReconciliationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = "open_operations"
        cls.compared(cls.kind)
        # Orders of demo data are no part of this plant.
        cls.env["mrp.production"].search([("mfg_owner", "=", "mes")]).action_cancel()

    def test_list_of_work(self):
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id,
                "model": "mrp.workcenter",
                "external_id": "WC-7",
                "res_id": self.bench.id,
            }
        )
        order = self.make_order()
        saw, bench = order.workorder_ids
        rows = [
            {"workorder": saw.mfg_uuid, "workcenter": "SAW", "quantity": 10},
            {"workorder": bench.mfg_uuid, "workcenter": "WC-7"},
        ]
        self.assertFalse(self.snapshot(self.kind, rows).line_ids)
        self.booked(saw, 1, 10, "finished")
        rows[1]["workcenter"] = "Lathe"
        run = self.snapshot(self.kind, rows)
        self.assertEqual(
            self.found(run),
            {
                (saw.id, "missing_here", ""): (False, "Work center: SAW; Quantity to make: 10"),
                (bench.id, "different", "workcenter"): ("BENCH", "Lathe"),
            },
        )

    def test_not_known_there(self):
        order = self.make_order()
        run = self.snapshot(self.kind, [])
        self.assertEqual(run.missing_there, 2)
        self.assertEqual(set(run.line_ids.mapped("res_id")), set(order.workorder_ids.ids))


@tagged("post_install", "-at_install")
class TestMoves(ReconciliationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = "production_moves"
        cls.compared(cls.kind)

    def test_consumed_and_produced_by_lot(self):
        glue = self.make_product("Glue", "GLUE", tracking="lot")
        lots = self.make_lot(glue, "G-1"), self.make_lot(glue, "G-2")
        for lot in lots:
            self.put_in_stock(glue, 50, lot)
        box = self.make_product("Case", "CASE", tracking="lot")
        order = self.make_simple_order(product=box, components=[(glue, 2)])
        self.booked(
            order,
            1,
            9,
            "finished",
            lot="C-1",
            **self.scrap(1),
            consumption=[
                {"product": "GLUE", "quantity": 15, "lot": "G-1"},
                {"product": "GLUE", "quantity": 5, "lot": "G-2"},
            ],
        )
        rows = [
            {"order": order.mfg_uuid, "product": "GLUE", "lot": "G-1", "consumed": 15},
            {"order": order.mfg_uuid, "product": glue.mfg_uuid, "lot": "G-2", "consumed": 5},
            {"order": order.mfg_uuid, "product": "CASE", "lot": "C-1", "produced": 9},
        ]
        run = self.snapshot(self.kind, rows)
        self.assertEqual((run.compared, run.difference_count), (3, 0), run.line_ids.mapped("name"))
        rows[0]["lot"] = "G-9"
        rows[1]["consumed"] = 4
        run = self.snapshot(self.kind, rows)
        self.assertEqual((run.missing_here, run.missing_there, run.different), (1, 1, 1))
        self.assertIn(
            f"{order.name}, [GLUE] Glue, G-9", run.line_ids.mapped("name"), "people read names"
        )

    def test_produced_then_scrapped_is_not_produced(self):
        box = self.make_product("Case", "CASE")
        box.product_tmpl_id.mfg_scrap_policy = "produce_then_scrap"
        order = self.make_simple_order(product=box)
        self.booked(order, 1, 8, "finished", **self.scrap(2))
        rows = [
            {"order": order.mfg_uuid, "product": "CASE", "produced": 8},
            {"order": order.mfg_uuid, "product": "LEG", "consumed": 20},
            {"order": order.mfg_uuid, "product": "TOP", "consumed": 10},
        ]
        run = self.snapshot(self.kind, rows)
        self.assertEqual((run.compared, run.difference_count), (3, 0), run.line_ids.mapped("here"))

    def test_open_orders_wait(self):
        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 4)
        run = self.snapshot(self.kind, [{"order": order.mfg_uuid, "product": "LEG", "consumed": 8}])
        self.assertEqual((run.difference_count, run.in_flight), (0, 1))

    def test_unknown_words_are_shown(self):
        order = self.make_simple_order()
        self.booked(order, 1, 10, "finished")
        run = self.snapshot(
            self.kind,
            [{"order": order.mfg_uuid, "product": "Moon/dust", "consumed": 8}],
            complete=False,
        )
        self.assertEqual(run.line_ids.name, f"{order.name}, Moon/dust")


@tagged("post_install", "-at_install")
class TestStock(ReconciliationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = "stock"
        cls.compared(cls.kind)
        cls.shelf = cls.env["stock.location"].create(
            {"name": "Line 1", "location_id": cls.location.id, "barcode": "LINE-1"}
        )
        cls.glue = cls.make_product("Glue", "GLUE", tracking="lot")
        cls.lot = cls.make_lot(cls.glue, "G-1")
        quants = cls.env["stock.quant"]
        quants._update_available_quantity(cls.glue, cls.shelf, 12, lot_id=cls.lot)
        quants._update_available_quantity(cls.leg, cls.shelf, 7)

    def rows(self, glue=12, leg=7):
        return [
            {"product": "GLUE", "location": "LINE-1", "lot": "G-1", "quantity": glue},
            {"product": "LEG", "location": self.shelf.complete_name, "quantity": leg},
        ]

    def test_agrees(self):
        rows = [*self.rows(), {"product": "TOP", "location": "LINE-1", "quantity": 0}]
        run = self.snapshot(self.kind, rows)
        self.assertEqual((run.compared, run.difference_count), (3, 0), run.line_ids.mapped("name"))

    def test_differs(self):
        rows = [
            self.rows(glue=10)[0],
            {"product": "TOP", "location": "LINE-1", "quantity": 3},
            {"product": "LEG", "location": "Moon/Shelf", "quantity": 1},
        ]
        run = self.snapshot(self.kind, rows)
        names = {line.name: (line.difference, line.here, line.there) for line in run.line_ids}
        shelf = self.shelf.complete_name
        self.assertEqual(
            names,
            {
                f"[GLUE] Glue, G-1, {shelf}": ("different", "12", "10"),
                f"[TOP] Top, {shelf}": ("different", "0", "3"),
                f"[LEG] Leg, {shelf}": ("missing_there", "Quantity: 7", False),
                "[LEG] Leg, Moon/Shelf": ("missing_here", False, "Quantity: 1"),
            },
        )

    def test_moved_since(self):
        move = self.env["stock.move"].create(
            {
                "product_id": self.leg.id,
                "product_uom_qty": 2,
                "location_id": self.shelf.id,
                "location_dest_id": self.location.id,
            }
        )
        move._action_confirm()
        move._action_assign()
        move.picked = True
        move._action_done()
        run = self.snapshot(self.kind, self.rows(), taken=EARLIER)
        self.assertEqual((run.difference_count, run.in_flight), (0, 1))

    def test_accept_theirs(self):
        run = self.snapshot(self.kind, [self.rows(glue=10)[0]])
        self.assertEqual(set(run.line_ids.mapped("can_accept")), {True})
        run.line_ids._accept("Counted on the line")
        self.assertEqual(self.on_hand(self.glue, self.shelf), 10)
        self.assertEqual(self.on_hand(self.leg, self.shelf), 0)
        move = self.env["stock.move"].search(
            [("product_id", "=", self.glue.id), ("is_inventory", "=", True)], limit=1
        )
        self.assertIn("Counted on the line", move.inventory_name or move.reference)
