"""People act on messages while runners have them: nothing gets stuck, nobody deadlocks."""

import threading

import pytest

from odoo.exceptions import ValidationError
from odoo.service.model import retrying
from odoo.tools import SQL

from tests.harness import databases

from . import engine
from .conftest import transaction

DEADLINE = 30


@pytest.fixture
def emitted(flow):
    """Emit one event a key, admit them; the ids of their messages."""

    def emit(*keys):
        before = {message_id for (message_id,) in flow.messages("id")}
        with transaction(flow.registry) as env:
            flow.emit(env, *keys)
        engine.admit(flow)
        return [message_id for (message_id,) in flow.messages("id") if message_id not in before]

    return emit


def claim_all(flow, limit=10):
    with engine.runner(flow.registry) as env:
        return engine.claim(env, flow, limit, "runner")


def act(flow, verb, *message_ids):
    """What a person's button does, run again on a serialization failure as Odoo does it."""
    with transaction(flow.registry) as env:
        messages = env["mfg.outbox.message"].browse(message_ids)
        queue = env["mfg.message.queue"]
        actions = {
            "retry": lambda: queue._retry(messages),
            "cancel": lambda: queue._cancel(messages, "Test"),
        }
        retrying(actions[verb], env)


def in_thread(function, *args):
    """Start ``function``; the thread, and the list that its failure ends up in."""
    failures = []

    def run():
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


def wait_until_blocked(flow):
    """Return when a transaction of the database waits for a lock."""
    statement = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    waited = threading.Event()
    for _ in range(DEADLINE * 100):
        if databases.query(flow.registry.db_name, statement):
            return
        waited.wait(0.01)
    raise AssertionError("nobody waits for a lock")


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_message_on_its_way_is_left_to_its_runner(flow, emitted, verb):
    """Its key would be given to the next message, and be counted down twice."""
    first, second = emitted("key") + emitted("key")
    (claimed,) = claim_all(flow)
    with pytest.raises(ValidationError):
        act(flow, verb, first)
    assert claim_all(flow) == []
    with engine.runner(flow.registry) as env:
        assert engine.settle(env, [engine.delivered(claimed)]) == {first}
    (claimed,) = claim_all(flow)
    assert claimed.message_id == second
    with engine.runner(flow.registry) as env:
        engine.settle(env, [engine.delivered(claimed)])
    assert flow.messages("state") == [("done",), ("done",)]


def test_a_key_is_given_back_only_for_a_message_that_was_settled(flow, emitted):
    """Whatever has happened to a message meanwhile: the later ones of its key go on."""
    first, second = emitted("key") + emitted("key")
    (claimed,) = claim_all(flow)
    with engine.runner(flow.registry) as env:
        # As if its lease had run out, and somebody had cancelled it before it was claimed again.
        env.cr.execute("UPDATE mfg_outbox_message SET state = 'cancelled' WHERE id = %s", [first])
        env["mfg.message.queue"]._move_finished(engine.OUT, [first])
        env["mfg.message.queue"]._refresh_keys(engine.OUT, [claimed.key_id])
    with engine.runner(flow.registry) as env:
        assert engine.settle(env, [engine.delivered(claimed)]) == set()
    (later,) = claim_all(flow)
    assert later.message_id == second


def test_settling_and_a_person_do_not_deadlock(flow, emitted):
    """Both lock the key before the message. A runner that lost a deadlock would give up all that
    it has on its way, and partners would get it twice."""
    (message_id,) = emitted("key")
    (claimed,) = claim_all(flow)

    def settle():
        with engine.runner(flow.registry) as env:
            engine.settle(env, [engine.delivered(claimed)])

    with transaction(flow.registry) as env:
        env["mfg.message.queue"]._lock_keys(engine.OUT, SQL("id = %s", claimed.key_id))
        thread, failures = in_thread(settle)
        wait_until_blocked(flow)
        env.cr.execute("SELECT 1 FROM mfg_outbox_message WHERE id = %s FOR UPDATE", [message_id])
    thread.join(DEADLINE)
    assert not failures
    assert flow.messages("state") == [("done",)]


def test_a_change_of_lane_and_a_runner_do_not_deadlock(flow, emitted):
    with transaction(flow.registry) as env:
        code = f"other{flow.lane_id}"
        other_lane = env["mfg.lane"].create({"name": code, "code": code})
        other_lane.cron_id.active = False
        other_lane_id = other_lane.id
    first, second = emitted("a", "b")
    (claimed,) = claim_all(flow, limit=1)
    assert claimed.message_id == first  # as the last change, its row comes last in the table

    def move():
        with transaction(flow.registry) as env:
            subscription = env["mfg.subscription"].browse(flow.subscription_id)
            retrying(lambda: subscription.write({"lane_id": other_lane_id}), env)

    with engine.runner(flow.registry) as env:
        engine.settle(env, [engine.delivered(claimed)])
        thread, failures = in_thread(move)
        wait_until_blocked(flow)
        env.cr.execute("SET LOCAL lock_timeout = '300ms'")  # sooner than a deadlock is noticed
        (again,) = engine.claim(env, flow, 10, "runner")  # as a turn does, in one transaction
        assert again.message_id == second
    thread.join(DEADLINE)
    assert not failures
    assert flow.messages("id", "state", "lane_id") == [
        (first, "done", flow.lane_id),  # what is finished stays where it was
        (second, "running", other_lane_id),
    ]
