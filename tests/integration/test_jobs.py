"""Queue jobs with cursors that really commit: all or nothing, never twice at once."""

import json
import threading
import time

import pytest

from odoo.addons.mfg_integration_base.models import (
    base_job,
    mfg_booking_dispatcher,
    mfg_dispatcher,
)
from odoo.addons.mfg_integration_base.models.cursors import own_env
from odoo.addons.mfg_integration_base.tools.job import job

from tests.harness import databases
from tests.harness.waiting import wait_for

from . import engine
from .conftest import transaction

RUNNING = 30
"""How long a test waits for a runner, in seconds."""


class Lane:
    """A lane in which this test alone runs jobs, each of which is a call of ``body``."""

    def __init__(self, flow, monkeypatch):
        self.registry = flow.registry
        self.lane_id = flow.lane_id
        with transaction(self.registry) as env:
            self.code = env["mfg.lane"].browse(flow.lane_id).code
            subscription = env["mfg.subscription"].search(
                [("builtin", "=", True), ("lane_id", "=", flow.lane_id),
                 ("company_id", "=", env.company.id)]
            )  # fmt: skip
            subscription.connector_id.action_activate()  # this database is a copy
            self.subscription_id = subscription.id
            self.partner_id = env["res.partner"].create({"name": "job", "ref": "0"}).id
        self.body = lambda records: None
        lane = self

        @job
        def mfg_test_job(records, *args):
            return lane.body(records, *args)

        monkeypatch.setattr(
            self.registry["res.partner"], "mfg_test_job", mfg_test_job, raising=False
        )

    def enqueue(self, *args, **how):
        with transaction(self.registry) as env:
            partner = env["res.partner"].browse(self.partner_id)
            return partner._mfg_enqueue("mfg_test_job", args=list(args), lane=self.code, **how)

    def run(self):
        """Run jobs until none is due; how many."""
        with transaction(self.registry) as env:
            return env["mfg.local.dispatcher"]._pump(
                self.lane_id, "test", deadline=time.monotonic() + RUNNING, should_stop=lambda: False
            )

    def messages(self, *columns):
        return databases.query(
            self.registry.db_name,
            f"SELECT {', '.join(columns)} FROM mfg_outbox_message"
            " WHERE subscription_id = %s ORDER BY id",
            [self.subscription_id],
        )

    def ref(self):
        ((ref,),) = databases.query(
            self.registry.db_name, "SELECT ref FROM res_partner WHERE id = %s", [self.partner_id]
        )
        return ref

    def keys(self):
        return databases.query(
            self.registry.db_name,
            "SELECT count(*) FROM mfg_outbox_key WHERE owner_id = %s",
            [self.subscription_id],
        )


@pytest.fixture
def lane(flow, monkeypatch):
    return Lane(flow, monkeypatch)


def add_one(records):
    records.ref = str(int(records.ref) + 1)


def test_the_work_and_done_commit_together(lane):
    """While the job has done its work and not ended, nobody sees either."""
    seen = []

    def body(records):
        add_one(records)
        records.env.flush_all()
        seen.append((lane.ref(), lane.messages("state")))

    lane.body = body
    lane.enqueue()
    assert lane.run() == 1
    assert seen == [("0", [("running",)])]
    assert (lane.ref(), lane.messages("state")) == ("1", [("done",)])
    assert lane.keys() == [(0,)]


def test_a_runner_that_lost_its_lease_leaves_nothing(lane):
    """It is slow, its lease ends, another runner does the job; then the slow one comes back."""

    def body(records):
        if not bodies:
            bodies.append("slow")
            engine.let_leases_run_out(lane)
            assert lane.run() == 1  # the other runner, on its own cursors
        else:
            bodies.append("quick")
        add_one(records)

    bodies = []
    lane.body = body
    lane.enqueue()
    lane.run()
    assert bodies[:2] == ["slow", "quick"]
    assert lane.ref() == "1"
    assert lane.messages("state", "attempt_count") == [("done", 2)]
    assert lane.keys() == [(0,)]


def test_a_runner_that_dies_leaves_nothing(lane, monkeypatch):
    """Killed after the work, before the commit: another one does the job from the start."""

    class Killed(BaseException):
        """Nothing of ours catches it."""

    def die(*_args, **_kwargs):
        raise Killed

    lane.body = add_one
    lane.enqueue()
    with monkeypatch.context() as patch:
        patch.setattr(lane.registry["mfg.local.dispatcher"], "_settle", die)
        with pytest.raises(Killed):
            lane.run()
    assert (lane.ref(), lane.messages("state")) == ("0", [("running",)])
    assert lane.run() == 0  # the dead runner's lease still holds
    engine.let_leases_run_out(lane)
    assert lane.run() == 1
    assert (lane.ref(), lane.messages("state")) == ("1", [("done",)])


