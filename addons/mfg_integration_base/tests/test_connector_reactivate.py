"""A copy takes over: somebody says why, and what becomes of what waits."""

import os
from unittest.mock import patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ..const import ENV_ENVIRONMENT
from ..models.mfg_message_queue import QUEUES
from .common import MfgCase


@tagged("post_install", "-at_install")
class TestReactivate(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mine = cls.connector()
        cls.ping = cls.route(cls.mine)

    def setUp(self):
        super().setUp()
        self.waiting = self.inbox(self.ping, {"n": 1})
        # The database is somewhere else from here on.
        self.startPatcher(patch.dict(os.environ, {ENV_ENVIRONMENT: "development"}))
        self.mine.invalidate_recordset()
        self.assertFalse(self.mine.activated_here)

    def wizard(self, waiting="keep", reason="Moved to the new server", user=None):
        model = self.env["mfg.connector.reactivate"].with_user(user or self.env.user)
        return model.with_context(active_ids=self.mine.ids).create(
            {"waiting": waiting, "reason": reason}
        )

    def audited(self, act):
        return self.env["mfg.audit.entry"].search([("act", "=", act)], order="id")

    def orphan(self, lease):
        """As if a worker of the other database had been booking it, ``lease`` before it ends."""
        queue = self.env["mfg.message.queue"]
        queue._admit(QUEUES["in"], self.waiting.lane_id.id, 100)
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET state = 'running' WHERE id = %s RETURNING key_id",
            [self.waiting.id],
        )
        self.env.cr.execute(
            "UPDATE mfg_inbox_key SET worker = 'gone', claim_no = 7, due_at ="
            " statement_timestamp() AT TIME ZONE 'UTC' + %s::interval WHERE id = %s",
            [lease, self.env.cr.fetchone()[0]],
        )
        self.env.invalidate_all()

    def test_it_shows_what_differs_and_what_waits(self):
        wizard = self.wizard()
        self.assertEqual(wizard.connector_ids, self.mine)
        self.assertEqual((wizard.environment_before, wizard.environment), ("Test", "Development"))
        self.assertEqual(wizard.database, self.env.cr.dbname)
        self.assertEqual((wizard.out_count, wizard.in_count), (0, 1))

    def test_what_waits_goes_on(self):
        self.drain()
        self.assertEqual(self.waiting.state, "pending")
        self.wizard().action_reactivate()
        self.assertTrue(self.mine.activated_here)
        self.assertEqual(self.mine.environment, "development")
        self.drain()
        self.assertEqual(self.waiting.state, "done")

    def test_what_waits_is_cancelled_with_the_reason(self):
        self.wizard("cancel").action_reactivate()
        self.drain()
        self.assertEqual(self.waiting.state, "cancelled")
        self.assertIn("Moved to the new server", self.waiting.detail)
        [entry] = self.audited("cancel")
        self.assertEqual(entry.res_id, self.waiting.id)

    def test_what_was_on_its_way_there_is_cancelled_once_its_lease_is_over(self):
        self.orphan("10 seconds")
        with self.assertRaisesRegex(ValidationError, "in a minute"), self.cr.savepoint():
            self.wizard("cancel").action_reactivate()
        self.assertFalse(self.mine.activated_here)
        self.orphan("-1 second")
        self.wizard("cancel").action_reactivate()
        self.drain()
        self.assertEqual((self.waiting.state, self.waiting.attempt_count), ("cancelled", 0))

    def test_what_was_on_its_way_there_goes_on_if_it_shall(self):
        self.orphan("-1 second")
        self.wizard().action_reactivate()
        self.drain()
        self.assertEqual(self.waiting.state, "done")

    def test_it_is_audited(self):
        self.wizard("cancel").action_reactivate()
        [entry] = self.audited("reactivate")
        self.assertEqual((entry.model, entry.res_id), ("mfg.connector", self.mine.id))
        self.assertEqual((entry.reason, entry.before), ("Moved to the new server", "test"))
        self.assertIn("1 waiting messages cancelled", entry.after)

    def test_a_reason_is_needed(self):
        with self.assertRaisesRegex(ValidationError, "Say why"):
            self.wizard(reason=" ").action_reactivate()

    def test_only_what_is_not_active_here(self):
        self.mine.action_activate()
        wizard = self.env["mfg.connector.reactivate"].create(
            {"connector_ids": self.mine.ids, "waiting": "keep", "reason": "x"}
        )
        with self.assertRaisesRegex(ValidationError, "are active on this database"):
            wizard.action_reactivate()

    def test_managers_only(self):
        with self.assertRaises(AccessError):
            self.wizard(user=self.user("mfg_integration_base.group_operator"))
