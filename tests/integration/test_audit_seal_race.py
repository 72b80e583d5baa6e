"""Sealing beside those who write entries, and beside itself."""

import threading

from odoo import SUPERUSER_ID, api

from tests.harness import databases

from .conftest import transaction

WRITERS = 4
EACH = 25


def write(flow, failures):
    try:
        for _ in range(EACH):
            with transaction(flow.registry) as env:
                connector = env["mfg.connector"].browse(flow.connector_id)
                env["mfg.audit.entry"]._record("pause", connector, "Race")
    except Exception as error:  # noqa: BLE001 - shown by the test
        failures.append(error)


def seal(flow, stop, failures):
    try:
        while not stop.is_set():
            with transaction(flow.registry) as env:
                env["mfg.audit.seal"]._cron_seal()
    except Exception as error:  # noqa: BLE001 - shown by the test
        failures.append(error)


def run(*threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_each_entry_is_under_exactly_one_seal(flow):
    stop, failures = threading.Event(), []
    sealers = [threading.Thread(target=seal, args=(flow, stop, failures)) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(flow, failures)) for _ in range(WRITERS)]
    for sealer in sealers:
        sealer.start()
    run(*writers)
    stop.set()
    for sealer in sealers:
        sealer.join(60)
    with transaction(flow.registry) as env:
        env["mfg.audit.seal"]._cron_seal()
    assert failures == []
    with transaction(flow.registry) as env:
        found = env["mfg.audit.check"]._verify({})
    assert (found["finding_count"], found["unsealed_count"]) == (0, 0), found["findings"]
    ((entries, members, seals, newest),) = databases.query(
        flow.registry.db_name,
        "SELECT (SELECT count(*) FROM mfg_audit_entry), (SELECT count(*) FROM mfg_audit_member),"
        " (SELECT count(*) FROM mfg_audit_seal), (SELECT max(number) FROM mfg_audit_seal)",
    )
    assert entries == members >= WRITERS * EACH
    assert seals == newest


def test_an_entry_that_commits_late_is_sealed_later(flow):
    """Its id is lower than that of one that is sealed already."""
    with flow.registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["mfg.audit.entry"]._record(
            "pause", env["mfg.connector"].browse(flow.connector_id), "Late"
        )
        with transaction(flow.registry) as other:
            connector = other["mfg.connector"].browse(flow.connector_id)
            other["mfg.audit.entry"]._record("resume", connector, "Early")
        with transaction(flow.registry) as other:
            other["mfg.audit.seal"]._cron_seal()
        cr.commit()
    with transaction(flow.registry) as env:
        env["mfg.audit.seal"]._cron_seal()
    with transaction(flow.registry) as env:
        found = env["mfg.audit.check"]._verify({})
    assert (found["finding_count"], found["unsealed_count"]) == (0, 0), found["findings"]
