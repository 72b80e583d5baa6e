from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import config, mute_logger

from ..models import mfg_lane_actions, mfg_message_queue_counts
from ..models.mfg_message_queue import QUEUES
from .test_outbox_dispatcher import OutboxCase
from .test_worker import beat, let_pass, note_run

EVERYTHING_FINE = {"max_cron_threads": 99}


@tagged("post_install", "-at_install")
class TestLaneStatus(OutboxCase):
    def setUp(self):
        super().setUp()
        self.env.cr.execute("DELETE FROM mfg_worker")
        self.lane = self.env["mfg.lane"].create({"name": "Night", "code": "night"})
        self.subscriber.lane_id = self.lane
        self.startPatcher(patch.dict(config.options, EVERYTHING_FINE))

    def status(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.lane.status, self.lane.status_reason

    def runner(self):
        return beat(self.env, lane_rates={"night": 1.0})

    def age(self, model="mfg_outbox_message", **span):
        self.env.cr.execute(
            f"UPDATE {model} SET created_at = created_at - %s WHERE lane_id = %s",
            [timedelta(**span), self.lane.id],
        )

    def admit(self):
        self.env["mfg.message.queue"]._admit(QUEUES["out"], self.lane.id, 100)

    def test_nothing_waits(self):
        status, reason = self.status()
        self.assertEqual(status, "green", reason)
        self.assertFalse(self.lane.oldest_text)

    def test_due_without_a_runner(self):
        self.emit(self.first, 1)
        self.assertEqual(self.status()[0], "red")
        self.assertIn("no runner was ever seen", self.status()[1])
        worker = self.runner()
        self.assertEqual(self.status()[0], "green", self.status())
        let_pass(self.env, worker, minutes=5)
        self.assertEqual(self.status()[0], "red")
        self.assertIn("5 min", self.status()[1])
        self.admit()
        self.assertEqual(self.status()[0], "red", "the same once it has its key")

    def test_a_scheduled_actions_run_is_a_runner(self):
        self.emit(self.first, 1)
        run = note_run(self.env, "night", running=False, rate=3.0)
        self.assertEqual(self.status()[0], "green", self.status())
        let_pass(self.env, run, minutes=3)
        self.assertEqual(self.status()[0], "red")

    def test_what_is_paused_is_not_due(self):
        self.emit(self.first, 1)
        self.subscriber.state = "paused"
        self.assertEqual(self.status()[0], "green", self.status())
        self.assertEqual(self.lane.waiting_count, 1)

    def test_over_the_cap(self):
        self.runner()
        self.lane.backlog_cap = 3
        self.emit(self.first, 1, 2)
        self.assertEqual(self.status()[0], "yellow", "more than half")
        self.emit(self.first, 3, 4)
        self.assertEqual(self.status()[0], "red")
        self.assertIn("4 messages wait", self.status()[1])

    def test_over_the_cap_in_bytes(self):
        self.runner()
        self.emit(self.first, 1, 2)
        self.assertGreater(self.lane.waiting_size, 200)
        self.assertLess(self.lane.waiting_size, 20000)
        self.lane.backlog_cap_bytes = self.lane.waiting_size * 1.5
        self.assertEqual(self.status()[0], "yellow")
        self.lane.backlog_cap_bytes = 10
        self.assertEqual(self.status()[0], "red")
        self.assertIn("MB wait", self.status()[1])

    def test_a_message_older_than_its_flow_allows(self):
        self.runner()
        self.emit(self.first, 1)
        self.age(seconds=90)
        self.assertEqual(self.status()[0], "yellow", "a minute, where no flow says otherwise")
        self.assertEqual(self.lane.oldest_text, "90 s")
        self.type.flow_id = self.env["mfg.flow"].create(
            {"name": "Slow", "code": "slow", "target_seconds": 600}
        )
        self.assertEqual(self.status()[0], "green")
        self.age(seconds=600)
        self.admit()
        self.assertEqual(self.status()[0], "yellow")

    def test_dead_messages_that_nobody_looks_at(self):
        self.runner()
        self.partner.script = [400]
        self.emit(self.first, 1)
        self.drain()
        self.assertEqual(self.status()[0], "green", self.status())
        self.age(days=2)
        self.assertEqual(self.status()[0], "red")
        self.assertIn("since 2 d", self.status()[1])

    def test_too_few_cron_threads(self):
        """Unless a dedicated worker delivers."""
        actions = sum(self.env["mfg.lane"].search([]).mapped("action_count"))
        with patch.dict(config.options, {"max_cron_threads": actions + 1}):
            self.assertEqual(self.status()[0], "yellow")
            self.assertIn(f"max_cron_threads is {actions + 1}", self.status()[1])
            worker = self.runner()
            self.assertEqual(self.status()[0], "green")
            let_pass(self.env, worker, minutes=1)
            self.assertEqual(self.status()[0], "yellow")
        with patch.dict(config.options, {"max_cron_threads": actions + 2}):
            self.assertEqual(self.status()[0], "green")

    def test_counts_of_all_kinds(self):
        self.partner.script = [400]
        self.emit(self.first, 1, 2)  # dead, and parked behind it
        self.drain()
        self.emit(self.second, 3, 4)
        self.admit()
        self.emit(self.second, 5)  # not admitted
        self.status()
        self.assertEqual((self.lane.waiting_count, self.lane.dead_count), (4, 1))

    def test_above_some_thousands_the_rest_is_estimated(self):
        self.emit(self.first, *range(40))
        with patch.object(mfg_message_queue_counts, "ROWS", 10):
            self.status()
            self.assertAlmostEqual(self.lane.waiting_count, 40, delta=4)

    def test_a_retired_connectors_messages_end(self):
        self.partner.script = [400]
        dead = self.emit(self.first, 1)
        self.drain()
        parked = self.emit(self.first, 2)
        self.admit()
        ready = self.emit(self.second, 3)
        self.admit()
        new = self.emit(self.second, 4)
        running = self.emit(self.env["res.partner"].create({"name": "C"}), 5)
        self.admit()
        queue = self.env["mfg.message.queue"]
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = '2000-01-01' WHERE id ="
            " (SELECT key_id FROM mfg_outbox_message WHERE id = %s)",
            running.ids,
        )
        [claim] = queue._claim(QUEUES["out"], {self.subscriber.id: 1}, 1, "test")
        self.assertEqual(claim.message_id, running.id)
        self.sender.action_retire()
        self.env.flush_all()
        with mute_logger("odoo.sql_db"):
            while queue._cancel_retired(QUEUES["out"], self.sender.ids):
                pass
        self.env.invalidate_all()
        for message in parked | ready | new:
            self.assertEqual(
                (message.state, message.reason_code), ("cancelled", "connector_retired")
            )
            self.assertTrue(message.finished_at)
        self.assertEqual((dead.state, running.state), ("dead", "running"))
        self.status()
        self.assertEqual((self.lane.waiting_count, self.lane.dead_count), (1, 1))

    def test_an_action_hands_over_what_falls_due_later(self):
        self.partner.script = [503]
        self.emit(self.first, 1)
        self.drain()
        self.env.cr.execute(
            "UPDATE mfg_outbox_key SET due_at = (now() AT TIME ZONE 'UTC') + interval '1 hour'"
        )
        triggers = self.env["ir.cron.trigger"]
        mine = [("cron_id", "=", self.lane.cron_id.id)]
        with self.enter_registry_test_mode():
            for _run in range(2):
                self.env["mfg.dispatcher"]._hand_over(self.lane.id)
        found = triggers.search(mine)
        self.assertEqual(len(found), 1, "one call is enough")
        self.assertAlmostEqual((found.call_at - self.env.cr.now()).total_seconds(), 3600, delta=60)


