"""Replays feed every event once, whatever happens to who feeds them."""

import threading

import psycopg2
import pytest

from odoo import SUPERUSER_ID, api
from odoo.service.model import retrying

from tests.harness import databases
from tests.harness.waiting import wait_for

from . import engine
from .conftest import transaction

DEADLINE = 30
EVENTS = 40
CHUNK = 7

FEEDER = "odoo.addons.mfg_integration_base.models.mfg_replay_feeder"


@pytest.fixture
def replay(flow, cleanup, monkeypatch):
    """Id of a running replay of ``EVENTS`` events over four keys, fed ``CHUNK`` at a time."""
    monkeypatch.setattr(f"{FEEDER}.CHUNK", CHUNK)
    for _ in range(EVENTS // 4):
        with transaction(flow.registry) as env:
            flow.emit(env, *(f"{flow.lane_id}-{key}" for key in "abcd"))
    return cleanup(start(flow))


def start(flow):
    """Id of a replay of all that the flow's connector was sent; it runs."""
    with transaction(flow.registry) as env:
        found = env["mfg.replay"].create(
            {
                "target_id": flow.subscription_id,
                "connector_id": flow.connector_id,  # other tests emit the same type
                "skip_acknowledged": False,
                "rate": 10000,
                "reason": "Test",
            }
        )
        found.action_check()
        found.action_start()
        return found.id


@pytest.fixture
def cleanup(flow):
    """Ends the replay that it is given (and gives back) when the test is over."""
    mine = []
    yield lambda replay_id: mine.append(replay_id) or replay_id
    for replay_id in mine:
        with transaction(flow.registry) as env:
            found = env["mfg.replay"].browse(replay_id)
            if found.state in ("running", "paused"):
                found._act("cancel", "The test has ended")
        feed(flow, replay_id)


def feed(flow, replay_id):
    """One chunk, as a feeder does it; number of events."""
    with transaction(flow.registry) as env:
        return env["mfg.replay.feeder"]._feed(replay_id)[0]


def fed(flow, replay_id):
    """Ids of the events that have a message of the replay, in the order of those messages."""
    rows = databases.query(
        flow.registry.db_name,
        "SELECT event_id FROM mfg_outbox_message WHERE replay_id = %s ORDER BY id",
        [replay_id],
    )
    return [row[0] for row in rows]


def wanted(flow):
    return [event_id for (event_id,) in flow.messages("event_id")]


def progress(flow, replay_id):
    return databases.query(
        flow.registry.db_name,
        "SELECT position, fed_count, fed_all FROM mfg_replay WHERE id = %s",
        [replay_id],
    )[0]


def looked_again(flow, replay_id):
    ((late_from_id,),) = databases.query(
        flow.registry.db_name, "SELECT late_from_id FROM mfg_replay WHERE id = %s", [replay_id]
    )
    return bool(late_from_id)


def feed_all(flow, replay_id):
    while not progress(flow, replay_id)[2]:
        feed(flow, replay_id)


def blocked(flow):
    """Process id of the backend that waits for a lock while it feeds, if any."""
    rows = databases.query(
        flow.registry.db_name,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%%mfg_outbox_message%%'",
    )
    return rows[0][0] if rows else None


def wait_until_blocked(flow):
    waited = threading.Event()
    for _ in range(DEADLINE * 100):
        if pid := blocked(flow):
            return pid
        waited.wait(0.01)
    raise AssertionError("no feeder waits")


def test_chunk_by_chunk_in_the_order_of_events(flow, replay):
    assert feed(flow, replay) == CHUNK
    assert fed(flow, replay) == wanted(flow)[:CHUNK]
    assert progress(flow, replay) == (wanted(flow)[CHUNK - 1], CHUNK, False)
    feed_all(flow, replay)
    assert fed(flow, replay) == wanted(flow)
    assert len(wanted(flow)) == EVENTS


def test_killed_in_the_middle_of_a_chunk_it_neither_skips_nor_repeats(flow, replay):
    """The server cuts its connection in a statement: rows and position go together."""
    for round_number in range(3):
        before = fed(flow, replay)
        with databases.connect(flow.registry.db_name) as other:
            other.autocommit = False
            # Whoever writes messages now waits; so the chunk is under way, and not committed.
            with other.cursor() as cursor:
                cursor.execute("LOCK TABLE mfg_outbox_message IN SHARE MODE")
            thread = threading.Thread(target=feed, args=(flow, replay))
            thread.start()
            pid = wait_until_blocked(flow)
            databases.query(flow.registry.db_name, "SELECT pg_terminate_backend(%s)", [pid])
            other.rollback()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        assert fed(flow, replay) == before, "nothing of the chunk that was cut"
        assert (progress(flow, replay)[1] or 0) == len(before)
        feed(flow, replay)
        assert fed(flow, replay) == wanted(flow)[: CHUNK * (round_number + 1)]
    feed_all(flow, replay)
    assert fed(flow, replay) == wanted(flow)


def test_two_feeders_do_not_feed_twice(flow, replay):
    """The second passes a replay over whose row the first has locked."""
    with engine.runner(flow.registry) as env:
        first = env["mfg.replay.feeder"]
        locked = first._lock(env, replay)
        assert locked
        assert feed(flow, replay) == 0
        assert first._step(env, locked)[0] == CHUNK
    feed_all(flow, replay)
    assert fed(flow, replay) == wanted(flow)


def test_many_feeders_at_once(flow, replay):
    failures = []

    def run():
        try:
            feed_all(flow, replay)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not failures
    assert fed(flow, replay) == wanted(flow)


def test_order_within_a_replay_is_that_of_the_original(flow, replay):
    feed_all(flow, replay)
    with transaction(flow.registry) as env:
        found = env["mfg.replay"].browse(replay)
        hidden, lane = found.subscription_id.id, found.subscription_id.lane_id.id
    with engine.runner(flow.registry) as env:
        env["mfg.message.queue"]._admit(engine.OUT, lane, 1000)
    sent = []
    for _ in range(EVENTS):
        with engine.runner(flow.registry) as env:
            queue = env["mfg.message.queue"]
            claims = queue._claim(engine.OUT, {hidden: 3}, 3, "test")
            sent += [claim.message_id for claim in claims]
            engine.settle(env, [engine.delivered(claim) for claim in claims])
    assert len(sent) == EVENTS
    keys = databases.query(
        flow.registry.db_name,
        "SELECT ordering_key, array_agg(id ORDER BY array_position(%s, id)),"
        " array_agg(id ORDER BY event_id) FROM mfg_outbox_message WHERE replay_id = %s"
        " GROUP BY ordering_key",
        [sent, replay],
    )
    assert len(keys) == 4
    for _key, as_sent, as_emitted in keys:
        assert as_sent == as_emitted
    wait_for(lambda: feed(flow, replay) or looked_again(flow, replay), DEADLINE, "another look")
    feed(flow, replay)
    with transaction(flow.registry) as env:
        found = env["mfg.replay"].browse(replay)
        assert (found.state, found.subscription_id.state) == ("done", "retired")


def test_a_person_pauses_while_it_is_fed(flow, replay):
    """The person's request waits for the chunk, is run again, and nothing is fed after it."""
    with engine.runner(flow.registry) as env:
        feeder = env["mfg.replay.feeder"]
        feeder._step(env, feeder._lock(env, replay))
        thread = threading.Thread(target=pause, args=(flow, replay))
        thread.start()
        waited = threading.Event()
        for _ in range(DEADLINE * 100):
            if databases.query(
                flow.registry.db_name,
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'",
            ):
                break
            waited.wait(0.01)
    thread.join(DEADLINE)
    assert feed(flow, replay) == 0
    assert fed(flow, replay) == wanted(flow)[:CHUNK]


def pause(flow, replay_id):
    with transaction(flow.registry) as env:
        found = env["mfg.replay"].browse(replay_id)
        retrying(lambda: found._act("pause", "Test"), env)


def test_the_database_refuses_to_change_the_audit_trail(flow, replay):
    for statement in (
        "UPDATE mfg_audit_entry SET reason = ''",
        "DELETE FROM mfg_audit_entry",
        "TRUNCATE mfg_audit_entry",
    ):
        with pytest.raises(psycopg2.errors.RestrictViolation):
            databases.query(flow.registry.db_name, statement)


def test_what_was_being_emitted_when_it_started_is_fed_once_it_is_committed(flow, cleanup):
    """The feeder has passed its id by then."""
    with flow.registry.cursor() as cr:
        (late_uuid,) = flow.emit(api.Environment(cr, SUPERUSER_ID, {}), "late")
        with transaction(flow.registry) as env:
            flow.emit(env, "later")
        replay = cleanup(start(flow))
        feed_all(flow, replay)
        for _ in range(2):
            feed(flow, replay)
        assert (looked_again(flow, replay), fed(flow, replay)) == (False, wanted(flow))
        cr.commit()
    wait_for(lambda: feed(flow, replay) or looked_again(flow, replay), DEADLINE, "another look")
    feed_all(flow, replay)
    feed(flow, replay)
    late, later = wanted(flow)
    assert fed(flow, replay) == [later, late], "and nothing twice"
    assert databases.query(
        flow.registry.db_name, "SELECT uuid FROM mfg_event WHERE id = %s", [late]
    ) == [(late_uuid,)]
