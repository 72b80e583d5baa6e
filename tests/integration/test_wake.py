"""Waking: what comes while a scheduled action runs, or just when it ends, is not left lying."""

import select
import threading
import time
from contextlib import contextmanager

import psycopg2
import pytest

from odoo.addons.mfg_integration_base.models import mfg_dispatcher, wake
from odoo.addons.mfg_integration_base.models.wake import tell

from tests.harness import databases
from tests.harness.waiting import wait_for

from . import engine
from .conftest import transaction


@pytest.fixture
def cron_id(flow):
    """The scheduled action of the flow's lane, switched on but run by nobody here."""
    ((cron_id,),) = databases.query(
        flow.registry.db_name, "SELECT cron_id FROM mfg_lane WHERE id = %s", [flow.lane_id]
    )
    databases.query(
        flow.registry.db_name, "UPDATE ir_cron SET active = true WHERE id = %s", [cron_id]
    )
    yield cron_id
    databases.query(
        flow.registry.db_name, "UPDATE ir_cron SET active = false WHERE id = %s", [cron_id]
    )


@contextmanager
def running(flow, cron_id):
    """The locks of Odoo while it runs an action: its row, and its triggers, deleted but not
    committed."""
    with databases.connect(flow.registry.db_name) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM ir_cron WHERE id = %s FOR NO KEY UPDATE", [cron_id])
        cursor.execute("DELETE FROM ir_cron_trigger WHERE cron_id = %s", [cron_id])
        yield
        cursor.execute("COMMIT")


def triggers(flow, cron_id):
    ((count,),) = databases.query(
        flow.registry.db_name, "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s", [cron_id]
    )
    return count


@contextmanager
def cron_threads():
    """Hears what Odoo's cron threads hear: a function that lists the databases called."""
    with databases.connect(databases.MAINTENANCE) as connection, connection.cursor() as cursor:
        cursor.execute("LISTEN cron_trigger")

        def heard():
            select.select([connection], [], [], 1)
            connection.poll()
            names = [notify.payload for notify in connection.notifies]
            connection.notifies.clear()
            return names

        yield heard


def test_an_idle_action_gets_one_trigger_and_a_call_each_time(flow, cron_id):
    for _wake in range(2):
        with cron_threads() as heard:
            tell(flow.registry.db_name, {(flow.lane_id, "")})
            assert flow.registry.db_name in heard()
        assert triggers(flow, cron_id) == 1


def test_a_wake_during_a_run_outlives_the_run(flow, cron_id):
    tell(flow.registry.db_name, {(flow.lane_id, "")})
    with running(flow, cron_id), cron_threads() as heard:
        tell(flow.registry.db_name, {(flow.lane_id, "")})
        tell(flow.registry.db_name, {(flow.lane_id, "")})
        assert flow.registry.db_name not in heard()  # they could not run it anyway
    assert triggers(flow, cron_id) == 1


def test_an_archived_action_is_not_triggered(flow):
    with cron_threads() as heard:
        tell(flow.registry.db_name, {(flow.lane_id, "")})
        assert flow.registry.db_name not in heard()


def test_sending_goes_on_while_booking_does(flow, monkeypatch):
    """A direction that has run empty stays ready as long as the other one works."""
    monkeypatch.setattr(mfg_dispatcher, "LINGER_SECONDS", 0.2)
    booked, bookings, idle = threading.Event(), [], []

    def book(_self, *_args, **_kwargs):
        bookings.append(booked.wait(30))
        return int(len(bookings) == 1)  # one long booking, then nothing more

    def record_idle(both, direction, _idle=mfg_dispatcher.BusyDirections.idle):
        idle.append(direction)
        _idle(both, direction)

    monkeypatch.setattr(flow.registry["mfg.inbox.dispatcher"], "_pump", book)
    monkeypatch.setattr(mfg_dispatcher.BusyDirections, "idle", record_idle)
    lane = threading.Thread(target=run_lane, args=(flow,))
    lane.start()
    wait_for(lambda: sorted(idle) == ["local", "out"], 10, "sending to run empty")
    emit_and_wake(flow)
    wait_for(lambda: flow.messages("attempt_count") == [(1,)], 10, "the message to be tried")
    assert bookings == []  # the booking is still under way
    pause(flow)
    booked.set()
    lane.join(30)
    assert not lane.is_alive()


def test_what_came_after_the_last_look_is_done_in_the_same_run(flow, monkeypatch):
    """The listeners are closed by then: nobody hears of it."""
    runs = []

    def run_lane_once(_self, *_args):
        runs.append(1)
        if len(runs) == 1:
            emit_and_wake(flow)
        else:
            engine.admit(flow)
            pause(flow)  # nothing is left to do here
        return 1

    monkeypatch.setattr(flow.registry["mfg.dispatcher"], "_run_lane", run_lane_once)
    with transaction(flow.registry) as env:
        code = env["mfg.lane"].browse(flow.lane_id).code
        env["mfg.dispatcher"]._cron_run(code)
    assert len(runs) == 2


