"""SIGKILL at each step of a message's way, for both runners of the engine.

Whatever the moment: after a restart everything arrives, a repeat carries the same message id, and
there are no more repeats than messages were under way.
"""

import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pytest

from tests.harness import databases
from tests.harness.ports import LOOPBACK
from tests.harness.process import ChildProcess
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from . import partner as faults
from .partner import Partner
from .site import SOON, Site, run_scheduled_actions

LEASE_SECONDS = 20
LOOK_SECONDS = 60
"""A server that has just started looks at its scheduled actions within this, in seconds: what it is
told before it listens, it does not hear."""
RECOVERY = LEASE_SECONDS + LOOK_SECONDS + SOON
IN_FLIGHT = 4


class Runner(Protocol):
    """Who is killed: the Odoo server with its scheduled actions, or the dedicated worker."""

    site: Site
    process: ChildProcess

    def start(self) -> None:
        """Start it again, and let it look at its lanes."""


class ScheduledActions:
    """Odoo's own process runs the lanes."""

    def __init__(self, site: Site):
        self.site = site
        self.process = site.server

    def start(self) -> None:
        self.process.start()
        run_scheduled_actions(self.site.database)


class DedicatedWorker:
    """A worker runs the lanes; Odoo's own process does not."""

    def __init__(self, site: Site, worker: Worker):
        self.site = site
        self.process = worker

    def start(self) -> None:
        self.process.start()


@pytest.fixture(scope="module", params=["scheduled actions", "dedicated worker"])
def runner(request, template, tmp_path_factory) -> Iterator[Runner]:
    by_worker = request.param == "dedicated worker"
    folder = tmp_path_factory.mktemp("crash")
    database = f"mfg_crash_{'worker' if by_worker else 'cron'}_{os.getpid()}"
    databases.create_from_template(database, template)
    try:
        with OdooServer(database, folder, cron_threads=0 if by_worker else 5) as server:
            site = Site(server)
            if by_worker:
                with Worker(database, folder) as worker:
                    yield DedicatedWorker(site, worker)
            else:
                yield ScheduledActions(site)
    finally:
        databases.drop(database)


@pytest.fixture
def answering() -> Iterator[Partner]:
    """A second partner."""
    with Partner() as running:
        yield running


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port on which connecting neither succeeds nor fails: nothing can be sent yet.

    The queue of connections that wait to be accepted is full, so the kernel drops further ones.
    """
    with socket.socket() as listener, socket.socket() as first:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield listener.getsockname()[1]


def assert_nothing_lost(partner: Partner, messages, repeats: range) -> None:
    """Everything arrived, in order per key; what arrived again is the same message again.

    :param repeats: how many repeats there may be in all
    """
    arrived = partner.message_ids
    assert {message.state for message in messages} == {"done"}
    assert set(arrived) == {message.uuid for message in messages}
    assert len(arrived) - len(messages) in repeats
    first_arrivals = list(dict.fromkeys(arrived))
    for key in {message.key for message in messages}:
        of_key = [message.uuid for message in messages if message.key == key]
        assert [uuid for uuid in first_arrivals if uuid in of_key] == of_key


def test_killed_before_while_and_after_sending(runner, partner, answering):
    """Three partners, each at another step when the process dies. Nobody helps: the leases run
    out by themselves."""
    site = runner.site
    with deaf_port() as port:
        before = site.connect(f"http://{LOOPBACK}:{port}/hook", max_in_flight=IN_FLIGHT)
        during = site.connect(partner.url, max_in_flight=IN_FLIGHT)
        after = site.connect(answering.url, max_in_flight=IN_FLIGHT)
        partner.script(then=faults.stall())
        answering.script(then=faults.stall())
        contacts = site.contacts(IN_FLIGHT)
        site.emit(contacts)
        partner.wait_for_requests(IN_FLIGHT, SOON)
        answering.wait_for_requests(IN_FLIGHT, SOON)
        wait_for(lambda: site.states(before) == {"running"}, SOON, "all to be claimed")
        # A frozen process is sent its partner's answers and cannot read them any more.
        runner.process.freeze()
        answering.release()
        runner.process.kill()
        partner.release()
    with Partner(port) as late:
        runner.start()
        site.emit(contacts)
        for link, receiver, repeats in (
            (before, late, range(1)),
            (during, partner, range(IN_FLIGHT, IN_FLIGHT + 1)),
            (after, answering, range(IN_FLIGHT, IN_FLIGHT + 1)),
        ):
            messages = site.wait_until_done(link, RECOVERY)
            assert len(messages) == 2 * IN_FLIGHT
            assert_nothing_lost(receiver, messages, repeats)
            assert (
                site.outcomes(link)
                == [["lost", "delivered"]] * IN_FLIGHT + [["delivered"]] * IN_FLIGHT
            )
            site.retire(link)


def test_killed_between_the_answer_and_its_settling(runner, partner):
    """The answer is read; the database does not get to store what it means."""
    site = runner.site
    link = site.connect(partner.url, max_in_flight=IN_FLIGHT)
    partner.script(then=faults.stall())
    site.emit(site.contacts(IN_FLIGHT))
    partner.wait_for_requests(IN_FLIGHT, SOON)
    with databases.connect(site.database) as connection, connection.cursor() as cursor:
        # Readers pass, settling waits.
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE mfg_outbox_message IN SHARE MODE")
        partner.release()
        wait_for(lambda: somebody_waits_for_a_lock(site.database), SOON, "the settling to wait")
        runner.process.kill()
        cursor.execute("ROLLBACK")
    site.let_leases_run_out()
    runner.start()
    messages = site.wait_until_done(link, RECOVERY)
    assert_nothing_lost(partner, messages, range(IN_FLIGHT, IN_FLIGHT + 1))
    site.retire(link)


def somebody_waits_for_a_lock(database: str) -> bool:
    return bool(
        databases.query(
            database,
            "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE NOT l.granted AND d.datname = %s"
            " AND l.relation = 'mfg_outbox_message'::regclass",
            [database],
        )
    )


def test_killed_at_random(runner, partner, record_property):
    """Again and again, at moments that nobody chose, while events keep coming."""
    site = runner.site
    seed = random.SystemRandom().randrange(2**32)
    record_property("seed", seed)
    rng = random.Random(seed)
    link = site.connect(partner.url, max_in_flight=IN_FLIGHT)
    contacts = site.contacts(5)
    partner.script(then=lambda *call: faults.slow(rng.uniform(0, 0.05))(*call))
    rounds = 3
    for _round in range(rounds):
        for _n in range(4):
            site.emit(contacts)
        # In the first moments after events, dozens of claims, calls and settles are under way.
        time.sleep(rng.uniform(0, 0.4))
        runner.process.kill()
        site.let_leases_run_out()
        runner.start()
    messages = site.wait_until_done(link, RECOVERY)
    assert len(messages) == rounds * 4 * len(contacts), f"seed {seed}"
    assert_nothing_lost(partner, messages, range(rounds * IN_FLIGHT + 1))
    site.retire(link)
