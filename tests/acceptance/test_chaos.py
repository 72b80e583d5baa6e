"""Kill -9 of workers and Odoo, restarts of PostgreSQL, a partner that answers as it likes.

Whatever happens: no committed event is lost, each key's arrive in order, and what arrives twice is
the same message again, no more often than somebody had it in flight or its answer broke off.
"""

import os
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import databases
from tests.harness.cluster import Cluster
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .chaos import PROGRESS_SECONDS, Business, Chaos, Plan, Runner
from .moody import READ_TIMEOUT, MoodyPartner
from .site import EVENT, Link, Site

IN_FLIGHT = 4
MAX_RUN = 20
"""Messages of a key that are claimed at once, at the most, where each is sent alone."""
BATCH = 10
CLAIMED = IN_FLIGHT * MAX_RUN + IN_FLIGHT
"""Attempts that one runner may have open: those of the runs, and of the batches."""
KEYS = 100
DATABASE = f"mfg_chaos_{os.getpid()}"


@pytest.fixture
def cluster(template, tmp_path, monkeypatch) -> Iterator[Cluster]:
    """A PostgreSQL of this test's own, with a copy of the template; the one to use from now on."""
    archive = tmp_path / "template.dump"
    source = f"{DATABASE}_source"  # nobody may connect to a template
    databases.create_from_template(source, template)
    try:
        databases.pg_dump(source, archive)
    finally:
        databases.drop(source)
    with Cluster(tmp_path) as cluster:
        for variable, value in cluster.environment.items():
            monkeypatch.setenv(variable, value)
        with cluster.loading():
            databases.pg_restore(archive, DATABASE)
        archive.unlink()
        yield cluster
    shutil.rmtree(cluster.data)  # pytest keeps the rest of the folder, with the logs, for a while


@dataclass(frozen=True)
class Row:
    """An event's message.

    :param attempts: how many it had alone, not in a batch
    :param lost: of these, whose runner was lost
    :param late: of these, whose answer did not come in time
    """

    event_id: int
    key: str
    event: str
    state: str
    attempts: int
    lost: int
    late: int


def committed() -> list[tuple[int, str]]:
    """``(id, ordering key)`` of all events; ids of a key are in the order of their commits."""
    return databases.query(
        DATABASE, "SELECT id, ordering_key FROM mfg_event WHERE type = %s ORDER BY id", [EVENT]
    )


def rows(link: Link) -> list[Row]:
    return [
        Row(*row)
        for row in databases.query(
            DATABASE,
            """
            SELECT m.event_id, m.ordering_key, e.uuid, m.state, count(a.id),
                   count(*) FILTER (WHERE a.outcome = 'lost'),
                   count(*) FILTER (WHERE a.reason_code = 'timeout')
              FROM mfg_outbox_message m JOIN mfg_event e ON e.id = m.event_id
              LEFT JOIN mfg_attempt a ON a.outbox_message_id = m.id
             WHERE m.subscription_id = %s
             GROUP BY m.id, m.event_id, m.ordering_key, e.uuid, m.state
             ORDER BY m.event_id, m.id
            """,
            [link.subscription_id],
        )
    ]


def waiting(links: list[Link]) -> int:
    """Messages in the hot table."""
    ((count,),) = databases.query(
        DATABASE,
        "SELECT count(*) FROM ONLY mfg_outbox_message WHERE subscription_id = ANY(%s)",
        [[link.subscription_id for link in links]],
    )
    return count


def attempts(condition: str, *parameters: object) -> dict[int, int]:
    """``{id: number of messages}`` of the attempts for which this holds."""
    return dict(
        databases.query(
            DATABASE, f"SELECT id, message_count FROM mfg_attempt WHERE {condition}", parameters
        )
    )


def connect(site: Site, url: str, **subscription: object) -> Link:
    """A connector with little patience, and messages that are not given up for long."""
    link = site.connect(
        url, max_in_flight=IN_FLIGHT, connect_timeout=READ_TIMEOUT, read_timeout=READ_TIMEOUT,
        total_timeout=READ_TIMEOUT, breaker_threshold=4, breaker_cool_down=1,
        breaker_max_cool_down=2,
    )  # fmt: skip
    admin = site.rpc()
    (policy,) = admin.create(
        "mfg.retry.policy", {"name": "Again and again", "schedule": " ".join(["1s"] * 15)}
    )
    admin.write(
        "mfg.subscription", [link.subscription_id], {"retry_policy_id": policy, **subscription}
    )
    return link


