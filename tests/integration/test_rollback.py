"""Emission is part of the business transaction: both happen, or neither."""

import pytest

from tests.harness import databases

from .conftest import EVENT_TYPE, transaction


def events(registry, uuids):
    return databases.query(
        registry.db_name, "SELECT uuid FROM mfg_event WHERE uuid = ANY(%s)", [uuids]
    )


class Changed(Exception):
    """What makes a business transaction fail."""


def test_rollback_leaves_nothing(flow):
    emitted = []
    with pytest.raises(Changed), transaction(flow.registry) as env:
        emitted += flow.emit(env, "rolled back")
        raise Changed
    assert len(emitted) == 1
    assert events(flow.registry, emitted) == []
    assert flow.messages("id") == []


def test_rollback_to_a_savepoint_leaves_what_was_before(flow):
    with transaction(flow.registry) as env:
        kept = flow.emit(env, "kept")
        with pytest.raises(Changed), env.cr.savepoint():
            lost = flow.emit(env, "lost")
            raise Changed
    assert events(flow.registry, kept + lost) == [(kept[0],)]
    assert len(flow.messages("id")) == 1


def test_commit_leaves_one_event_and_one_message_a_subscription(flow):
    with transaction(flow.registry) as env:
        second = env["mfg.subscription"].browse(flow.subscription_id).copy({"name": "second"})
    with transaction(flow.registry) as env:
        emitted = flow.emit(env, "a", "b")
    assert len(events(flow.registry, emitted)) == 2
    rows = databases.query(
        flow.registry.db_name,
        "SELECT m.subscription_id, e.uuid"
        " FROM mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id"
        " WHERE e.uuid = ANY(%s) AND m.connector_id = %s AND m.event_type = %s ORDER BY 1, m.id",
        [emitted, flow.connector_id, EVENT_TYPE],
    )
    assert rows == [(s, uuid) for s in (flow.subscription_id, second.id) for uuid in emitted]