@tagged("post_install", "-at_install")
class TestLaneActions(OutboxCase):
    def setUp(self):
        super().setUp()
        self.lane = self.env["mfg.lane"].create({"name": "Night", "code": "night"})

    def crons(self):
        """Whether each of the lane's actions that was ever made is active, by name."""
        data = self.env["ir.model.data"].search(
            [("model", "=", "ir.cron"), ("name", "=like", "cron_lane_night%")], order="name"
        )
        return {row.name: self.env["ir.cron"].browse(row.res_id).active for row in data}

    def test_as_many_actions_as_the_lane_says(self):
        self.assertEqual(self.crons(), {"cron_lane_night": True})
        self.lane.action_count = 3
        self.assertEqual(
            self.crons(),
            {"cron_lane_night": True, "cron_lane_night_2": True, "cron_lane_night_3": True},
        )
        self.assertEqual(len(self.lane.cron_ids), 3)
        self.assertIn(self.lane.cron_id, self.lane.cron_ids)
        third = self.lane._cron(3)
        self.assertIn("_cron_run('night', 3)", third.code)
        self.lane.action_count = 1
        self.assertEqual(
            self.crons(),
            {"cron_lane_night": True, "cron_lane_night_2": False, "cron_lane_night_3": False},
        )
        self.assertEqual(self.lane.cron_ids, self.lane.cron_id)
        self.lane.action_count = 3
        self.assertEqual(self.lane._cron(3), third, "the same again")
        self.assertTrue(third.active)

    def test_a_running_action_is_left_alone_and_finds_itself_surplus(self):
        self.lane.action_count = 2
        second = self.lane._cron(2)
        nobody = type(second).browse
        with patch.object(
            type(second), "try_lock_for_update", lambda records, **_how: nobody(records, [])
        ):
            self.lane.action_count = 1
        self.assertTrue(second.active)
        self.assertTrue(self.lane._is_surplus(2))
        with patch.object(type(self.env["mfg.dispatcher"]), "_run_lane") as run:
            self.env["mfg.dispatcher"]._cron_run("night", 2)
        run.assert_not_called()
        self.env["mfg.lane"]._fit_all_actions()
        self.assertFalse(second.active)

    def test_a_manager_may_do_it_without_rights_on_actions(self):
        manager = self.user("mfg_integration_base.group_manager", "base.group_user")
        self.lane.with_user(manager).action_count = 2
        self.assertEqual(len(self.crons()), 2)

    def test_the_number_has_limits(self):
        for number in (0, mfg_lane_actions.MOST_ACTIONS + 1):
            with (
                self.subTest(number),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.env.cr.savepoint(),
            ):
                self.lane.action_count = number
                self.env.flush_all()

    def test_a_deleted_lane_takes_all_its_actions_along(self):
        self.lane.action_count = 2
        crons = self.lane.cron_ids
        self.lane.unlink()
        self.assertFalse(crons.exists())

    def test_a_neutralized_copy_stays_silent(self):
        environment = type(self.env["mfg.environment"])
        with patch.object(environment, "_is_neutralized", lambda _self: True):
            self.lane.action_count = 2
        self.assertFalse(self.crons()["cron_lane_night_2"])
