"""A runner that disappears holds its messages until its lease ends, and not a moment longer."""

import pytest

from odoo.addons.mfg_integration_base.models.mfg_message_queue import Share

from tests.harness import databases

from . import engine
from .conftest import transaction


@pytest.fixture
def claimed(flow):
    """One message, claimed by a runner that will not be heard of for a while."""
    with transaction(flow.registry) as env:
        flow.emit(env, "key")
    engine.admit(flow)
    with engine.runner(flow.registry) as env:
        (claim,) = engine.claim(env, flow, 1, "lost")
    return claim


def attempts(flow, message_id):
    return databases.query(
        flow.registry.db_name,
        "SELECT number, worker, outcome FROM mfg_attempt WHERE outbox_message_id = %s ORDER BY id",
        [message_id],
    )


def claim_again(flow, worker="heir"):
    with engine.runner(flow.registry) as env:
        return engine.claim(env, flow, 1, worker)


def test_the_attempt_is_stored_before_anything_is_sent(flow, claimed):
    assert attempts(flow, claimed.message_id) == [(1, "lost", None)]
    assert flow.messages("state") == [("running",)]


def test_nobody_takes_over_while_the_lease_runs(flow, claimed):
    assert claim_again(flow) == []


def test_an_expired_lease_is_claimed_again_under_the_same_id(flow, claimed):
    engine.let_leases_run_out(flow)
    (again,) = claim_again(flow)
    assert (again.message_id, again.uuid) == (claimed.message_id, claimed.uuid)
    assert again.claim_no > claimed.claim_no
    assert attempts(flow, claimed.message_id) == [(1, "lost", "lost"), (2, "heir", None)]


def test_a_late_settle_changes_nothing(flow, claimed):
    """The lost runner comes back with an answer after somebody else has taken over."""
    engine.let_leases_run_out(flow)
    (again,) = claim_again(flow)
    with engine.runner(flow.registry) as env:
        assert engine.settle(env, [engine.buried(claimed, park=True)]) == set()
    assert flow.messages("state") == [("running",)]
    assert claim_again(flow, "third") == []  # the heir's lease was not given back either
    with engine.runner(flow.registry) as env:
        assert engine.settle(env, [engine.delivered(again)]) == {again.message_id}
    assert flow.messages("state") == [("done",)]
    assert attempts(flow, claimed.message_id) == [(1, "lost", "lost"), (2, "heir", "delivered")]


def test_a_late_settle_counts_while_nobody_has_taken_over(flow, claimed):
    engine.let_leases_run_out(flow)
    with engine.runner(flow.registry) as env:
        assert engine.settle(env, [engine.delivered(claimed)]) == {claimed.message_id}
    assert flow.messages("state") == [("done",)]
    assert claim_again(flow) == []


def test_a_sign_of_life_renews_the_lease(flow, claimed):
    engine.let_leases_run_out(flow)
    with engine.runner(flow.registry) as env:
        env["mfg.message.queue"]._renew_leases(engine.OUT, {claimed.key_id: claimed.claim_no})
    assert claim_again(flow) == []


def test_a_sign_of_life_after_the_take_over_does_not_count(flow, claimed):
    engine.let_leases_run_out(flow)
    (again,) = claim_again(flow)
    engine.let_leases_run_out(flow)
    with engine.runner(flow.registry) as env:
        env["mfg.message.queue"]._renew_leases(engine.OUT, {claimed.key_id: claimed.claim_no})
    (third,) = claim_again(flow, "third")
    assert third.claim_no > again.claim_no


def test_a_closed_attempt_is_frozen(flow, claimed):
    with engine.runner(flow.registry) as env:
        engine.settle(env, [engine.delivered(claimed)])
    with pytest.raises(databases.psycopg2.errors.RestrictViolation):
        databases.query(
            flow.registry.db_name,
            "UPDATE mfg_attempt SET outcome = 'rejected' WHERE id = %s",
            [claimed.attempt_id],
        )


def test_an_attempt_counts_for_the_first_message_of_a_lost_run_only(flow):
    """The others stood behind it and were not tried; a runner that keeps dying buries one at a
    time."""
    with transaction(flow.registry) as env:
        flow.emit(env, "key", "key", "key")
    engine.admit(flow)
    shares = {flow.subscription_id: Share(1, run=20)}
    for expected in ([1, 1, 1], [2, 1, 1], [3, 1, 1]):
        with engine.runner(flow.registry) as env:
            claims = env["mfg.message.queue"]._claim(engine.OUT, shares, 1, "lost")
        assert [claim.tries for claim in claims] == expected
        assert flow.messages("tries") == [(number,) for number in expected]
        engine.let_leases_run_out(flow)
    with engine.runner(flow.registry) as env:
        claims = env["mfg.message.queue"]._claim(engine.OUT, shares, 1, "heir")
        env["mfg.message.queue"]._settle(engine.OUT, [], unsent=claims)
    assert flow.messages("tries") == [(3,), (0,), (0,)]
    assert flow.messages("attempt_count") == [(3,)] * 3
