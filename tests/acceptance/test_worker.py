"""The dedicated worker as its own process: it delivers, shares, ends in order, and may be lost."""

import os
import signal

import pytest

from tests.harness import databases
from tests.harness.waiting import wait_for
from tests.harness.worker import START_SECONDS, Worker

from . import partner as faults
from .site import SOON

IN_FLIGHT = 4


@pytest.fixture
def link(quiet_site, partner):
    link = quiet_site.connect(partner.url, max_in_flight=IN_FLIGHT)
    yield link
    quiet_site.retire(link)


@pytest.fixture
def worker(quiet_site, folder):
    with Worker(quiet_site.database, folder) as running:
        yield running


def test_delivers_what_is_emitted_before_and_after_it_started(quiet_site, folder, partner, link):
    contacts = quiet_site.contacts(3)
    quiet_site.emit(contacts)
    assert quiet_site.states(link) == {"pending"}
    with Worker(quiet_site.database, folder):
        partner.wait_for_requests(3, SOON)
        quiet_site.emit(contacts)
        messages = quiet_site.wait_until_done(link)
    assert sorted(partner.message_ids) == sorted(message.uuid for message in messages)
    assert [message.attempts for message in messages] == [1] * 6


def test_sends_the_messages_of_a_key_one_after_the_other(quiet_site, worker, partner, link):
    partner.script(then=faults.stall())
    contacts = quiet_site.contacts(1)
    for _n in range(3):
        quiet_site.emit(contacts)
    partner.wait_for_requests(1, SOON)
    partner.release()
    messages = quiet_site.wait_until_done(link)
    assert partner.message_ids == [message.uuid for message in messages]


def test_sigterm_finishes_what_is_under_way_and_nothing_more(quiet_site, worker, partner, link):
    partner.script(then=faults.stall())
    quiet_site.emit(quiet_site.contacts(IN_FLIGHT + 2))
    partner.wait_for_requests(IN_FLIGHT, SOON)
    worker.ask_to_end()
    wait_for(lambda: "finishing what" in worker.output(), SOON, "it to notice", seen=worker.tail)
    assert worker.running
    partner.release()
    assert worker.wait_for_end(SOON) == 0
    states = [message.state for message in quiet_site.messages(link)]
    assert sorted(states) == ["done"] * IN_FLIGHT + ["pending"] * 2
    assert len(partner.message_ids) == IN_FLIGHT
    assert quiet_site.outcomes(link) == [["delivered"]] * IN_FLIGHT


def test_two_workers_share_the_work(quiet_site, folder, worker, partner, link):
    """Each may have so many calls to a partner under way; twice as many need both of them."""
    partner.script(then=faults.stall())
    with Worker(quiet_site.database, folder, name="second"):
        quiet_site.emit(quiet_site.contacts(2 * IN_FLIGHT))
        partner.wait_for_requests(2 * IN_FLIGHT, SOON)
        partner.release()
        messages = quiet_site.wait_until_done(link)
    assert sorted(partner.message_ids) == sorted(message.uuid for message in messages)


def test_a_frozen_worker_is_replaced_and_its_late_answer_does_not_count(
    quiet_site, folder, worker, partner, link
):
    partner.script(then=faults.stall())
    quiet_site.emit(quiet_site.contacts(1))
    partner.wait_for_requests(1, SOON)
    worker.freeze()
    quiet_site.let_leases_run_out()
    with Worker(quiet_site.database, folder, name="second"):
        partner.wait_for_requests(2, SOON)
        partner.release()
        (message,) = quiet_site.wait_until_done(link)
        assert quiet_site.outcomes(link) == [["lost", "delivered"]]
        worker.thaw()
        # The frozen one reads its answer now, and must come to its end with it.
        assert worker.terminate() == 0
    assert partner.message_ids == [message.uuid] * 2
    assert quiet_site.outcomes(link) == [["lost", "delivered"]]
    assert quiet_site.states(link) == {"done"}


