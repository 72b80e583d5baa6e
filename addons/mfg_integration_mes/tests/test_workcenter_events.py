"""Working hours and capacity of a work center, on each path by which they can change."""

from odoo import Command
from odoo.tests import tagged

from ..models import mfg_workcenter_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestWorkcenterEvents(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(*payload.FACTS)
        cls.calendar = cls.saw.resource_calendar_id.copy()
        cls.calendar.name = "Two shifts"

    def told(self, outbox, code):
        return self.events(outbox, code)

    def test_another_calendar(self):
        with self.capture_outbox() as outbox:
            self.saw.resource_calendar_id = self.calendar
            self.saw.write({"resource_calendar_id": self.calendar.id, "name": "Big saw"})
        (data,) = self.told(outbox, payload.CALENDAR_CHANGED)
        self.assertEqual(data["workcenter"]["code"], "SAW")
        self.assertEqual(data["changes"]["calendar"]["new"], "Two shifts")
        self.assertNotIn("hours", data["changes"])
        self.assertFalse(self.told(outbox, payload.CAPACITY_CHANGED))

    def test_the_hours_of_a_calendar(self):
        (self.saw | self.bench).resource_calendar_id = self.calendar
        first = self.calendar.attendance_ids.filtered(lambda a: a.day_period == "morning")[0]
        with self.capture_outbox() as outbox:
            self.calendar.write(
                {"attendance_ids": [Command.update(first.id, {"hour_from": 6.5})], "tz": "UTC"}
            )
        told = self.told(outbox, payload.CALENDAR_CHANGED)
        self.assertEqual({data["workcenter"]["code"] for data in told}, {"SAW", "BENCH"})
        self.assertEqual(len(told), 2, "one each, for the calendar and its hours")
        (hours,) = [
            data["changes"]["hours"] for data in told if data["workcenter"]["code"] == "SAW"
        ]
        self.assertIn(6.5, [line["from"] for line in hours["new"]])
        self.assertNotIn(6.5, [line["from"] for line in hours["old"]])

    def test_hours_by_themselves(self):
        self.saw.resource_calendar_id = self.calendar
        line = self.calendar.attendance_ids.filtered(lambda a: a.day_period == "morning")[0]
        with self.capture_outbox() as outbox:
            line.hour_from = 7
        self.assertEqual(len(self.told(outbox, payload.CALENDAR_CHANGED)), 1)
        with self.capture_outbox() as outbox:
            line.copy({"dayofweek": "5", "hour_from": 8, "hour_to": 12})
        (data,) = self.told(outbox, payload.CALENDAR_CHANGED)
        self.assertIn(6, [line["weekday"] for line in data["changes"]["hours"]["new"]])
        with self.capture_outbox() as outbox:
            line.unlink()
        self.assertEqual(len(self.told(outbox, payload.CALENDAR_CHANGED)), 1)

    def test_what_it_can_do(self):
        with self.capture_outbox() as outbox:
            self.saw.time_efficiency = 80
            self.saw.capacity_ids = [Command.create({"product_id": self.leg.id, "capacity": 4})]
            self.saw.capacity_ids.capacity = 6
            self.saw.capacity_ids.unlink()
            self.saw.alternative_workcenter_ids = self.bench
        first, second, third, fourth, fifth = self.told(outbox, payload.CAPACITY_CHANGED)
        self.assertEqual(first["changes"], {"efficiency": {"old": 100, "new": 80}})
        (line,) = second["changes"]["capacities"]["new"]
        self.assertEqual((line["product"]["code"], line["capacity"]), ("LEG", 4))
        self.assertEqual(third["changes"]["capacities"]["new"][0]["capacity"], 6)
        self.assertEqual(fourth["changes"]["capacities"]["new"], [])
        self.assertEqual(fifth["changes"]["alternatives"]["new"][0]["code"], "BENCH")

    def test_what_concerns_no_work_center(self):
        with self.capture_outbox() as outbox:
            self.calendar.attendance_ids[0].hour_from = 5
            self.saw.name = "Other saw"
        self.assertFalse(outbox.messages)

    def test_nothing_is_read_for_nobody(self):
        self.nobody_listens()
        facts = [facts for code in payload.FACTS for facts in self.saw._mfg_facts(code)]
        self.assertFalse(facts)
