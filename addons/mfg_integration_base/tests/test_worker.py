from datetime import timedelta

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..exceptions import StateWriteRefused
from ..models.mfg_worker import CRON_KEEP_MINUTES, LOST_SECONDS
from .common import MfgCase

PROCESS = {"host": "plant", "pid": 7, "version": "19.0.1.0.0"}


def beat(env, name="worker@plant:7", **values):
    env["mfg.worker"]._beat(
        **{
            "name": name,
            **PROCESS,
            "first": False,
            "stopping": False,
            "totals": {"out": 10, "in": 2},
            "rates": {"out": 2.0, "in": 0.4},
            "lane_rates": {"critical": 2.4, "bulk": 0.0},
            "in_flight": 3,
            **values,
        }
    )
    env.invalidate_all()
    return env["mfg.worker"].search([("name", "=", name), ("kind", "=", "worker")])


def note_run(env, code="critical", number=1, *, running, seconds=0, rate=0.0):
    name = "cron@plant:8"
    env["mfg.worker"]._note_run(
        name=name, slot=f"{code}/{number}", **PROCESS, code=code, running=running,
        seconds=seconds, rate=rate,
    )  # fmt: skip
    env.invalidate_all()
    return env["mfg.worker"].search([("name", "=", name), ("slot", "=", f"{code}/{number}")])


def let_pass(env, workers, **span):
    """What the passing of time does, by the clock that decides: the database's."""
    env.cr.execute(
        "UPDATE mfg_worker SET last_seen_at = last_seen_at - %(span)s,"
        " alive_until = alive_until - %(span)s, started_at = started_at - %(span)s"
        " WHERE id = ANY(%(ids)s)",
        {"span": timedelta(**span), "ids": workers.ids},
    )
    env.invalidate_all()


@tagged("post_install", "-at_install")
class TestWorker(MfgCase):
    def setUp(self):
        super().setUp()
        self.env.cr.execute("DELETE FROM mfg_worker")

    def test_a_sign_of_life_is_one_row_that_is_kept_up_to_date(self):
        first = beat(self.env, first=True)
        started = first.started_at
        let_pass(self.env, first, seconds=5)
        again = beat(self.env, totals={"out": 30, "in": 2}, in_flight=0, stopping=True)
        self.assertEqual(again, first)
        self.assertEqual(first.started_at, started - timedelta(seconds=5))
        self.assertEqual(
            (first.state, first.out_count, first.in_count, first.in_flight, first.lanes),
            ("stopping", 30, 2, 0, "critical, bulk"),
        )
        self.assertAlmostEqual(first.average_rate, 32 / 5, places=0)

    def test_a_process_that_gets_an_old_name_starts_anew(self):
        """Process numbers come again, in containers at once."""
        old = beat(self.env, first=True)
        let_pass(self.env, old, hours=1)
        before = old.started_at
        new = beat(self.env, first=True, totals={})
        self.assertEqual(new, old)
        self.assertGreater(new.started_at, before)

    def test_silence_means_lost_and_is_forgotten_after_a_day(self):
        worker = beat(self.env)
        self.assertEqual(worker.state, "running")
        let_pass(self.env, worker, seconds=LOST_SECONDS + 1)
        self.assertEqual(worker.state, "lost")
        self.assertFalse(self.env["mfg.worker"]._has_dedicated())
        self.env["mfg.worker"]._prune()
        self.assertTrue(worker.exists())
        let_pass(self.env, worker, days=1)
        self.env["mfg.worker"]._prune()
        self.assertFalse(worker.exists())

    def test_an_orderly_end_takes_the_row_away_and_no_other(self):
        ended, other = beat(self.env), beat(self.env, name="worker@plant:9")
        self.env["mfg.worker"]._end("worker@plant:7")
        self.assertEqual((ended | other).exists(), other)

    def test_a_run_of_a_scheduled_action(self):
        run = note_run(self.env, running=True, seconds=50)
        self.assertEqual((run.state, run.lanes), ("running", "critical"))
        self.assertEqual(note_run(self.env, running=False, rate=7.5), run)
        self.assertEqual(run.state, "idle")
        self.assertNotEqual(note_run(self.env, number=2, running=True), run)
        # A run that has ended is over, however long ago, and is soon forgotten.
        let_pass(self.env, run, minutes=CRON_KEEP_MINUTES + 1)
        self.assertEqual(run.state, "idle")
        self.env["mfg.worker"]._prune()
        self.assertFalse(run.exists())

    def test_a_run_that_was_killed_is_lost(self):
        run = note_run(self.env, running=True, seconds=50)
        let_pass(self.env, run, minutes=4)
        self.assertEqual(run.state, "lost")

    def test_what_lanes_learn_of_their_runners(self):
        beat(self.env)
        beat(self.env, name="worker@plant:9", lane_rates={"critical": 1.0})
        lost = beat(self.env, name="worker@plant:10", lane_rates={"critical": 99.0, "night": 1.0})
        let_pass(self.env, lost, minutes=10)
        runners = self.env["mfg.worker"]._runners()
        self.assertEqual(runners["critical"][0], 0)
        self.assertAlmostEqual(runners["critical"][1], 3.4)
        self.assertAlmostEqual(runners["night"][0], 600, delta=60)
        self.assertEqual(runners["night"][1], 0)
        self.assertNotIn("standard", runners)

    def test_a_scheduled_action_notes_its_runs(self):
        lane = self.env["mfg.lane"].create({"name": "Night", "code": "night", "time_budget": 1})
        with self.enter_registry_test_mode():
            self.env["mfg.dispatcher"]._note_run("night", 1, running=True, seconds=1)
        row = self.env["mfg.worker"].search([("lanes", "=", lane.code)])
        self.assertEqual((row.kind, row.state, row.slot), ("cron", "running", "night/1"))

    def test_only_the_engine_writes_rows(self):
        worker = beat(self.env)
        for verb in (
            lambda records: records.create({"name": "x"}),
            lambda records: records.write({"phase": "idle"}),
            lambda records: records.unlink(),
        ):
            with self.assertRaises(StateWriteRefused):
                verb(worker)
            with self.assertRaises(UserError):
                verb(worker.with_user(self.user("mfg_integration_base.group_manager")))

    def test_a_viewer_of_any_company_sees_workers_and_lanes(self):
        worker = beat(self.env)
        company = self.env["res.company"].create({"name": "Another"})
        viewer = self.user("mfg_integration_base.group_viewer", "base.group_user", company=company)
        self.assertEqual(worker.with_user(viewer).state, "running")
        lane = self.env.ref("mfg_integration_base.lane_critical").with_user(viewer)
        self.assertTrue(lane.status_reason)
        self.assertAlmostEqual(lane.rate, 2.4)
