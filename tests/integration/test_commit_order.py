"""Order per key is the order of commits, whatever the order in which transactions began."""

import json
import threading

from tests.harness import databases
from tests.harness.waiting import wait_for

from .conftest import transaction


def order_of(flow):
    return [
        json.loads(data)["step"]
        for (data,) in databases.query(
            flow.registry.db_name,
            "SELECT e.data FROM mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id"
            " WHERE m.subscription_id = %s ORDER BY m.id",
            [flow.subscription_id],
        )
    ]


def waits_for_advisory_lock(database, pid):
    return databases.query(
        database,
        "SELECT 1 FROM pg_locks WHERE pid = %s AND locktype = 'advisory' AND NOT granted",
        [pid],
    )


def test_the_transaction_that_began_first_and_commits_last_comes_last(flow):
    with transaction(flow.registry) as env:
        flow.emit(env, "key", step="set-up")
    with transaction(flow.registry) as first:
        first.cr.execute("SELECT 1")  # its snapshot is taken here
        with transaction(flow.registry) as second:
            flow.emit(second, "key", step="began second")
        flow.emit(first, "key", step="began first")
    assert order_of(flow) == ["set-up", "began second", "began first"]


def test_a_second_emission_of_a_key_waits_for_the_first_to_commit(flow):
    """Without the lock, the second would draw higher ids and commit first: a reader that sends it
    at once has overtaken the first."""
    with transaction(flow.registry) as env:
        flow.emit(env, "key", step="set-up")
    backend = []

    def late():
        with transaction(flow.registry) as env:
            backend.append(env.cr._cnx.get_backend_pid())
            flow.emit(env, "key", step="second")

    thread = threading.Thread(target=late)
    with transaction(flow.registry) as env:
        flow.emit(env, "key", step="first")
        thread.start()
        wait_for(
            lambda: backend and waits_for_advisory_lock(flow.registry.db_name, backend[0]),
            10,
            "the second transaction to wait",
        )
        assert order_of(flow) == ["set-up"]  # neither is visible yet
    thread.join(10)
    assert order_of(flow) == ["set-up", "first", "second"]


def test_different_keys_do_not_wait_for_each_other(flow):
    with transaction(flow.registry) as env:
        flow.emit(env, "key", "other", step="set-up")
    with transaction(flow.registry) as first:
        flow.emit(first, "key", step="first")
        with transaction(flow.registry) as second:
            second.cr.execute("SET LOCAL lock_timeout = '5s'")
            flow.emit(second, "other", step="second")
        assert order_of(flow) == ["set-up", "set-up", "second"]
