import json
from datetime import timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import tagged

from ..models import mfg_order_payload as order_payload
from ..models import mfg_production_payload as payload
from ..models import mfg_workorder_payload as workorder_payload
from .common import MesCase

MONDAY = "2026-11-23 06:00:00"
"""A working day, before anybody works (company calendar, UTC)."""


class DowntimeCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.resource_calendar_id.tz = "UTC"
        (cls.saw | cls.bench).resource_calendar_id.tz = "UTC"
        cls.downtime_route = cls.route(
            cls.mes, "workcenter.downtime.v1", handler="workcenter_downtime"
        )
        cls.reason = cls.env.ref("mrp.block_reason1")

    def setUp(self):
        super().setUp()
        clock = freeze_time(MONDAY)
        self.clock = clock.start()
        self.addCleanup(clock.stop)

    def at(self, hours, minutes=0):
        """A moment of the day, naive UTC."""
        return fields.Datetime.to_datetime("2026-11-23") + timedelta(hours=hours, minutes=minutes)

    def move_to(self, hours, minutes=0):
        self.clock.move_to(self.at(hours, minutes))

    def tell(self, sequence, start, end=None, *, downtime="D-1", workcenter="SAW", **values):
        """Report a downtime; the message as it is afterwards."""
        document = {
            "downtime": downtime,
            "sequence": sequence,
            "workcenter": workcenter,
            "reason": self.reason.with_context(lang="en_US").name,
            "started_at": f"{start.isoformat()}Z",
            **values,
        }
        if end:
            document["ended_at"] = f"{end.isoformat()}Z"
        return self.send(document, route=self.downtime_route)

    def told(self, *arguments, **values):
        message = self.tell(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def planned_order(self, quantity=10, **vals):
        order = self.make_order(quantity=quantity, date_start=self.at(8), **vals)
        order.button_plan()
        return order

    def downtime(self, name="D-1"):
        return self.env["mfg.downtime"].search([("external_id", "=", name)])

    def dates(self, orders):
        return [(w.date_start, w.date_finished, w.workcenter_id) for w in orders.workorder_ids]

    def impact(self, record):
        return self.env["mfg.downtime.impact"].search(
            [("model", "=", record._name), ("res_id", "=", record.id)]
        )


@tagged("post_install", "-at_install")
class TestDowntime(DowntimeCase):
    def test_it_blocks_and_frees_the_work_center(self):
        self.move_to(9)
        with self.capture_outbox() as outbox:
            answer = self.told(1, self.at(8, 45), comment="Blade broken")
        self.assertEqual(answer["workcenter_state"], "blocked")
        self.assertEqual(self.saw.working_state, "blocked")
        loss = self.downtime().productivity_id
        self.assertEqual((loss.loss_id, loss.date_start), (self.reason, self.at(8, 45)))
        self.assertFalse(loss.date_end)
        [told] = self.events(outbox, payload.DOWNTIME_STARTED)
        self.assertEqual(told["workcenter"]["code"], "SAW")
        self.assertEqual((told["downtime"], told["source"]), ("D-1", "mes"))
        self.move_to(10)
        with self.capture_outbox() as outbox:
            answer = self.told(2, self.at(8, 45), self.at(9, 45))
        self.assertEqual(answer["workcenter_state"], "normal")
        self.assertEqual(loss.date_end, self.at(9, 45))
        self.assertEqual(loss.duration, 60)
        [told] = self.events(outbox, payload.DOWNTIME_ENDED)
        self.assertEqual(told["duration_minutes"], 60)

    def test_late_repeated_and_out_of_order(self):
        self.move_to(10)
        self.assertEqual(self.told(2, self.at(8), self.at(9))["result"], "apply")
        self.assertEqual(self.told(1, self.at(8))["result"], "stale")
        self.assertEqual(self.told(2, self.at(8), self.at(9))["result"], "duplicate")
        self.assertEqual(self.saw.working_state, "normal")
        self.assertEqual(len(self.saw.time_ids), 1)
        message = self.tell(2, self.at(8), self.at(9, 30))
        self.assertEqual((message.state, message.reason_code), ("dead", "conflict"))
        message = self.tell(3, self.at(8), self.at(9, 30))
        self.assertEqual((message.state, message.reason_code), ("dead", "conflict"))
        self.told(3, self.at(8), self.at(9, 30), correction=True)
        self.assertEqual(self.saw.time_ids.date_end, self.at(9, 30))

    def test_partners_learn_of_an_end_that_changes_or_is_withdrawn(self):
        self.move_to(10)
        self.told(1, self.at(8), self.at(9))
        with self.capture_outbox() as outbox:
            self.told(2, self.at(8), self.at(9, 30), correction=True)
        [told] = self.events(outbox, payload.DOWNTIME_ENDED)
        self.assertEqual(told["duration_minutes"], 90)
        with self.capture_outbox() as outbox:
            self.told(3, self.at(8), correction=True)
        self.assertEqual(len(self.events(outbox, payload.DOWNTIME_STARTED)), 1)
        self.assertFalse(self.events(outbox, payload.DOWNTIME_ENDED))
        with self.capture_outbox() as outbox:
            self.told(4, self.at(8), expected_end="2026-11-23T12:00:00Z")
        self.assertFalse(self.events(outbox, payload.DOWNTIME_STARTED), "it is known to stand")

    def test_one_ends_and_another_lasts(self):
        self.move_to(9)
        self.told(1, self.at(8), downtime="A")
        self.told(1, self.at(8, 30), downtime="B")
        self.told(2, self.at(8), self.at(8, 50), downtime="A")
        self.assertEqual(self.saw.working_state, "blocked")
        self.told(2, self.at(8, 30), self.at(8, 55), downtime="B")
        self.assertEqual(self.saw.working_state, "normal")

    def test_what_it_cannot_be_about(self):
        self.move_to(9)
        for values, reason, pointer in (
            ({"workcenter": "NOWHERE"}, "unknown_reference", "/workcenter"),
            ({"reason": "Gremlins"}, "unknown_reference", "/reason"),
            ({"reason": "Fully Productive Time"}, "invalid_value", "/reason"),
            ({"expected_end": "2026-11-23T07:00:00Z"}, "invalid_value", "/expected_end"),
        ):
            message = self.tell(1, self.at(8), **values)
            self.assertEqual((message.state, message.reason_code), ("dead", reason), values)
            self.assertIn(pointer, message.problems or message.detail)
        self.assertFalse(self.downtime())
        self.assertEqual(self.saw.working_state, "normal")

    def test_mapped_and_tried_again(self):
        self.move_to(9)
        message = self.tell(1, self.at(8), workcenter="L1-SAW-07")
        self.assertEqual(message.reason_code, "unknown_reference")
        self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id,
                "model": "mrp.workcenter",
                "external_id": "L1-SAW-07",
                "res_id": self.saw.id,
            }
        )
        message.action_retry()
        self.drain()
        self.assertEqual(message.state, "done")
        self.assertEqual(self.saw.working_state, "blocked")

    def test_another_companys_work_center(self):
        other = self.env["res.company"].create({"name": "Other plant"})
        self.env["mrp.workcenter"].with_company(other).create(
            {
                "name": "Press",
                "code": "PRESS",
                "company_id": other.id,
                "resource_calendar_id": other.resource_calendar_id.id,
            }
        )
        self.move_to(9)
        message = self.tell(1, self.at(8), workcenter="PRESS")
        self.assertEqual(message.reason_code, "unknown_reference")

    def test_a_person_unblocks(self):
        order = self.planned_order()
        was = self.dates(order)
        self.move_to(7)
        self.told(1, self.at(7), expected_end="2026-11-23T10:00:00Z")
        self.assertNotEqual(self.dates(order), was)
        self.move_to(7, 30)
        self.saw.unblock()
        self.assertEqual(self.downtime().state, "ended")
        self.assertEqual(self.dates(order), was)
        # The shop floor's own end comes later, and is another: it watches the machine.
        self.move_to(7, 45)
        self.told(2, self.at(7), self.at(7, 40))
        self.assertEqual(self.downtime().ended_at, self.at(7, 40))
        self.assertEqual(self.downtime().productivity_id.date_end, self.at(7, 40))
        self.assertEqual(self.tell(3, self.at(7), self.at(7, 35)).reason_code, "conflict")

    def test_a_late_start_of_an_operation_says_nothing_about_the_stop(self):
        order = self.make_order()
        saw = order.workorder_ids[0]
        self.move_to(9)
        self.told(1, self.at(8, 30))
        self.booked(saw, 1, 2, started_at="2026-11-23T08:00:00Z", ended_at="2026-11-23T08:20:00Z")
        self.assertEqual((saw.state, self.saw.working_state), ("progress", "blocked"))
        self.assertEqual(self.downtime().state, "open")

    def test_an_operation_that_starts_says_that_the_machine_runs(self):
        saw = self.make_order().workorder_ids[0]
        self.move_to(9)
        self.told(1, self.at(8))
        self.booked(saw, 1, 2, started_at="2026-11-23T08:50:00Z")
        downtime = self.downtime()
        self.assertEqual(downtime.ended_at, self.at(8, 50))
        self.assertNotEqual(self.saw.working_state, "blocked")
        self.told(2, self.at(8), self.at(8, 45))
        self.assertEqual(downtime.ended_at, self.at(8, 45), "it knows better than we guessed")

    def test_a_maintenance_request_where_the_reason_wants_one(self):
        self.move_to(9)
        self.told(1, self.at(8), downtime="A", workcenter="BENCH")
        self.assertFalse(self.downtime("A").maintenance_request_id)
        self.reason.mfg_request_maintenance = True
        self.saw.mfg_equipment_id = self.env["maintenance.equipment"].create({"name": "Saw 7"})
        self.told(1, self.at(8))
        request = self.downtime().maintenance_request_id
        self.assertEqual(request.equipment_id.name, "Saw 7")
        self.assertEqual(request.maintenance_type, "corrective")
        self.told(2, self.at(8), expected_end="2026-11-23T12:00:00Z")
        self.assertEqual(self.downtime().maintenance_request_id, request)


