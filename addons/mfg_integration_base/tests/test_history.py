from datetime import timedelta
from unittest.mock import patch

from odoo import fields

from ..models import mfg_retention
from .test_outbox_dispatcher import OutboxCase


class TestHistory(OutboxCase):
    def rows(self, table):
        self.env.cr.execute(f"SELECT id FROM {table} ORDER BY id")
        return [row[0] for row in self.env.cr.fetchall()]

    def test_what_is_finished_leaves_the_hot_table_and_stays_in_sight(self):
        done = self.emit(self.first, 1)
        self.drain()
        # Only then: two objects' messages go out at once, in no order.
        self.partner.script = [400]
        dead = self.emit(self.second, 2)
        self.drain()
        self.assertNotIn(done.id, self.rows("ONLY mfg_outbox_message"))
        self.assertIn(done.id, self.rows("mfg_outbox_message_history"))
        self.assertIn(dead.id, self.rows("ONLY mfg_outbox_message"))
        self.assertEqual(
            self.env["mfg.outbox.message"].search([("id", "in", (done + dead).ids)]), dead + done
        )
        self.assertEqual(done.event_id.outbox_message_ids, done)
        self.assertEqual(done.attempt_ids.outcome, "delivered")
        self.env["mfg.message.queue"]._cancel(dead, "test")
        self.assertNotIn(dead.id, self.rows("ONLY mfg_outbox_message"))
        self.assertEqual(dead.state, "cancelled")

    def test_the_two_tables_agree_on_their_columns(self):
        for table in ("mfg_outbox_message", "mfg_inbox_message"):
            self.env.cr.execute(
                "SELECT table_name, array_agg(column_name::text ORDER BY column_name)"
                "  FROM information_schema.columns WHERE table_name IN (%s, %s)"
                " GROUP BY table_name",
                [table, f"{table}_history"],
            )
            self.assertEqual(len({tuple(row[1]) for row in self.env.cr.fetchall()}), 1)


class TestRetention(OutboxCase):
    def setUp(self):
        super().setUp()
        self.flow = self.env["mfg.flow"].create(
            {"name": "Short", "code": "short", "retention_days": 2}
        )
        self.type.flow_id = self.flow

    def age(self, days, *messages):
        """Let these have happened so many days ago."""
        past = fields.Datetime.now() - timedelta(days=days)
        for message in messages:
            self.env.cr.execute(
                "UPDATE mfg_outbox_message SET finished_at = %s"
                " WHERE id = %s AND finished_at IS NOT NULL",
                [past, message.id],
            )
            self.env.cr.execute(
                "UPDATE mfg_event SET recorded_at = %s WHERE id = %s", [past, message.event_id.id]
            )
        self.env.invalidate_all()

    def prune(self):
        # The action commits its progress; in a test there is one transaction only.
        commit = patch.object(type(self.env["ir.cron"]), "_commit_progress", autospec=True)
        with commit, self.enter_registry_test_mode():
            self.env["mfg.retention"]._cron_prune()
        self.env.invalidate_all()

    def test_by_flow(self):
        old, young = self.emit(self.first, 1), self.emit(self.second, 2)
        self.drain()
        self.age(3, old)
        self.age(1, young)
        old_event, old_attempts = old.event_id, old.attempt_ids
        self.prune()
        self.assertFalse(old.exists() or old_event.exists() or old_attempts.exists())
        self.assertTrue(young.exists() and young.event_id.exists() and young.attempt_ids)

    def test_what_waits_is_never_deleted(self):
        self.partner.script = [400]
        dead, waiting = self.emit(self.first, 1, 2)
        self.drain()
        self.age(400, dead, waiting)
        self.prune()
        self.assertTrue(dead.exists() and dead.event_id.exists() and waiting.event_id.exists())

    def test_many_are_deleted_in_small_transactions(self):
        things = self.env["res.partner"].create([{"name": str(n)} for n in range(7)])
        with self.capture_outbox() as outbox:
            things._mfg_emit(self.code, lambda thing: {"n": int(thing.name)})
        messages = outbox.messages
        self.drain()
        self.age(3, *messages)
        events = messages.event_id
        with patch.object(mfg_retention, "CHUNK", 2):
            self.prune()
        self.assertFalse(messages.exists() or events.exists())

    def test_types_that_left_the_catalogue(self):
        message = self.emit(self.first, 1)
        self.drain()
        self.env.cr.execute(
            "UPDATE mfg_outbox_message SET event_type = 'mfg.gone.away.v1' WHERE id = %s",
            [message.id],
        )
        self.age(mfg_retention.RETENTION_DAYS + 1, message)
        self.prune()
        self.assertFalse(message.exists())
