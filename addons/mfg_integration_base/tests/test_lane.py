from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import MfgCase


@tagged("post_install", "-at_install")
class TestLane(MfgCase):
    def lane(self, code="night"):
        return self.env["mfg.lane"].create({"name": "Night", "code": code})

    def test_a_lane_in_use_is_not_archived(self):
        """It has no runner then: what is written for it would wait for ever, unseen."""
        connector = self.connector()
        owners = (
            self.subscription(connector, self.event_type("mfg.test.thing.happened.v1")),
            self.route(connector, active=False),
        )
        for number, owner in enumerate(owners):
            with self.subTest(owner._name):
                lane = self.lane(f"night{number}")
                owner.lane_id = lane
                with self.assertRaisesRegex(ValidationError, "in use"):
                    lane.active = False
                owner.lane_id = self.env.ref("mfg_integration_base.lane_bulk")
                lane.active = False
                with self.assertRaisesRegex(ValidationError, "archived"):
                    owner.lane_id = lane

    def test_a_deleted_lane_takes_its_action_along(self):
        lane = self.lane()
        cron = lane.cron_id
        lane.unlink()
        self.assertFalse(cron.exists())
        self.assertTrue(self.lane().cron_id, "its code is free again")

    def test_deleting_a_lane_takes_no_other_action_along(self):
        lane = self.lane()
        other = self.env.ref("base.autovacuum_job")
        lane.cron_id = other
        lane.unlink()
        self.assertTrue(other.exists())
