"""The shift leader's screen counts what it opens, for this company and this user only."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestCockpit(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Orders of demo data are no part of this plant.
        cls.env["mrp.production"].search([("mfg_owner", "=", "mes")]).action_cancel()

    def cockpit(self, user=None):
        cockpits = self.env["mfg.mes.cockpit"].with_user(user or self.env.user)
        return cockpits.browse(cockpits.action_open()["res_id"])

    def opened(self, cockpit, card):
        action = cockpit.with_context(mfg_card=card).action_card()
        return self.env[action["res_model"]].search(action["domain"])

    def planned(self, start, end):
        order = self.make_order()
        now = fields.Datetime.now()
        order.workorder_ids[0].with_context(bypass_duration_calculation=True).write(
            {
                "date_start": now + timedelta(minutes=start),
                "date_finished": now + timedelta(minutes=end),
            }
        )
        return order.workorder_ids[0]

    def test_all_is_well(self):
        self.planned(-5, 20)
        cockpit = self.cockpit()
        self.assertEqual((cockpit.late_end, cockpit.late_start), (0, 0))

    def test_late(self):
        never = self.planned(-60, -30)
        begun = self.planned(-60, -30)
        self.booked(begun, 1, 2, started_at="2026-11-20T06:00:00Z")
        begun.with_context(bypass_duration_calculation=True).date_finished = (
            fields.Datetime.now() - timedelta(minutes=30)
        )
        soon = self.planned(-10, -5)
        cockpit = self.cockpit()
        self.assertEqual(self.opened(cockpit, "late_end"), never | begun)
        self.assertEqual(self.opened(cockpit, "late_start"), never)
        self.assertEqual((cockpit.late_end, cockpit.late_start), (2, 1))
        self.env.company.mfg_late_minutes = 2
        self.assertIn(soon, self.opened(self.cockpit(), "late_end"))

    def test_what_waits(self):
        saw = self.planned(5, 10)
        before = self.cockpit()
        counts = before.dead_messages, before.conflicts, before.differences
        drift = before.drift
        self.rejected(saw, 1, 400)
        self.env["mfg.conflict"]._record(
            saw.needed_by_workorder_ids,
            "qty_produced",
            here=1,
            there=2,
            field_group="progress",
            rule="decide",
            state="open",
            connector_id=self.mes.id,
        )
        route = self.route(
            self.mes, "reconciliation.snapshot.v1", handler="reconciliation_snapshot"
        )
        self.env["mfg.reconciliation"].create(
            {"connector_id": self.mes.id, "kind": "production_quantities"}
        )
        self.booked(saw, 2, 4)
        document = {
            "kind": "production_quantities",
            "snapshot": "S",
            "as_of": f"{(fields.Datetime.now() + timedelta(minutes=1)).isoformat()}Z",
            "rows": [{"workorder": saw.mfg_uuid, "good": 7}],
        }
        message = self.send(document, route=route)
        self.assertEqual(message.state, "done", message.detail)
        cockpit = self.cockpit()
        self.assertEqual(
            (cockpit.dead_messages, cockpit.conflicts, cockpit.differences),
            tuple(count + 1 for count in counts),
        )
        self.assertEqual(cockpit.drift - drift, 3)
        self.assertFalse(cockpit.all_well)

    def test_only_this_company(self):
        self.planned(-60, -30)
        other = self.env["res.company"].create({"name": "Other plant"})
        cockpit = self.env["mfg.mes.cockpit"].with_company(other).create({})
        self.assertEqual((cockpit.company_id, cockpit.late_end), (other, 0))

    def test_who_sees_what(self):
        self.planned(-60, -30)
        saw = self.planned(5, 10)
        self.rejected(saw, 1, 400)
        worker = self.cockpit(self.user("mrp.group_mrp_user"))
        self.assertEqual((worker.late_end, worker.dead_messages), (1, 0))
        viewer = self.cockpit(self.user("mfg_integration_base.group_viewer"))
        self.assertEqual(viewer.late_end, 0, "operations are for users of manufacturing")
        self.assertGreaterEqual(viewer.dead_messages, 1)

    def test_live_state_of_a_work_center(self):
        saw = self.saw
        self.assertEqual((saw.mfg_live_state, saw.mfg_last_signal_at), ("idle", False))
        workorder = self.make_order().workorder_ids[0]
        self.booked(workorder, 1, 2, started_at="2026-11-20T06:00:00Z")
        saw.invalidate_recordset()
        self.assertEqual(saw.mfg_live_state, "running")
        self.assertEqual(f"{saw.mfg_live_since}", "2026-11-20 06:00:00")
        self.assertTrue(saw.mfg_last_signal_at)
        self.env["mrp.workcenter.productivity"].create(
            {"workcenter_id": saw.id, "loss_id": self.env.ref("mrp.block_reason0").id}
        )
        saw.invalidate_recordset()
        self.assertEqual(saw.mfg_live_state, "down")
