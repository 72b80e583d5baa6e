"""The dedicated worker as its own process: it delivers, shares, ends in order, and may be lost."""

import pytest

from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-d", "{database}", "--lane", "nonsense"], "Unknown lane: nonsense"),
        (["-d", "postgres_has_no_such_database"], "does not exist"),
    ],
)
def test_says_what_is_wrong_with_its_arguments(quiet_site, folder, arguments, says):
    worker = Worker(quiet_site.database, folder, name="wrong")
    worker.argv = worker.argv[:4] + [
        argument.format(database=quiet_site.database) for argument in arguments
    ]
    worker.spawn()
    assert worker.wait_for_end(SOON) != 0
    assert says in worker.output()