def test_a_stalling_partner_holds_up_its_own_messages_only(quiet_site, worker, partner, link):
    """In the same lane and in another one."""
    partner.script(then=faults.stall())
    with faults.Partner() as healthy:
        others = [quiet_site.connect(healthy.url, lane=lane) for lane in ("critical", "bulk")]
        quiet_site.emit(quiet_site.contacts(2 * IN_FLIGHT))
        for other in others:
            quiet_site.wait_until_done(other)
            quiet_site.retire(other)
        assert "done" not in quiet_site.states(link)
    partner.release()
    quiet_site.wait_until_done(link)


# === Workers as rows, and several processes === #


def rows(site):
    """``{process id: (phase, lanes, last seen, whether it counts as alive)}`` of workers."""
    found = databases.query(
        site.database,
        "SELECT pid, phase, lanes, last_seen_at,"
        " alive_until >= statement_timestamp() AT TIME ZONE 'UTC'"
        " FROM mfg_worker WHERE kind = 'worker'",
    )
    return {pid: tuple(rest) for pid, *rest in found}


def wait_for_rows(site, condition, what):
    """Until the rows are so; the rows."""
    return wait_for(lambda: condition(rows(site)) and rows(site), SOON, what,
                    seen=lambda: rows(site))  # fmt: skip


@pytest.fixture
def no_rows(quiet_site):
    databases.query(quiet_site.database, "DELETE FROM mfg_worker")


@pytest.mark.usefixtures("no_rows")
def test_a_worker_shows_that_it_lives_and_leaves_no_row_behind(quiet_site, folder):
    with Worker(quiet_site.database, folder) as worker:
        found = wait_for_rows(quiet_site, lambda found: worker.pid in found, "its row")
        phase, lanes, seen, alive = found[worker.pid]
        assert (phase, alive) == ("running", True)
        assert {"critical", "standard", "bulk"} <= set(lanes.split(", "))
        wait_for_rows(quiet_site, lambda found: found[worker.pid][2] > seen, "a later sign of life")
        assert worker.terminate() == 0
        assert rows(quiet_site) == {}


@pytest.mark.usefixtures("no_rows")
def test_a_killed_worker_turns_lost(quiet_site, folder):
    with Worker(quiet_site.database, folder) as worker:
        wait_for_rows(quiet_site, lambda found: worker.pid in found, "its row")
        worker.kill()
        wait_for_rows(quiet_site, lambda found: not found[worker.pid][3], "it to count as lost")
    admin = quiet_site.rpc()
    assert admin.one("mfg.worker", [("kind", "=", "worker")], "state")["state"] == "lost"


@pytest.mark.usefixtures("no_rows")
def test_one_of_several_processes_is_killed_and_replaced(quiet_site, folder, partner, link):
    with Worker(quiet_site.database, folder, name="pair", processes=2) as pair:
        first, second = wait_for_rows(quiet_site, lambda found: len(found) == 2, "two processes")
        partner.script(then=faults.stall())
        quiet_site.emit(quiet_site.contacts(2 * IN_FLIGHT))
        partner.wait_for_requests(2 * IN_FLIGHT, SOON)
        os.kill(first, signal.SIGKILL)
        found = wait_for_rows(
            quiet_site, lambda found: found.keys() - {first, second}, "one to replace it"
        )
        assert found[second][3]
        partner.release()
        quiet_site.let_leases_run_out(first)
        partner.script(then=faults.ok)
        messages = quiet_site.wait_until_done(link)
        # Twice at most what the killed one had in flight, and with the same ids.
        assert set(partner.message_ids) == {message.uuid for message in messages}
        assert len(partner.message_ids) <= 3 * IN_FLIGHT
        assert pair.terminate() == 0
    assert not [pid for pid, row in rows(quiet_site).items() if row[3] and pid != first]


