"""Events of maintenance requests, on each path by which they come about."""

from odoo.tests import Form, tagged

from ..models import mfg_maintenance_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestMaintenance(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(payload.CREATED, payload.STAGE_CHANGED)
        cls.machine = cls.env["maintenance.equipment"].create(
            {"name": "Band saw", "serial_no": "SN-1"}
        )
        cls.saw.mfg_equipment_id = cls.machine
        cls.new, cls.done = cls.env["maintenance.stage"].create(
            [{"name": "New", "sequence": 1}, {"name": "Repaired", "done": True, "sequence": 99}]
        )

    def make_request(self, **vals):
        return self.env["maintenance.request"].create(
            {"name": "Blade", "equipment_id": self.machine.id, "stage_id": self.new.id, **vals}
        )

    def test_created(self):
        with self.capture_outbox() as outbox:
            request = self.make_request(priority="3", schedule_date="2036-01-07 06:00:00")
        (data,) = self.events(outbox, payload.CREATED)
        self.assertEqual(data["request"], {"uuid": request.mfg_uuid, "name": "Blade"})
        self.assertEqual(data["equipment"], {"serial": "SN-1", "name": "Band saw"})
        self.assertEqual([w["code"] for w in data["workcenters"]], ["SAW"])
        self.assertEqual((data["priority"], data["type"]), ("high", "corrective"))
        self.assertEqual(data["scheduled_start_at"], "2036-01-07T06:00:00Z")

    def test_without_a_machine_by_a_user_who_sees_no_work_centers(self):
        user = self.user("maintenance.group_equipment_manager")
        with self.capture_outbox() as outbox:
            form = Form(self.env["maintenance.request"].with_user(user))
            form.name = "Light"
            form.save()
        (data,) = self.events(outbox, payload.CREATED)
        self.assertEqual((data["equipment"], data["workcenters"]), (None, []))
        self.assertEqual(data["actor"], user.login)

    def test_stages(self):
        request = self.make_request()
        with self.capture_outbox() as outbox:
            request.stage_id = self.done
            request.stage_id = self.done
            request.reset_equipment_request()
        told = self.events(outbox, payload.STAGE_CHANGED)
        self.assertEqual([d["done"] for d in told], [True, False])
        self.assertEqual((told[0]["old_stage"], told[0]["stage"]), ("New", "Repaired"))
        self.assertEqual(len(set(outbox.messages.mapped("ordering_key"))), 1)

    def test_many_at_once(self):
        requests = self.make_request() + self.make_request(stage_id=self.done.id)
        with self.capture_outbox() as outbox:
            requests.write({"stage_id": self.done.id})
        (data,) = self.events(outbox, payload.STAGE_CHANGED)
        self.assertEqual(data["request"]["uuid"], requests[0].mfg_uuid)

    def test_the_next_of_a_recurrent_one(self):
        request = self.make_request(
            maintenance_type="preventive", recurring_maintenance=True, repeat_type="forever"
        )
        with self.capture_outbox() as outbox:
            request.stage_id = self.done
        self.assertEqual(len(self.events(outbox, payload.CREATED)), 1)
        self.assertEqual(len(self.events(outbox, payload.STAGE_CHANGED)), 1)

    def test_what_is_no_stage(self):
        request = self.make_request()
        with self.capture_outbox() as outbox:
            request.write({"name": "Blade and belt", "priority": "1"})
        self.assertFalse(outbox.messages)
