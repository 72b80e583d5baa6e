import re

from psycopg2.errors import CheckViolation, RestrictViolation

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import StateWriteRefused
from ..tools.lifecycle import State
from .common import MfgCase, MfgHttpCase

QUEUES = ("mfg.outbox.message", "mfg.inbox.message")


@tagged("post_install", "-at_install")
class TestLifecycleConstraint(MfgCase):
    """The database, the selection and the table of states say the same; nobody else writes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_connector = cls.connector()
        cls.test_type = cls.event_type("mfg.test.state.changed.v1")
        cls.subscription(cls.partner_connector, cls.test_type)
        cls.inbox_route = cls.route(cls.partner_connector)

    def setUp(self):
        super().setUp()
        self.env["res.partner"].create({"name": "P"})._mfg_emit(self.test_type.code, {})
        self.inbox(self.inbox_route, {})

    def newest(self, model):
        return self.env[model].search([], order="id desc", limit=1)

    def test_check_equals_the_table_of_states(self):
        for model in QUEUES:
            with self.subTest(model):
                self.env.cr.execute(
                    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
                    [f"{self.env[model]._table}_state_known"],
                )
                definition = self.env.cr.fetchone()[0]
                self.assertEqual(set(re.findall(r"'(\w+)'", definition)), set(map(str, State)))

    def test_selection_equals_the_table_of_states(self):
        for model in QUEUES:
            values = [value for value, _label in self.env[model]._fields["state"].selection]
            self.assertEqual(values, list(map(str, State)))

    def test_the_database_refuses_another_state(self):
        for model in QUEUES:
            message = self.newest(model)
            with (
                self.subTest(model),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(
                    f"UPDATE {message._table} SET state = 'lost' WHERE id = %s", [message.id]
                )

    def test_orm_writes_are_refused(self):
        # As superuser: no right lifts this.
        for model in (*QUEUES, "mfg.event", "mfg.attempt"):
            with self.subTest(model):
                record = self.newest(model)
                with self.assertRaises(StateWriteRefused):
                    self.env[model].create({"uuid": "x"})
                if record:
                    with self.assertRaises(StateWriteRefused):
                        record.write({"ordering_key": "other"})
                    with self.assertRaises(StateWriteRefused):
                        record.unlink()

    def test_assigning_a_state_is_refused(self):
        for model in QUEUES:
            message = self.newest(model)
            self.assertEqual(message.state, "pending")
            with self.subTest(model), self.assertRaises(StateWriteRefused):
                message.state = "done"

    def test_a_closed_attempt_is_frozen(self):
        message = self.newest("mfg.inbox.message")
        self.drain()
        attempt = message.attempt_ids
        self.assertEqual((len(attempt), attempt.outcome), (1, "delivered"))
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(RestrictViolation, "closed attempt"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(
                "UPDATE mfg_attempt SET outcome = 'retry' WHERE id = %s", [attempt.id]
            )


@tagged("post_install", "-at_install")
class TestStateOverRpc(MfgHttpCase):
    def test_rpc_cannot_write_a_message(self):
        message = self.inbox(self.route(self.connector()), {})
        manager = self.user("mfg_integration_base.group_manager", "base.group_system")
        self.authenticate(manager.login, manager.login)
        calls = {
            "write": [[message.id], {"state": "done"}],
            "web_save": [[message.id], {"state": "done"}],
            "create": [[{"uuid": "x", "state": "done"}]],
            "unlink": [[message.id]],
            "copy": [[message.id]],
        }
        for method, args in calls.items():
            with self.subTest(method), mute_logger("odoo.http"):
                kwargs = {"specification": {}} if method == "web_save" else {}
                answer = self.url_open(
                    "/web/dataset/call_kw",
                    json={
                        "jsonrpc": "2.0",
                        "method": "call",
                        "params": {
                            "model": message._name,
                            "method": method,
                            "args": args,
                            "kwargs": kwargs,
                        },
                    },
                ).json()
                self.assertIn("error", answer)
        message.invalidate_recordset()
        self.assertEqual(message.state, "pending")
        self.assertEqual(self.env["mfg.inbox.message"].search_count([("uuid", "=", "x")]), 0)
