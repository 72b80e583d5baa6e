import json

from odoo.tests import tagged

from .common import MesCase

DAY = "2026-11-20"


@tagged("post_install", "-at_install")
class TestMachineState(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine_route = cls.route(cls.mes, "workcenter.state.v1", handler="workcenter_state")

    def state(self, sequence, state, hour, **values):
        document = {
            "workcenter": "SAW",
            "sequence": sequence,
            "state": state,
            "at": f"{DAY}T{hour}:00Z",
            **values,
        }
        return self.send(document, route=self.machine_route)

    def stated(self, *arguments, **values):
        message = self.state(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def live(self):
        self.saw.invalidate_recordset()
        return self.saw.mfg_live_state, f"{self.saw.mfg_live_since}"

    def test_state_and_counters(self):
        self.stated(1, "running", "06:00", counters={"parts": 100, "hours": 1.5})
        self.assertEqual(self.live(), ("running", f"{DAY} 06:00:00"))
        self.assertTrue(self.saw.mfg_last_signal_at)
        self.stated(2, "running", "07:00", counters={"parts": 160, "hours": 2.5})
        machine = self.saw.mfg_machine_ids
        self.assertEqual((f"{machine.since:%H:%M}", f"{machine.at:%H:%M}"), ("06:00", "07:00"))
        self.assertEqual(machine.counters_text, "hours 2.5, parts 160")
        self.stated(3, "setup", "08:00")
        self.assertEqual(self.live(), ("idle", f"{DAY} 08:00:00"))

    def test_late_repeated_contradicting(self):
        self.stated(2, "idle", "07:00")
        self.assertEqual(self.stated(1, "running", "06:00")["result"], "stale")
        self.assertEqual(self.stated(2, "idle", "07:00")["result"], "duplicate")
        self.assertEqual(self.state(2, "down", "07:00").reason_code, "conflict")
        self.assertEqual(self.saw.mfg_machine_ids.state, "idle")

    def test_a_state_blocks_nothing(self):
        self.stated(1, "down", "06:00")
        self.assertEqual(self.live()[0], "down")
        self.assertNotEqual(self.saw.working_state, "blocked")

    def test_what_cannot_be(self):
        self.assertEqual(
            self.state(1, "idle", "06:00", workcenter="GHOST").reason_code, "unknown_reference"
        )
        message = self.send(
            {"workcenter": "SAW", "sequence": 1, "state": "idle", "at": "2199-01-01T00:00:00Z"},
            route=self.machine_route,
        )
        self.assertEqual(message.reason_code, "invalid_value")
        self.assertFalse(self.saw.mfg_machine_ids)