@pytest.mark.usefixtures("no_rows")
def test_sigterm_lets_all_processes_finish_however_often_it_comes(
    quiet_site, folder, partner, link
):
    partner.script(then=faults.stall())
    with Worker(quiet_site.database, folder, name="pair", processes=2) as pair:
        wait_for_rows(quiet_site, lambda found: len(found) == 2, "two processes")
        quiet_site.emit(quiet_site.contacts(2 * IN_FLIGHT))
        partner.wait_for_requests(2 * IN_FLIGHT, SOON)
        pair.ask_to_end()
        wait_for_rows(
            quiet_site,
            lambda found: {row[0] for row in found.values()} == {"stopping"},
            "both to show that they end",
        )
        pair.ask_to_end()
        assert pair.running
        partner.release()
        assert pair.wait_for_end(SOON) == 0
    assert quiet_site.states(link) == {"done"}
    assert quiet_site.outcomes(link) == [["delivered"]] * 2 * IN_FLIGHT
    assert len(partner.message_ids) == 2 * IN_FLIGHT
    assert rows(quiet_site) == {}


@pytest.mark.usefixtures("no_rows")
def test_processes_end_when_their_supervisor_is_killed(quiet_site, folder):
    """They would be workers that nobody knows of and nobody can stop."""
    with Worker(quiet_site.database, folder, name="pair", processes=2) as pair:
        wait_for_rows(quiet_site, lambda found: len(found) == 2, "two processes")
        pair.kill()
        wait_for(lambda: rows(quiet_site) == {}, SOON, "both to end in order")


def test_a_lane_that_is_made_later_is_served_and_an_archived_one_left(quiet_site, folder, partner):
    admin = quiet_site.rpc()
    with Worker(quiet_site.database, folder) as worker:
        (lane_id,) = admin.create("mfg.lane", {"name": "Late", "code": "late"})
        link = quiet_site.connect(partner.url, lane="late")
        quiet_site.emit(quiet_site.contacts(2))
        quiet_site.wait_until_done(link)
        quiet_site.retire(link)
        bulk = admin.ref("mfg_integration_base.lane_bulk")
        elsewhere = {"state": "retired", "lane_id": bulk}
        admin.write("mfg.subscription", [link.subscription_id], elsewhere)
        route = admin.one("mfg.inbox.route", [("lane_id", "=", lane_id)], "id")
        admin.write("mfg.inbox.route", [route["id"]], {"lane_id": bulk})
        admin.write("mfg.lane", [lane_id], {"active": False})
        wait_for(
            lambda: "late" not in worker.output().rpartition(" runs ")[2].splitlines()[0],
            SOON, "it to leave the lane", seen=worker.tail,
        )  # fmt: skip
        assert worker.terminate() == 0


def test_what_waits_for_a_retired_connector_ends(quiet_site, partner):
    link = quiet_site.connect(partner.url)
    quiet_site.emit(quiet_site.contacts(3))
    assert quiet_site.post(link, "in-1").status_code == 202
    quiet_site.retire(link)
    assert quiet_site.states(link) == {"cancelled"}
    assert databases.query(
        quiet_site.database,
        "SELECT state, reason_code FROM mfg_inbox_message WHERE connector_id = %s",
        [link.connector_id],
    ) == [("cancelled", "connector_retired")]
    keys = "SELECT count(*) FROM mfg_outbox_key WHERE owner_id = %s"
    assert databases.query(quiet_site.database, keys, [link.subscription_id]) == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-d", "{database}", "--lane", "nonsense"], "Unknown lane: nonsense"),
        (["-d", "postgres_has_no_such_database"], "does not exist"),
        (["-d", "{database}", "--lane", "nonsense", "--processes", "2"], "giving up"),
        (["-d", "{database}", "--processes", "0"], "--processes: 1 to"),
    ],
)
def test_says_what_is_wrong_with_its_arguments(quiet_site, folder, arguments, says):
    worker = Worker(quiet_site.database, folder, name="wrong")
    worker.argv = worker.argv[:4] + [
        argument.format(database=quiet_site.database) for argument in arguments
    ]
    worker.spawn()
    assert worker.wait_for_end(START_SECONDS) != 0
    assert says in worker.output()