@tagged("post_install", "-at_install")
class TestPlan(DowntimeCase):
    def test_what_stood_there_is_planned_anew_and_put_back(self):
        order = self.planned_order()
        saw, bench = order.workorder_ids
        was = self.dates(order)
        self.assertEqual(saw.date_start, self.at(8))
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T10:00:00Z")
        self.assertEqual(saw.date_start, self.at(10))
        self.assertGreaterEqual(bench.date_start, saw.date_finished)
        self.assertEqual(order.date_start, self.at(10))
        impact = self.impact(saw)
        self.assertEqual((impact.before, impact.after), (was[0][1], saw.date_finished))
        self.assertEqual(impact.hours, 2)
        component = self.impact(order.move_raw_ids[0])
        self.assertEqual((component.before, component.after), (self.at(8), self.at(10)))
        self.move_to(7, 55)
        self.told(2, self.at(7, 50), self.at(7, 55))
        self.assertEqual(self.dates(order), was)
        self.assertEqual(order.move_raw_ids[0].date, self.at(8))
        self.assertEqual(impact.hours, 0)
        self.assertTrue(impact.undone)

    def test_others_stay_where_they_are(self):
        first = self.planned_order(quantity=3)
        far = self.make_order(date_start=self.at(8) + timedelta(days=2))
        far.button_plan()
        was = self.dates(far)
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T09:00:00Z")
        self.assertTrue(self.impact(first))
        self.assertEqual(self.dates(far), was)
        self.assertFalse(self.impact(far))

    def test_what_somebody_has_moved_since_is_not_put_back(self):
        order = self.planned_order(quantity=2)
        saw = order.workorder_ids[0]
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T10:00:00Z")
        saw.write({"date_start": self.at(14), "date_finished": self.at(14, 20)})
        moved = (saw.date_start, saw.date_finished)
        self.told(2, self.at(7, 50), self.at(7, 50))
        self.assertEqual((saw.date_start, saw.date_finished), moved)

    def test_what_runs_ends_later_by_the_time_it_stood(self):
        order = self.planned_order()
        saw = order.workorder_ids[0]
        end = saw.date_finished
        self.move_to(8, 30)
        self.booked(saw, 1, 1, started_at="2026-11-23T08:00:00Z")
        end = saw.date_finished
        self.told(1, self.at(8, 30), expected_end="2026-11-23T09:30:00Z")
        self.assertEqual(saw.date_finished, end + timedelta(hours=1))
        self.told(2, self.at(8, 30), expected_end="2026-11-23T10:30:00Z")
        self.assertEqual(saw.date_finished, end + timedelta(hours=2), "not three")
        self.move_to(8, 50)
        self.told(3, self.at(8, 30), self.at(8, 50))
        self.assertEqual(saw.date_finished, end + timedelta(minutes=20))

    def test_an_alternative_takes_over(self):
        spare = self.env["mrp.workcenter"].create({"name": "Spare saw", "code": "SAW2"})
        spare.resource_calendar_id.tz = "UTC"
        order = self.planned_order(quantity=2)
        self.saw.alternative_workcenter_ids = spare
        saw = order.workorder_ids[0]
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T14:00:00Z")
        self.assertEqual((saw.workcenter_id, saw.date_start), (spare, self.at(8)))
        self.assertEqual(self.impact(saw).workcenter_before_id, self.saw)
        self.told(2, self.at(7, 50), self.at(7, 55))
        self.assertEqual((saw.workcenter_id, saw.date_start), (self.saw, self.at(8)))

    def test_partners_learn_where_it_went_and_where_it_is_again(self):
        order = self.planned_order(quantity=2)
        saw = order.workorder_ids[0]
        was = saw.date_start
        self.listen(order_payload.SCHEDULED, workorder_payload.RESCHEDULED)
        self.move_to(7, 50)
        with self.capture_outbox() as outbox:
            self.told(1, self.at(7, 50), expected_end="2026-11-23T10:00:00Z")
        self.assertEqual(self.told_start(outbox, saw), self.at(10))
        with self.capture_outbox() as outbox:
            self.told(2, self.at(7, 50), self.at(7, 50))
        self.assertEqual(self.told_start(outbox, saw), was)

    def told_start(self, outbox, workorder):
        """The planned start that a partner knows after these messages, naive UTC."""
        known = None
        for message in outbox.messages.filtered(lambda m: m.connector_id == self.listener):
            data = json.loads(message.event_data)
            starts = {
                operation["workorder"]["uuid"]: operation["planned_start_at"]
                for operation in data.get("operations", ())
            }
            if message.event_type == workorder_payload.RESCHEDULED:
                starts = {data["workorder"]["uuid"]: data["new"]["planned_start_at"]}
            known = starts.get(workorder.mfg_uuid, known)
        return known and fields.Datetime.to_datetime(known.rstrip("Z").replace("T", " "))

    def test_nobody_knows_how_long(self):
        self.env.company.mfg_downtime_minutes = 30
        self.planned_order(quantity=2)
        self.move_to(7, 50)
        self.told(1, self.at(7, 50))
        downtime = self.downtime()
        self.assertEqual(downtime.planned_until, self.at(8, 20))
        self.move_to(8, 25)
        self.env["mfg.downtime"]._cron_prolong()
        self.assertEqual(downtime.planned_until, self.at(8, 55))
        self.assertEqual(downtime.leave_id.date_to, self.at(8, 55))
        self.env["mfg.downtime"]._cron_prolong()
        self.assertEqual(downtime.planned_until, self.at(8, 55), "not before its time")

    def test_a_plan_that_cannot_be_made_is_said(self):
        order = self.planned_order(quantity=2)
        saw = order.workorder_ids[0]
        was = (saw.date_start, saw.date_finished)
        self.saw.resource_calendar_id.attendance_ids.unlink()
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T10:00:00Z")
        self.assertIn(order.name, self.downtime().plan_problem)
        self.assertEqual((saw.date_start, saw.date_finished), was)
        self.assertEqual(self.saw.working_state, "blocked")

    def test_what_cannot_be_put_back_keeps_its_dates(self):
        order = self.planned_order(quantity=2)
        saw = order.workorder_ids[0]
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T10:00:00Z")
        moved = (saw.date_start, saw.date_finished)
        self.saw.resource_calendar_id.attendance_ids.unlink()
        self.told(2, self.at(7, 50), self.at(7, 50))
        self.assertIn(order.name, self.downtime().plan_problem)
        self.assertEqual((saw.date_start, saw.date_finished), moved)
        self.assertEqual(self.saw.working_state, "normal")

    def test_an_end_that_is_withdrawn(self):
        order = self.planned_order(quantity=2)
        saw = order.workorder_ids[0]
        was = self.dates(order)
        self.move_to(7, 50)
        until = {"expected_end": "2026-11-23T10:00:00Z"}
        self.told(1, self.at(7, 50), **until)
        self.told(2, self.at(7, 50), self.at(7, 50))
        self.assertEqual(self.dates(order), was)
        self.told(3, self.at(7, 50), correction=True, **until)
        self.assertEqual((saw.date_start, self.saw.working_state), (self.at(10), "blocked"))
        self.assertFalse(self.impact(saw).undone)
        self.told(4, self.at(7, 50), self.at(7, 50))
        self.assertEqual(self.dates(order), was)

    def test_a_late_report_of_what_is_over_moves_nothing(self):
        order = self.planned_order()
        was = self.dates(order)
        self.move_to(9)
        self.told(1, self.at(8, 10), self.at(8, 20))
        self.assertEqual(self.dates(order), was)
        self.assertFalse(self.downtime().leave_id)


