from psycopg2.errors import CheckViolation, UniqueViolation

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MfgCase


@tagged("post_install", "-at_install")
class TestInboxRoute(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.connector()
        cls.orders = cls.route(cls.source, "test.order.v1")

    def spec(self, message_type="test.order.v1"):
        return self.env["mfg.inbox.route"]._spec(self.source.id, message_type)

    def refuse(self, says, **vals):
        with self.assertRaisesRegex(ValidationError, says), self.env.cr.savepoint():
            self.orders.write(vals)

    def test_message_types(self):
        for message_type in ("ping.v1", "production.report.v1", "a_b.c2.v12"):
            with self.subTest(message_type):
                self.assertTrue(self.route(self.source, message_type))

    def test_message_types_that_are_refused(self):
        for message_type in (
            "order",
            "order.v0",
            "Order.v1",
            "order v1",
            "order/x.v1",
            ".v1",
            "v1\n",
        ):
            with self.subTest(message_type):
                self.refuse("major version", message_type=message_type)

    @mute_logger("odoo.sql_db")
    def test_one_route_per_type(self):
        with self.assertRaises(UniqueViolation), self.env.cr.savepoint():
            self.route(self.source, "test.order.v1")

    def test_the_schema_has_to_be_one(self):
        self.refuse("schema", schema="{")
        self.refuse("schema", schema='{"type": "nothing"}')
        self.refuse("schema", schema='{"$ref": "https://partner.example/schema"}')

    def test_pointers(self):
        self.orders.write({"external_id_pointer": "/id", "ordering_pointer": "/a~1b/0/~0"})
        for name in ("external_id_pointer", "ordering_pointer"):
            for pointer in ("id", "a/b", "/a~b"):
                with self.subTest(f"{name} {pointer}"):
                    self.refuse("not a JSON pointer", **{name: pointer})

    def test_the_gateway_follows_changes(self):
        self.assertEqual(self.spec().id, self.orders.id)
        self.assertFalse(self.spec().schema.errors({}))
        self.orders.schema = '{"required": ["id"]}'
        self.assertTrue(self.spec().schema.errors({}))
        lane = self.env.ref("mfg_integration_base.lane_bulk")
        self.orders.lane_id = lane
        self.assertEqual(self.spec().lane_id, lane.id)
        self.orders.message_type = "test.order.v2"
        self.assertIsNone(self.spec())
        self.assertEqual(self.spec("test.order.v2").id, self.orders.id)
        self.orders.active = False
        self.assertIsNone(self.spec("test.order.v2"))
        self.orders.active = True
        self.orders.unlink()
        self.assertIsNone(self.spec("test.order.v2"))

    def test_what_waits_moves_with_its_route(self):
        message = self.inbox(self.orders, {})
        lane = self.env.ref("mfg_integration_base.lane_bulk")
        self.orders.lane_id = lane
        self.env.invalidate_all()
        self.assertEqual(message.lane_id, lane)
        self.drain()
        self.assertEqual(message.state, "done")

    def test_a_route_with_waiting_messages_is_not_deleted(self):
        """They were accepted: nobody else would book them. Uninstalling waits for them as well."""
        message = self.inbox(self.orders, {})
        for context in ({}, {MODULE_UNINSTALL_FLAG: True}):
            with self.subTest(context), self.assertRaisesRegex(ValidationError, "still wait"):
                self.orders.with_context(**context).unlink()
        self.drain()
        self.assertEqual(message.state, "done")
        self.orders.unlink()

    def test_a_dead_message_outlives_its_route_and_finds_the_next_one(self):
        self.orders.on_dead = "park"
        self.orders.schema = '{"required": ["id"]}'
        message = self.inbox(self.orders, {})
        self.env.cr.execute("UPDATE mfg_inbox_message SET body = '{' WHERE id = %s", [message.id])
        self.drain()
        self.assertEqual(message.state, "dead")
        self.orders.unlink()
        self.env.cr.execute("UPDATE mfg_inbox_message SET body = '{}' WHERE id = %s", [message.id])
        with self.assertRaisesRegex(ValidationError, "no route"), self.env.cr.savepoint():
            message.action_retry()
        self.assertEqual(message.state, "dead")
        route = self.route(self.source, "test.order.v1")
        message.action_retry()
        self.drain()
        self.assertEqual((message.state, message.route_id), ("done", route))
        self.assertFalse(self.env["mfg.inbox.key"].search_count([]))

    def test_a_route_stays_with_its_connector(self):
        """What it has accepted would be booked with the rights of another partner's user."""
        with self.assertRaisesRegex(ValidationError, "stays with"):
            self.orders.connector_id = self.connector()

    @mute_logger("odoo.sql_db")
    def test_identities_are_remembered(self):
        for days in (0, -1):
            with self.assertRaises(CheckViolation), self.env.cr.savepoint():
                self.orders.dedupe_days = days
                self.env.flush_all()
