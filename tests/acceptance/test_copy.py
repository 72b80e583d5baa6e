"""A copy of the database is not the database: it neither sends nor accepts, however it was made."""

from collections.abc import Iterator

import pytest

from tests.harness import databases, modules
from tests.harness.rpc import Rpc, RpcError
from tests.harness.server import OdooServer

from . import site as sites
from .partner import Partner
from .site import Link

WAITING = 3


@pytest.fixture
def link(quiet_site, partner) -> Iterator[Link]:
    """A connector that is active in the original, with messages waiting for it."""
    link = quiet_site.connect(partner.url)
    quiet_site.emit(quiet_site.contacts(WAITING))
    yield link
    quiet_site.retire(link)


@pytest.fixture
def copy(request, quiet_site, link, folder) -> Iterator[OdooServer]:
    """A server on a copy, made in the way that the test's parameter names."""
    name = f"{quiet_site.database}_copy"
    if request.param == "pg_dump":
        databases.pg_dump_copy(quiet_site.database, name, folder)
    else:
        quiet_site.server.terminate()  # a template must not be in use
        databases.create_from_template(name, quiet_site.database)
        quiet_site.server.start()
    if request.param == "neutralized":
        modules.neutralize(name)
    try:
        with OdooServer(name, folder, cron_threads=0) as server:
            yield server
    finally:
        databases.drop(name)


def run_lane(admin: Rpc) -> None:
    """Run the lane's scheduled action by its button; returns when it has run."""
    lane = admin.one("mfg.lane", [("code", "=", "critical")], "cron_id")
    admin("ir.cron", "method_direct_trigger", [lane["cron_id"][0]])


def attempts(database: str, link: Link) -> list[tuple[str, int]]:
    return databases.query(
        database,
        "SELECT state, attempt_count FROM mfg_outbox_message WHERE connector_id = %s",
        [link.connector_id],
    )


def assert_quiet(copy: OdooServer, admin: Rpc, partner: Partner, link: Link) -> None:
    """It sends nothing when its lane runs, accepts nothing, and says so."""
    run_lane(admin)
    assert partner.message_ids == []
    assert attempts(copy.database, link) == [("pending", 0)] * WAITING
    answer = sites.post(copy.url, link, "m1")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert admin.count("mfg.inbox.message", [("connector_id", "=", link.connector_id)]) == 0
    (connector,) = admin.read("mfg.connector", [link.connector_id], "activated_here")
    assert connector["activated_here"] is False


@pytest.mark.parametrize("copy", ["template", "pg_dump"], indirect=True)
def test_a_copy_is_quiet_until_a_person_activates_it(quiet_site, copy, partner, link):
    admin = copy.rpc()
    assert_quiet(copy, admin, partner, link)
    # The original goes on as if there were no copy.
    run_lane(quiet_site.rpc())
    messages = quiet_site.wait_until_done(link)
    assert sorted(partner.message_ids) == sorted(message.uuid for message in messages)
    assert quiet_site.post(link, "m1").status_code == 202
    # A restored backup is a copy as well, and has to go on some day.
    partner.forget()
    admin("mfg.connector", "action_activate", [link.connector_id])
    run_lane(admin)
    assert attempts(copy.database, link) == [("done", 1)] * WAITING
    assert len(partner.message_ids) == WAITING
    assert sites.post(copy.url, link, "m1").status_code == 202


@pytest.mark.parametrize("copy", ["neutralized"], indirect=True)
def test_a_neutralized_copy_is_quiet_for_good(copy, partner, link):
    admin = copy.rpc()
    assert_quiet(copy, admin, partner, link)
    with pytest.raises(RpcError, match="neutralized"):
        admin("mfg.connector", "action_activate", [link.connector_id])
    secrets = databases.query(
        copy.database, "SELECT cipher FROM mfg_credential WHERE cipher IS NOT NULL"
    )
    assert secrets == []