@tagged("post_install", "-at_install")
class TestAtRisk(DowntimeCase):
    def make_delivery(self, order, at):
        """A delivery that waits for what the order makes."""
        picking_type = self.stock.out_type_id
        delivery = self.env["stock.move"].create(
            {
                "product_id": order.product_id.id,
                "product_uom_qty": order.product_qty,
                "location_id": self.location.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id,
                "picking_type_id": picking_type.id,
                "procure_method": "make_to_order",
                "date": at,
                "date_deadline": at,
                "origin": "S00042",
            }
        )
        order.move_finished_ids.move_dest_ids = [Command.link(delivery.id)]
        delivery._action_confirm()
        return delivery

    def test_an_order_that_misses_its_deadline(self):
        late = self.planned_order(quantity=2, date_deadline=self.at(9))
        early = self.planned_order(quantity=2, date_deadline=self.at(9) + timedelta(days=3))
        self.move_to(7, 50)
        answer = self.told(1, self.at(7, 50), expected_end="2026-11-23T12:00:00Z")
        self.assertTrue(late.mfg_at_risk)
        self.assertEqual(late.mfg_expected_at, late.date_finished)
        self.assertFalse(early.mfg_at_risk)
        told = {one["order"] for one in answer["affected_orders"]}
        self.assertEqual(told, {late.mfg_uuid, early.mfg_uuid})
        self.told(2, self.at(7, 50), self.at(7, 50))
        self.assertFalse(late.mfg_at_risk)
        self.assertFalse(late.mfg_expected_at)

    def test_a_delivery_that_waits_for_it(self):
        order = self.planned_order(quantity=2)
        delivery = self.make_delivery(order, self.at(9))
        self.move_to(7, 50)
        with self.capture_outbox() as outbox:
            self.told(1, self.at(7, 50), expected_end="2026-11-23T12:00:00Z")
        impact = self.impact(delivery)
        self.assertTrue(impact.at_risk)
        self.assertEqual((impact.promised_at, impact.after), (self.at(9), order.date_finished))
        [told] = self.events(outbox, payload.DELIVERY_AT_RISK)
        self.assertEqual(told["promised_at"], "2026-11-23T09:00:00Z")
        with self.capture_outbox() as outbox:
            self.told(2, self.at(7, 50), expected_end="2026-11-23T13:00:00Z")
        self.assertFalse(self.events(outbox, payload.DELIVERY_AT_RISK), "told once")
        self.told(3, self.at(7, 50), self.at(7, 50))
        self.assertFalse(impact.at_risk)

    def test_a_delivery_with_time_to_spare(self):
        order = self.planned_order(quantity=2)
        delivery = self.make_delivery(order, self.at(9) + timedelta(days=4))
        self.move_to(7, 50)
        self.told(1, self.at(7, 50), expected_end="2026-11-23T12:00:00Z")
        self.assertFalse(self.impact(delivery).filtered("at_risk"))
