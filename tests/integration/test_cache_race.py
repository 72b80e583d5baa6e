"""Configuration is cached per process; what is cached must not outlive a change of it."""

import pytest

from .conftest import transaction


@pytest.fixture
def silent(flow):
    """The flow, its subscription retired."""
    with transaction(flow.registry) as env:
        env["mfg.subscription"].browse(flow.subscription_id).state = "retired"
    return flow


def subscribe(flow, env):
    env["mfg.subscription"].browse(flow.subscription_id).state = "active"
    env.flush_all()


def emit(flow):
    """One event in a transaction of its own; how many messages there are now."""
    with transaction(flow.registry) as env:
        env.cr.execute("SET LOCAL lock_timeout = '10s'")
        flow.emit(env, "key")
    return len(flow.messages("id"))


def test_an_emission_while_a_subscription_is_saved(silent):
    with transaction(silent.registry) as env:
        subscribe(silent, env)
        assert emit(silent) == 0  # not committed yet
    assert emit(silent) == 1


def test_an_emission_of_a_transaction_that_began_before(silent):
    with transaction(silent.registry) as long:
        long.cr.execute("SELECT 1")  # its snapshot
        with transaction(silent.registry) as env:
            subscribe(silent, env)
        silent.emit(long, "key")
        long.cr.commit()
        assert len(silent.messages("id")) == 0  # as of its snapshot nobody listened
    assert emit(silent) == 1


def test_a_subscription_that_is_rolled_back(silent):
    with transaction(silent.registry) as env:
        subscribe(silent, env)
        silent.emit(env, "other key")  # sees its own change
        assert emit(silent) == 0
        env.cr.rollback()
        # A savepoint that is rolled back in a transaction that goes on tells no cache either.
        assert emit(silent) == 0


def test_a_route_that_is_asked_for_while_it_is_saved(flow):
    def found():
        with transaction(flow.registry) as env:
            return env["mfg.inbox.route"]._spec(flow.connector_id, "test.ping.v1") is not None

    with transaction(flow.registry) as env:
        env["mfg.inbox.route"].create(
            {"connector_id": flow.connector_id, "message_type": "test.ping.v1"}
        )
        env.flush_all()
        assert not found()
    assert found()
