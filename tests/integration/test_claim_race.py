"""Many runners, one queue: every message belongs to one of them, and order per key holds."""

import random
import threading
from collections import Counter

import pytest

from tests.harness import databases

from . import engine
from .conftest import transaction


@pytest.fixture
def emitted(flow):
    def emit(*keys):
        with transaction(flow.registry) as env:
            return flow.emit(env, *keys)

    return emit


def test_what_one_runner_holds_another_does_not_see_or_wait_for(flow, emitted):
    emitted(*(f"key {n}" for n in range(6)))
    engine.admit(flow)
    with engine.runner(flow.registry) as one, engine.runner(flow.registry) as other:
        first = engine.claim(one, flow, 4, "one")
        second = engine.claim(other, flow, 6, "other")
        assert len(first) == 4
        assert len(second) == 2
        assert not {c.key_id for c in first} & {c.key_id for c in second}


def test_a_claim_that_is_rolled_back_leaves_its_messages_to_others(flow, emitted):
    emitted("a", "b")
    engine.admit(flow)
    with engine.runner(flow.registry) as env:
        assert len(engine.claim(env, flow, 10, "one")) == 2
        env.cr.rollback()
    with engine.runner(flow.registry) as env:
        assert len(engine.claim(env, flow, 10, "other")) == 2
    assert flow.messages("attempt_count") == [(1,), (1,)]


def test_the_unit_of_claim_is_the_key(flow, emitted):
    first, second = emitted("key")[0], emitted("key")[0]
    engine.admit(flow)
    with engine.runner(flow.registry) as env:
        (claimed,) = engine.claim(env, flow, 10, "one")
        assert engine.claim(env, flow, 10, "one") == []
    with engine.runner(flow.registry) as env:
        engine.settle(env, [engine.delivered(claimed)])
    with engine.runner(flow.registry) as env:
        (after,) = engine.claim(env, flow, 10, "one")
    order = [uuid for uuid, in databases.query(
        flow.registry.db_name,
        "SELECT e.uuid FROM mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id"
        " WHERE m.id IN (%s, %s) ORDER BY m.id",
        [claimed.message_id, after.message_id],
    )]  # fmt: skip
    assert order == [first, second]
    assert claimed.message_id < after.message_id


def test_a_dead_head_parks_its_own_key_only(flow, emitted):
    emitted("dead", "alive")
    emitted("dead", "alive")
    engine.admit(flow)
    with engine.runner(flow.registry) as env:
        dead, alive = sorted(engine.claim(env, flow, 10, "one"), key=lambda c: c.message_id)
        engine.settle(env, [engine.buried(dead, park=True), engine.delivered(alive)])
    with engine.runner(flow.registry) as env:
        (later,) = engine.claim(env, flow, 10, "one")
        assert later.key_id == alive.key_id
        engine.settle(env, [engine.delivered(later)])
    assert [state for (state,) in flow.messages("state")] == ["dead", "done", "pending", "done"]


def test_admission_takes_each_message_once(flow, emitted):
    """New messages arrive while several runners admit: counts must still be right."""
    keys = [f"key {n % 7}" for n in range(70)]
    admitted = []

    def admit():
        for _round in range(15):
            admitted.append(engine.admit(flow, limit=5))

    runners = [threading.Thread(target=admit) for _ in range(4)]
    for thread in runners:
        thread.start()
    for key in keys:
        emitted(key)
    for thread in runners:
        thread.join(60)
    admitted.append(engine.admit(flow))
    assert sum(admitted) == len(keys)
    waiting = databases.query(
        flow.registry.db_name,
        "SELECT waiting FROM mfg_outbox_key WHERE owner_id = %s",
        [flow.subscription_id],
    )
    assert sorted(waiting) == [(10,)] * 7


def test_runners_racing_over_hot_keys_send_all_once_and_in_order(flow, emitted):
    """Four runners claim, sometimes fail, and settle, while messages keep coming."""
    keys = [f"key {n % 3}" for n in range(60)]
    sent = []
    lock = threading.Lock()
    emitting = threading.Event()
    failures = []

    def run(name):
        rng = random.Random(name)
        try:
            while True:
                engine.admit(flow)
                with engine.runner(flow.registry) as env:
                    claims = engine.claim(env, flow, 2, name)
                if not claims:
                    if emitting.is_set() and all(s == "done" for (s,) in flow.messages("state")):
                        return
                    continue
                with lock:
                    sent.extend(c.message_id for c in claims)
                settled = [
                    engine.delivered(c) if rng.random() < 0.8 else engine.retried(c) for c in claims
                ]
                with engine.runner(flow.registry) as env:
                    engine.settle(env, settled)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    runners = [threading.Thread(target=run, args=(f"runner {n}",)) for n in range(4)]
    for thread in runners:
        thread.start()
    for key in keys:
        emitted(key)
    emitting.set()
    for thread in runners:
        thread.join(120)
    assert failures == []
    rows = flow.messages("id", "ordering_key", "attempt_count", "state")
    assert {state for *_rest, state in rows} == {"done"}
    assert Counter(sent) == {message: attempts for message, _key, attempts, _state in rows}
    for key in {key for _id, key, *_rest in rows}:
        of_key = [message for message, row_key, *_rest in rows if row_key == key]
        sent_of_key = [message for message in sent if message in of_key]
        # The same message several times in a row is a retry; going back is disorder.
        assert sent_of_key == sorted(sent_of_key)
    assert databases.query(
        flow.registry.db_name,
        "SELECT count(*) FROM mfg_outbox_key WHERE owner_id = %s",
        [flow.subscription_id],
    ) == [(0,)]
