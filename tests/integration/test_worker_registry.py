"""A dedicated worker notices what other processes change, once, and goes on."""

import psycopg2
import pytest

from odoo.addons.mfg_integration_base.cli import mfg_worker

from tests.harness import databases


@pytest.fixture
def reloads(registry, monkeypatch):
    """The registries that are loaded anew; the tests' own one stays in place."""
    loaded = []

    def new(name):
        found = object.__new__(type(registry))
        found.__dict__.update(registry.__dict__)
        loaded.append(name)
        return found

    monkeypatch.setattr(type(registry), "new", new)
    return loaded


def test_addons_that_were_updated_are_loaded_once(registry, reloads):
    databases.query(registry.db_name, "INSERT INTO orm_signaling_registry DEFAULT VALUES")
    current = mfg_worker._up_to_date(registry)
    assert current is not registry
    for _ in range(3):
        assert mfg_worker._up_to_date(current) is current
    assert len(reloads) == 1


def test_a_lost_database_does_not_end_the_worker(registry, monkeypatch):
    def fail(_self, _cr=None):
        raise psycopg2.OperationalError("the server is restarting")

    monkeypatch.setattr(type(registry), "check_signaling", fail)
    assert mfg_worker._up_to_date(registry) is registry


def test_a_lane_that_is_never_idle_changes_over(registry):
    runner = mfg_worker.LaneRunner(
        registry.db_name, 1, "test", "out", "test", mfg_worker.threading.Event()
    )
    assert not runner._should_stop(registry)
    assert runner._should_stop(object())
    runner._stopping.set()
    assert runner._should_stop(registry)