def run_lane(flow):
    with transaction(flow.registry) as env:
        code = env["mfg.lane"].browse(flow.lane_id).code
        env["mfg.dispatcher"]._run_lane(flow.lane_id, code, time.monotonic() + 60)


def pause(flow):
    with transaction(flow.registry) as env:
        env["mfg.connector"].browse(flow.connector_id).action_pause()


def emit_and_wake(flow):
    with transaction(flow.registry) as env:
        flow.emit(env, "late")


def test_the_waker_survives_whatever_fails(flow, cron_id, monkeypatch):
    """There is one in a process, and nobody starts it again."""
    failed = threading.Event()

    def fail(_teller, _wakes):
        failed.set()
        raise ZeroDivisionError("a fault in waking")

    waker = wake.WakerThread()
    monkeypatch.setattr(wake.Teller, "tell", fail)
    waker.wake(flow.registry.db_name, {(flow.lane_id, "")})
    assert failed.wait(10)
    monkeypatch.undo()
    waker.wake(flow.registry.db_name, {(flow.lane_id, "")})
    wait_for(lambda: triggers(flow, cron_id) == 1, 10, "the lane's action to be due")


def test_ordinary_traffic_has_its_turn_at_once_and_a_flood_is_paced():
    turns = wake.Turns(rate_per_s=1000, burst=3)
    start = time.monotonic()
    for _n in range(3):
        turns.wait()
    for _n in range(20):
        turns.wait()
    assert time.monotonic() - start >= 20 / 1000  # the least that it may take; no upper bound


def test_the_last_commit_of_a_flood_is_told(flow, monkeypatch):
    """What is noted while the thread waits for its turn goes out with that turn."""
    told = []
    monkeypatch.setattr(wake, "TELLS_PER_SECOND", 20)
    monkeypatch.setattr(wake, "TELLS_AT_ONCE", 1)
    monkeypatch.setattr(wake.Teller, "tell", lambda _teller, wakes: told.append(wakes))
    waker = wake.WakerThread()
    for number in range(200):
        waker.wake(flow.registry.db_name, {(number, "")})
        time.sleep(0.001)
    wait_for(lambda: (199, "") in set().union(*told), 10, "the last one to be told")
    assert set().union(*told) == {(number, "") for number in range(200)}
    assert len(told) < 100


def test_only_the_direction_that_has_something_is_woken(flow):
    def heard(wakes):
        tell(flow.registry.db_name, wakes)
        woken = listener.wait(5)
        return {d for d in mfg_dispatcher.DIRECTIONS if wake.concerns(woken, code, d)}

    with transaction(flow.registry) as env:
        code = env["mfg.lane"].browse(flow.lane_id).code
    with wake.WakeListener(flow.registry.db_name) as listener:
        listener.wait(0)  # connects
        while listener.wait(0.3):
            pass  # the flow's own making has woken everybody
        assert heard({(flow.lane_id, "out")}) == {"out"}
        assert heard({(flow.lane_id, "in"), (flow.lane_id, "local")}) == {"in", "local"}
        assert heard({(flow.lane_id, "")}) == set(mfg_dispatcher.DIRECTIONS)


def test_emission_wakes_who_sends_and_nobody_else(flow, monkeypatch):
    told = []
    monkeypatch.setattr(wake.waker, "wake", lambda _dbname, wakes: told.append(set(wakes)))
    with transaction(flow.registry) as env:
        flow.emit(env, "key")
    # Other tests' subscriptions get the event as well.
    mine = {direction for wakes in told for lane, direction in wakes if lane == flow.lane_id}
    assert mine == {"out"}


def test_the_cron_threads_are_called_on_one_connection_that_may_be_lost(flow):
    caller = wake.CronThreads()
    with cron_threads() as heard:
        caller.call(flow.registry.db_name)
        first = caller._connection.info.backend_pid
        caller.call(flow.registry.db_name)
        assert caller._connection.info.backend_pid == first
        assert flow.registry.db_name in heard()
        databases.query(databases.MAINTENANCE, "SELECT pg_terminate_backend(%s)", [first])
        caller.call(flow.registry.db_name)
        assert caller._connection.info.backend_pid != first
        assert flow.registry.db_name in heard()


def test_a_teller_keeps_its_connection_and_survives_the_loss_of_it(flow, cron_id):
    teller = wake.Teller(flow.registry.db_name)
    wakes = {(flow.lane_id, "out")}
    with wake.WakeListener(flow.registry.db_name) as listener:
        listener.wait(0)
        teller.tell(wakes)
        first = teller._cr._cnx.info.backend_pid
        teller.tell(wakes)
        assert teller._cr._cnx.info.backend_pid == first
        databases.query(flow.registry.db_name, "SELECT pg_terminate_backend(%s)", [first])
        with pytest.raises(psycopg2.Error):
            teller.tell(wakes)
        while listener.wait(0.3):
            pass
        teller.tell(wakes)
        assert listener.wait(5)
    teller.close()
    teller.tell(wakes)  # the pool's connection is as it was
    teller.close()