def test_runners_never_run_one_job_twice_at_once(lane):
    running, overlaps, lock = {}, [], threading.Lock()

    def body(records, number):
        with lock:
            if number in running:
                overlaps.append(number)
            running[number] = running.get(number, 0) + 1
        time.sleep(0.002)  # room for somebody who would overlap

    lane.body = body
    for number in range(40):
        lane.enqueue(number, key=f"key {number % 5}" if number % 2 else None)
    runners = [threading.Thread(target=lane.run) for _n in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(RUNNING)
    assert overlaps == []
    lane.run()
    assert sorted(running) == list(range(40))
    assert set(running.values()) == {1}
    assert set(lane.messages("state", "attempt_count")) == {("done", 1)}


def test_a_serialization_failure_runs_it_again_as_a_whole(lane, monkeypatch):
    monkeypatch.setattr("odoo.service.model.random.uniform", lambda _low, _high: 0.0)
    runs = []

    def body(records):
        runs.append(records.ref)  # the snapshot is taken here at the latest
        if len(runs) == 1:
            with transaction(lane.registry) as env:
                env["res.partner"].browse(records.id).ref = "10"
        add_one(records)

    lane.body = body
    lane.enqueue()
    lane.run()
    assert runs == ["0", "10"]
    assert (lane.ref(), lane.messages("state", "attempt_count")) == ("11", [("done", 1)])


def test_each_job_sees_what_was_committed_before_it(lane):
    seen = []

    def body(records):
        seen.append(records.ref)
        add_one(records)

    lane.body = body
    for _n in range(3):
        lane.enqueue(key="one")
    lane.run()
    assert seen == ["0", "1", "2"]


def test_a_job_may_commit(lane):
    """What it has committed stays; what comes after goes with the failure."""

    def body(records):
        add_one(records)
        records.env.cr.commit()
        add_one(records)
        records.env.flush_all()
        raise ValueError("too late")

    lane.body = body
    lane.enqueue()
    lane.run()
    assert lane.ref() == "1"
    assert lane.messages("state", "reason_code") == [("retrying", "job_failed")]


def test_progress_does_not_make_the_job_s_own_commit_fail(lane):
    """It is seen by others at once, and written to no row that the job's transaction ends with."""
    seen = []

    def body(records):
        add_one(records)
        records.env.flush_all()
        records._mfg_job_progress(1, 4, "a quarter")
        with own_env(lane.registry) as env:
            message = env["mfg.outbox.message"].search(
                [("subscription_id", "=", lane.subscription_id)]
            )
            seen.append((message.state, message.progress_percent, message.progress_text))

    lane.body = body
    lane.enqueue()
    lane.run()
    assert seen == [("running", 25, "a quarter")]
    assert (lane.ref(), lane.messages("state", "attempt_count")) == ("1", [("done", 1)])


def test_cancelled_while_it_runs(lane, monkeypatch):
    monkeypatch.setattr(base_job, "PROGRESS_SECONDS", 0.0)
    asked, steps = threading.Event(), []

    def body(records):
        add_one(records)
        records.env.flush_all()
        while True:
            steps.append(1)
            records._mfg_job_progress(len(steps), 100)
            assert asked.wait(RUNNING)

    lane.body = body
    lane.enqueue()
    runner = threading.Thread(target=lane.run)
    runner.start()
    wait_for(lambda: steps, RUNNING, "the job to start")
    with transaction(lane.registry) as env:
        message = env["mfg.outbox.message"].search([("subscription_id", "=", lane.subscription_id)])
        wizard = env["mfg.message.cancel"].create(
            {"res_model": message._name, "res_ids": str(message.id), "reason": "no need"}
        )
        wizard.action_cancel()
    asked.set()
    runner.join(RUNNING)
    assert not runner.is_alive()
    ((state, reason, detail, finished),) = lane.messages(
        "state", "reason_code", "detail", "finished_at"
    )
    assert (state, reason, lane.ref()) == ("cancelled", "cancelled_by_user", "0")
    assert "no need" in detail
    assert finished
    assert lane.keys() == [(0,)]
    assert databases.query(lane.registry.db_name, "SELECT * FROM mfg_job_progress", []) == []


def test_a_job_that_ends_before_it_hears_of_the_request_is_done(lane):
    def body(records):
        add_one(records)
        with transaction(lane.registry) as env:
            message = env["mfg.outbox.message"].search(
                [("subscription_id", "=", lane.subscription_id)]
            )
            env["mfg.message.queue"]._cancel(message, "somebody")

    lane.body = body
    lane.enqueue()
    lane.run()
    assert (lane.ref(), lane.messages("state", "attempt_count")) == ("1", [("done", 1)])


def test_a_job_that_fails_after_the_request_is_not_tried_again(lane):
    def body(_records):
        with transaction(lane.registry) as env:
            message = env["mfg.outbox.message"].search(
                [("subscription_id", "=", lane.subscription_id)]
            )
            env["mfg.message.queue"]._cancel(message, "somebody: no need")
        raise ValueError("a fault")

    lane.body = body
    lane.enqueue()
    lane.run()
    assert lane.messages("state", "detail") == [("cancelled", "somebody: no need")]


def test_sending_and_jobs_leave_each_other_s_messages_alone(lane, flow):
    lane.enqueue()
    with transaction(flow.registry) as env:
        flow.emit(env, "partner")
    engine.admit(flow)
    queue, fingerprint = engine.OUT, None
    with engine.runner(flow.registry) as env:
        fingerprint = env["mfg.environment"]._fingerprint()
        model = env["mfg.message.queue"]

        def owners(local):
            due = model._due_owners(queue, flow.lane_id, fingerprint, local=local)
            return {owner.id for owner in due}

        assert owners(True) == {lane.subscription_id}
        assert owners(False) == {flow.subscription_id}
        assert owners(None) == {lane.subscription_id, flow.subscription_id}
        for local in (True, False, None):
            assert model._seconds_until_due(queue, flow.lane_id, fingerprint, local) == 0
            assert not model._has_new(queue, flow.lane_id, local)
    lane.enqueue()
    with engine.runner(flow.registry) as env:
        model = env["mfg.message.queue"]
        new = [model._has_new(queue, flow.lane_id, local) for local in (True, False, None)]
    assert new == [True, False, True]


def test_the_lane_s_scheduled_action_runs_jobs(lane, monkeypatch):
    monkeypatch.setattr(mfg_dispatcher, "LINGER_SECONDS", 0.1)
    lane.body = add_one
    lane.enqueue()
    with transaction(lane.registry) as env:
        env["mfg.dispatcher"]._run_lane(lane.lane_id, lane.code, time.monotonic() + RUNNING)
    assert (lane.ref(), lane.messages("state")) == ("1", [("done",)])


def test_new_messages_are_met_while_there_is_a_backlog(lane, monkeypatch):
    """Enqueued last, by a job in the middle: it does not wait for all that was there before."""
    monkeypatch.setattr(mfg_booking_dispatcher, "ADMIT_SECONDS", 0.0)
    order = []

    def body(records, number):
        order.append(number)
        if number == 1:
            lane.enqueue(99)

    lane.body = body
    for number in range(6):
        lane.enqueue(number, key="one")
    lane.run()
    assert sorted(order) == [0, 1, 2, 3, 4, 5, 99]
    assert order.index(99) < order.index(5)


def test_those_claimed_with_one_that_turns_out_long_are_given_back(lane, monkeypatch):
    """Short jobs are claimed many at once. Those behind a long one are as if never claimed."""
    monkeypatch.setattr(mfg_booking_dispatcher, "STALE_SECONDS", 0.05)
    order = []

    def body(_records, number):
        order.append(number)
        if number == 1:
            time.sleep(0.1)  # long enough to be long
            assert lane.messages("state") == [("done",), ("running",), ("running",)]

    lane.body = body
    for number in range(3):
        lane.enqueue(number)
    lane.run()
    assert order == [0, 1, 2]
    assert lane.messages("state", "attempt_count") == [("done", 1)] * 3


def test_a_forged_row_calls_nothing(lane):
    """Whoever writes to the database by other means still calls marked methods only."""
    lane.body = add_one
    lane.enqueue()
    ((data,),) = databases.query(
        lane.registry.db_name,
        "SELECT data FROM mfg_event e JOIN mfg_outbox_message m ON m.event_id = e.id"
        " WHERE m.subscription_id = %s",
        [lane.subscription_id],
    )
    forged = json.dumps({**json.loads(data), "method": "unlink"})
    databases.query(
        lane.registry.db_name,
        "UPDATE mfg_event SET data = %s WHERE id IN (SELECT event_id FROM mfg_outbox_message"
        " WHERE subscription_id = %s) RETURNING id",
        [forged, lane.subscription_id],
    )
    lane.run()
    assert lane.messages("state", "reason_code") == [("dead", "handler_failed")]
    assert lane.ref() == "0"
