"""Requests without a valid proof are counted by a thread, which ends when there is nothing left."""

import threading

from odoo.addons.mfg_integration_base.models import refusals

from tests.harness import databases
from tests.harness.waiting import wait_for


def count(flow):
    ((number,),) = databases.query(
        flow.registry.db_name,
        "SELECT COALESCE(refused_count, 0) FROM mfg_connector_runtime WHERE connector_id = %s",
        [flow.connector_id],
    )
    return number


def code(flow):
    ((text,),) = databases.query(
        flow.registry.db_name, "SELECT code FROM mfg_connector WHERE id = %s", [flow.connector_id]
    )
    return text


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "mfg.refusals"]


def test_counted_once_each_and_nobody_waits(flow, monkeypatch):
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0.1)
    counting, known = refusals.Refusals(), code(flow)
    for name in [known] * 3 + ["nobody", "'; DROP TABLE x; --", "\0", "x" * 5000]:
        counting.note(flow.registry.db_name, name)
    wait_for(lambda: count(flow) == 3, 10, "the three to be counted")
    wait_for(lambda: not threads(), 10, "the thread to end")
    counting.note(flow.registry.db_name, known)
    wait_for(lambda: count(flow) == 4, 10, "another thread to count the next one")


def test_a_stranger_cannot_fill_the_memory(flow, monkeypatch):
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 60)
    counting = refusals.Refusals()
    monkeypatch.setattr(counting, "_run", lambda: None)
    for number in range(refusals.MOST + 500):
        counting.note(flow.registry.db_name, f"code-{number}")
    assert len(counting._counts[flow.registry.db_name]) == refusals.MOST


def test_a_database_that_is_gone_does_not_end_the_counting(flow, monkeypatch):
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0.1)
    counting = refusals.Refusals()
    counting.note("mfg_no_such_database", "x")
    counting.note(flow.registry.db_name, code(flow))
    wait_for(lambda: count(flow) == 1, 20, "the other database's to be counted")
