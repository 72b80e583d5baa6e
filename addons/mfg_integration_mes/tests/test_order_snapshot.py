"""A snapshot: every open order, to one connector, with figures to check it by."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..models import mfg_production_payload as production_payload
from ..models import mfg_snapshot_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestOrderSnapshot(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(payload.SNAPSHOT, payload.SNAPSHOT_COMPLETED)

    def _open(self):
        return self.env["mrp.production"].search(
            [
                ("company_id", "=", self.env.company.id),
                ("state", "in", ("confirmed", "progress", "to_close")),
                ("mfg_released_at", "!=", False),
            ]
        )

    def test_open_orders(self):
        started = self.make_order()
        self.booked(started.workorder_ids[0], 1, 4)
        draft, gone = self.make_order(confirm=False), self.make_order()
        gone.action_cancel()
        with self.capture_outbox() as outbox:
            snapshot = self.listener._mfg_order_snapshot()
        told = {d["order"]["uuid"]: d for d in self.events(outbox, payload.SNAPSHOT)}
        self.assertEqual(set(told), set(self._open().mapped("mfg_uuid")))
        self.assertFalse({draft.mfg_uuid, gone.mfg_uuid} & set(told))
        data = told[started.mfg_uuid]
        self.assertEqual((data["snapshot"], data["state"]), (snapshot, "progress"))
        self.assertEqual(
            [(o["state"], o["good"]) for o in data["operations"]], [("progress", 4), ("ready", 0)]
        )
        self.assertIn(started._mfg_ordering_key(), outbox.messages.mapped("ordering_key"))

    def test_count_and_totals(self):
        orders = self.make_order() + self.make_order(quantity=5)
        with self.capture_outbox() as outbox:
            snapshot = self.listener._mfg_order_snapshot()
        (data,) = self.events(outbox, payload.SNAPSHOT_COMPLETED)
        told = self.events(outbox, payload.SNAPSHOT)
        self.assertEqual((data["snapshot"], data["orders"]), (snapshot, len(told)))
        self.assertGreaterEqual(len(told), len(orders))
        self.assertAlmostEqual(data["quantity_total"], sum(d["quantity"] for d in told))
        self.assertAlmostEqual(data["good_total"], sum(d["good"] for d in told))

    def test_one_order_again(self):
        order, closed, draft = (
            self.make_order(),
            self.make_simple_order(),
            self.make_order(confirm=False),
        )
        self.booked(closed, 1, 10, "finished")
        with self.capture_outbox() as outbox:
            (order | closed | draft).action_mfg_send_again()
        self.assertCountEqual(
            [(m.event_type, m.ordering_key) for m in outbox.messages],
            [
                (payload.SNAPSHOT, order._mfg_ordering_key()),
                (production_payload.COMPLETED, closed._mfg_ordering_key()),
            ],
        )
        with self.assertRaisesRegex(UserError, "Nobody is told"):
            draft.action_mfg_send_again()
        with self.assertRaises(AccessError):
            order.with_user(self.user("mrp.group_mrp_user")).action_mfg_send_again()

    def test_nobody_else_is_told(self):
        types = self.env["mfg.event.type"].search(
            [("code", "in", [payload.SNAPSHOT, payload.SNAPSHOT_COMPLETED])]
        )
        self.subscription(self.mes, types)
        self.make_order()
        with self.capture_outbox() as outbox:
            self.listener._mfg_order_snapshot()
        self.assertEqual(outbox.messages.connector_id, self.listener)

    def test_target_from_outside_is_none(self):
        """A context that came through RPC holds no target, and excludes nobody."""
        self.listen(payload.SNAPSHOT)
        order = self.make_order().with_context(mfg_snapshot_for={"connector_id": self.mes.id})
        with self.capture_outbox() as outbox:
            order._mfg_emit(payload.SNAPSHOT, lambda o: payload.snapshot(o, o.mfg_uuid))
        self.assertEqual(outbox.messages.connector_id, self.listener)

    def test_nobody_asked_for_it(self):
        with self.assertRaisesRegex(UserError, "snapshot"):
            self.mes._mfg_order_snapshot()

    def test_button(self):
        order = self.make_order()
        manager = self.user("mfg_integration_base.group_manager")
        listener = self.listener.with_user(manager)
        Form(listener)
        with self.capture_outbox() as outbox:
            action = listener.action_mfg_order_snapshot()
        self.assertIn(
            order.mfg_uuid, [d["order"]["uuid"] for d in self.events(outbox, payload.SNAPSHOT)]
        )
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), outbox.messages)

    def test_button_is_the_managers(self):
        viewer = self.user("mfg_integration_base.group_viewer")
        with self.assertRaises(AccessError):
            self.listener.with_user(viewer).action_mfg_order_snapshot()