def assert_nothing_lost(partner: MoodyPartner, business: Business, link: Link) -> None:
    """Everything that was committed arrived, in order per key, and nothing is left behind."""
    events, messages = committed(), rows(link)
    assert len(events) >= business.committed
    assert [(row.event_id, row.key) for row in messages] == events
    assert {row.state for row in messages} == {"done"}
    assert attempts("connector_id = %s AND closed_at IS NULL", link.connector_id) == {}
    keys = "SELECT * FROM mfg_outbox_key WHERE owner_id = %s"
    assert databases.query(DATABASE, keys, [link.subscription_id]) == []

    assert set(partner.taken) == {row.event for row in messages}
    key_of = {row.event: row.key for row in messages}
    expected, arrived = defaultdict(list), defaultdict(list)
    for row in messages:
        expected[row.key].append(row.event)
    for event in partner.taken:
        arrived[key_of[event]].append(event)
    for key, uuids in expected.items():
        assert arrived[key] == uuids, f"order of {key}"


def assert_repeats_have_reasons(partner: MoodyPartner, chaos: Chaos, link: Link, note) -> None:
    """What was taken again is the same message, and its runner was lost or its answer was."""
    assert [name for name, bodies in partner.bodies.items() if len(bodies) > 1] == []
    ours = "connector_id = %s AND "
    lost = attempts(f"{ours} outcome = 'lost'", link.connector_id)
    late = attempts(f"{ours} reason_code = 'timeout'", link.connector_id)
    in_flight = attempts(f"{ours} id = ANY(%s)", link.connector_id, list(chaos.in_flight))
    reasons = {
        "in_flight": sum(in_flight.values()),
        "in_doubt": sum(partner.in_doubt.values()),
        "late": sum(late.values()),
    }
    note(
        link.code,
        {
            "events": len(partner.taken), "arrivals": sum(partner.asked.values()),
            "repeats": partner.repeats, "lost": sum(lost.values()), **reasons,
        },
    )  # fmt: skip
    assert set(lost) <= set(in_flight)
    assert partner.repeats <= sum(reasons.values())


def assert_each_repeat_has_a_reason(partner: MoodyPartner, link: Link) -> None:
    """The same, message by message; only for those that go alone."""
    for row in rows(link):
        assert partner.asked[row.event] <= row.attempts, f"sent without an attempt: {row}"
        reasons = row.lost + row.late + partner.in_doubt[row.event]
        assert partner.taken[row.event] - 1 <= reasons, f"sent again without a reason: {row}"


def play(plan: Plan, cluster: Cluster, folder: Path, record_property) -> None:
    """Run it and check what came of it.

    MFG_CHAOS_SEED gives the seed of an earlier run: the same draws, though not the same races.
    """

    def note(name: str, value: object) -> None:
        record_property(name, value)
        print(f"{name}: {value}", flush=True)

    seed = int(os.environ.get("MFG_CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    note("seed", seed)
    rng, ours, *theirs = (random.Random(f"{seed}/{part}") for part in range(4))
    with ExitStack() as stack:
        one_by_one, batches = (stack.enter_context(MoodyPartner(moods)) for moods in theirs)
        server = stack.enter_context(OdooServer(DATABASE, folder))
        workers = [Worker(DATABASE, folder, name=f"worker{n}") for n in range(plan.workers)]
        for worker in workers:
            stack.callback(worker.stop)
            worker.spawn()
        site = Site(server)
        links = [
            connect(site, one_by_one.url),
            connect(site, batches.url, mode="micro_batch", batch_size=BATCH, linger_ms=50),
        ]
        business = Business(site, site.contacts(KEYS), ours)
        runners = [Runner(process) for process in (server, *workers)]
        chaos = Chaos(site, cluster, runners, [one_by_one, batches], business, rng)
        started = time.monotonic()
        try:
            chaos.run(plan)
        finally:
            business.end()
        note("seconds", round(time.monotonic() - started))
        wait_for(
            lambda: not waiting(links), PROGRESS_SECONDS, "all messages to be done", poll=0.2,
            seen=lambda: [row for link in links for row in rows(link) if row.state != "done"][:10],
        )  # fmt: skip
        note("seconds to the end", round(time.monotonic() - started))
        for runner in runners:
            assert runner.look(), f"{runner.name} did not outlive the chaos"
    note("killed while starting", chaos.starting)
    note("failed transactions", business.failures)
    for partner, link in zip((one_by_one, batches), links, strict=True):
        assert_nothing_lost(partner, business, link)
        assert_repeats_have_reasons(partner, chaos, link, note)
    assert_each_repeat_has_a_reason(one_by_one, links[0])
    assert len(chaos.in_flight) <= chaos.disruptions * (plan.workers + 1) * CLAIMED
    # Nobody but time let the leases of these run out.
    assert attempts("outcome = 'lost' AND worker = ANY(%s)", chaos.unhelped)


def test_nothing_is_lost_in_chaos(cluster, tmp_path, record_property):
    play(Plan(workers=2, events=1500, kills=10, restarts=1), cluster, tmp_path, record_property)


@pytest.mark.long
def test_nothing_is_lost_in_long_chaos(cluster, tmp_path, record_property):
    play(Plan(workers=3, events=20_000, kills=200, restarts=10), cluster, tmp_path, record_property)
