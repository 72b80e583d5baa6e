"""What happens to orders that were there before the addon, and to those of a neutralized copy."""

from odoo.tests import tagged
from odoo.tools import file_open

from ..hooks import post_init_hook
from ..models import mfg_production_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestInstall(MesCase):
    def test_orders_under_way_count_as_released(self):
        draft, running, done = (
            self.make_order(confirm=False),
            self.make_order(),
            self.make_simple_order(),
        )
        self.booked(done, 1, 10, "finished")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mrp_production SET mfg_released_at = NULL, mfg_closed_at = NULL,"
            " mfg_revision = NULL"
        )
        self.env.invalidate_all()
        with self.capture_outbox() as outbox:
            post_init_hook(self.env)
            self.assertFalse(outbox.messages, "nobody is told of what happened before")
        self.assertFalse(draft.mfg_released_at)
        self.assertTrue(running.mfg_released_at)
        self.assertFalse(running.mfg_closed_at)
        self.assertTrue(done.mfg_closed_at)
        with self.capture_outbox() as outbox:
            running.product_qty = 12
            running.action_cancel()
        self.assertEqual(self.types(outbox), ["order.quantity_changed", "order.cancelled"])
        self.assertEqual(self.events(outbox, payload.CANCELLED)[0]["revision"], 2)

    def test_a_neutralized_copy_is_run_by_people(self):
        order = self.make_order()
        self.picking_type.mfg_owner_default = "mes"
        self.env.flush_all()
        with file_open("mfg_integration_mes/data/neutralize.sql") as statements:
            self.env.cr.execute(statements.read())
        self.env.invalidate_all()
        self.assertEqual(order.mfg_owner, "odoo")
        order.workorder_ids[0].with_user(self.user("mrp.group_mrp_user")).button_start()
        self.assertEqual(self.make_order().mfg_owner, "odoo")
