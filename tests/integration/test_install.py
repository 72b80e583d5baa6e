"""The addons come and go without a trace, and an update keeps what the queues hold."""

import os

import pytest

from tests.harness import databases, modules

BASE = "mfg_integration_base"
EXTENSIONS = ("mfg_integration_mes", "mfg_integration_edi", "mfg_integration_quality")
ADDONS = (BASE, *EXTENSIONS)

LEFTOVERS = {
    "tables": "SELECT tablename FROM pg_tables WHERE tablename LIKE 'mfg\\_%%'",
    "columns": "SELECT table_name || '.' || column_name FROM information_schema.columns"
    " WHERE column_name LIKE 'mfg\\_%%' OR column_name LIKE 'x\\_mfg\\_%%'",
    "functions": "SELECT proname FROM pg_proc WHERE proname LIKE 'mfg\\_%%'",
    "triggers": "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'mfg\\_%%'",
    "indexes": "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'mfg\\_%%'",
    "constraints": "SELECT conname FROM pg_constraint WHERE conname LIKE 'mfg\\_%%'",
    "scheduled actions": "SELECT c.id FROM ir_cron c JOIN ir_act_server s"
    " ON s.id = c.ir_actions_server_id WHERE s.code LIKE '%%_cron_run%%'",
    "external ids": "SELECT module || '.' || name FROM ir_model_data"
    " WHERE module LIKE 'mfg\\_integration%%'",
    "models": "SELECT model FROM ir_model WHERE model LIKE 'mfg.%%'",
    "fields": "SELECT model || '.' || name FROM ir_model_fields WHERE name LIKE 'mfg\\_%%'",
    "groups": "SELECT name->>'en_US' FROM res_groups WHERE name->>'en_US' LIKE 'Integration%%'",
    "menus": "SELECT name->>'en_US' FROM ir_ui_menu WHERE name->>'en_US' = 'Integration'",
    "action types": "SELECT name->>'en_US' FROM ir_act_server WHERE state LIKE 'mfg%%'",
}


def leftovers(database):
    """What is in the database that would not be there without the addons."""
    found = {
        what: [row[0] for row in databases.query(database, query, [])]
        for what, query in LEFTOVERS.items()
    }
    return {what: rows for what, rows in found.items() if rows}


def states(database):
    return dict(
        databases.query(
            database,
            "SELECT name, state FROM ir_module_module WHERE name = ANY(%s)",
            [list(ADDONS)],
        )
    )


@pytest.fixture(scope="module")
def database():
    """A copy of a database that has never seen our addons."""
    name = f"mfg_install_{os.getpid()}"
    databases.create_from_template(name, os.environ["MFG_STOCK_TEMPLATE"])
    assert leftovers(name) == {}
    yield name
    databases.drop(name)


@pytest.fixture(scope="module")
def installed(database):
    log = modules.module("install", database, *EXTENSIONS)
    assert modules.problems(log) == []
    return database


def test_each_installs_without_a_warning(installed):
    assert states(installed) == dict.fromkeys(ADDONS, "installed")


def test_an_update_keeps_messages_events_and_attempts(installed):
    """Rows of every state, written as the queue writes them."""
    databases.query(
        installed,
        """
        WITH event AS (
            INSERT INTO mfg_event (uuid, type, source, ordering_key, occurred_at, recorded_at,
                                   company_id, data)
            SELECT 'e' || state, 'test.v1', '/test', state, now(), now(), 1, '{}'
              FROM unnest(ARRAY['pending','running','retrying','done','dead','cancelled']) AS state
            RETURNING id, ordering_key AS state
        ), message AS (
            INSERT INTO mfg_outbox_message (uuid, state, event_id, event_type, subscription_id,
                   connector_id, company_id, lane_id, ordering_key, attempt_count, tries,
                   created_at, dead_at)
            SELECT 'm' || state, state, id, 'test.v1', 1, 1, 1, 1, state, 1, 1, now(),
                   CASE WHEN state = 'dead' THEN now() END
              FROM event
            RETURNING id
        )
        INSERT INTO mfg_attempt (direction, outbox_message_id, number, started_at, closed_at)
        SELECT 'out', id, 1, now(), now() FROM message
        """,
    )
    databases.query(
        installed,
        "WITH ended AS (DELETE FROM ONLY mfg_outbox_message WHERE state IN ('done', 'cancelled')"
        " RETURNING *) INSERT INTO mfg_outbox_message_history SELECT * FROM ended",
    )
    rows = {
        table: databases.query(installed, f"SELECT * FROM {table} ORDER BY id", [])
        for table in ("mfg_event", "mfg_outbox_message", "mfg_attempt")
    }
    crons = databases.query(installed, "SELECT code, cron_id FROM mfg_lane ORDER BY id", [])
    log = modules.module("upgrade", installed, BASE)
    assert modules.problems(log) == []
    assert states(installed) == dict.fromkeys(ADDONS, "installed")
    for table, before in rows.items():
        assert len(before) == 6
        assert databases.query(installed, f"SELECT * FROM {table} ORDER BY id", []) == before
    assert databases.query(installed, "SELECT code, cron_id FROM mfg_lane ORDER BY id", []) == crons


def test_each_extension_goes_alone_and_comes_back(installed):
    gone = set()
    for addon in EXTENSIONS:
        modules.module("uninstall", installed, addon)
        gone.add(addon)
        assert states(installed) == {
            name: "uninstalled" if name in gone else "installed" for name in ADDONS
        }
        names = leftovers(installed)["external ids"]
        assert [name for name in names if name.startswith(f"{addon}.")] == []
    # Whatever is left belongs to the base addon.
    assert {name.partition(".")[0] for name in leftovers(installed)["external ids"]} == {BASE}
    assert modules.problems(modules.module("install", installed, *EXTENSIONS)) == []
    assert states(installed) == dict.fromkeys(ADDONS, "installed")


def test_all_go_without_a_trace_and_come_back(installed):
    modules.module("uninstall", installed, BASE)
    assert states(installed) == dict.fromkeys(ADDONS, "uninstalled")
    assert leftovers(installed) == {}
    assert modules.problems(modules.module("install", installed, *EXTENSIONS)) == []
    assert states(installed) == dict.fromkeys(ADDONS, "installed")
