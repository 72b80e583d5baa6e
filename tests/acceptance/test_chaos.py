"""Kill -9 of workers and Odoo, restarts of PostgreSQL, a partner that answers as it likes.

Whatever happens: no committed event is lost, each key's arrive in order, and what arrives twice is
the same message again, no more often than somebody had it in flight or its answer broke off.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.harness import databases
from tests.harness.cluster import Cluster
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .chaos import PROGRESS_SECONDS, Business, Chaos, Plan, Runner
from .moody import READ_TIMEOUT, MoodyPartner
from .site import EVENT, Link, Site

WORKERS = 3
IN_FLIGHT = 4
MAX_RUN = 20
"""Messages of a key that are claimed at once, at the most; each call belongs to one key."""
KEYS = 100


@pytest.fixture
def cluster(template, tmp_path, monkeypatch) -> Iterator[Cluster]:
    """A PostgreSQL of this test's own, with a copy of the template; the one to use from now on."""
    archive = tmp_path / "template.dump"
    databases.pg_dump(template, archive)
    with Cluster(tmp_path) as cluster:
        for variable, value in cluster.environment.items():
            monkeypatch.setenv(variable, value)
        with cluster.loading():
            databases.pg_restore(archive, DATABASE)
        archive.unlink()
        yield cluster


DATABASE = f"mfg_chaos_{os.getpid()}"


@dataclass(frozen=True)
class Row:
    """An event's message.

    :param attempts: how many there were
    :param lost: of these, whose runner was lost
    :param late: of these, whose answer did not come in time
    :param open: of these, not closed
    """

    event_id: int
    key: str
    uuid: str
    state: str
    attempts: int
    lost: int
    late: int
    open: int


def committed() -> list[tuple[int, str]]:
    """``(id, ordering key)`` of all events, in the order of their commits per key."""
    return databases.query(
        DATABASE, "SELECT id, ordering_key FROM mfg_event WHERE type = %s ORDER BY id", [EVENT]
    )


def rows(link: Link) -> list[Row]:
    return [
        Row(*row)
        for row in databases.query(
            DATABASE,
            """
            SELECT m.event_id, m.ordering_key, m.uuid, m.state, count(a.id),
                   count(*) FILTER (WHERE a.outcome = 'lost'),
                   count(*) FILTER (WHERE a.reason_code = 'timeout'),
                   count(*) FILTER (WHERE a.id IS NOT NULL AND a.closed_at IS NULL)
              FROM mfg_outbox_message m LEFT JOIN mfg_attempt a ON a.outbox_message_id = m.id
             WHERE m.subscription_id = %s
             GROUP BY m.id, m.event_id, m.ordering_key, m.uuid, m.state
             ORDER BY m.event_id, m.id
            """,
            [link.subscription_id],
        )
    ]


def waiting(link: Link) -> int:
    """Messages in the hot table."""
    ((count,),) = databases.query(
        DATABASE,
        "SELECT count(*) FROM ONLY mfg_outbox_message WHERE subscription_id = %s",
        [link.subscription_id],
    )
    return count


def connect(site: Site, url: str) -> Link:
    """A connector with little patience, and messages that are never given up."""
    link = site.connect(
        url, max_in_flight=IN_FLIGHT, connect_timeout=READ_TIMEOUT, read_timeout=READ_TIMEOUT,
        total_timeout=READ_TIMEOUT, breaker_threshold=4, breaker_cool_down=1,
        breaker_max_cool_down=2,
    )  # fmt: skip
    admin = site.rpc()
    (policy,) = admin.create(
        "mfg.retry.policy", {"name": "Again and again", "schedule": " ".join(["1s"] * 15)}
    )
    admin.write("mfg.subscription", [link.subscription_id], {"retry_policy_id": policy})
    return link


def assert_nothing_lost(partner: MoodyPartner, chaos: Chaos, link: Link, note) -> None:
    events, messages = committed(), rows(link)
    # What a transaction was told to be committed is there, and each event has its one message.
    assert len(events) >= chaos.business.committed
    assert [(row.event_id, row.key) for row in messages] == events
    assert {row.state for row in messages} == {"done"}
    assert [row for row in messages if row.open] == []
    keys = "SELECT * FROM mfg_outbox_key WHERE owner_id = %s"
    assert databases.query(DATABASE, keys, [link.subscription_id]) == []

    # It arrived, in order per key.
    assert set(partner.first) == {row.uuid for row in messages}
    key_of = {row.uuid: row.key for row in messages}
    expected, arrived = defaultdict(list), defaultdict(list)
    for row in messages:
        expected[row.key].append(row.uuid)
    for uuid in partner.first:
        arrived[key_of[uuid]].append(uuid)
    for key, uuids in expected.items():
        assert arrived[key] == uuids, f"order of {key}"

    # Repeats are the same message again, and somebody had reason to send it again.
    assert set(partner.asked) == set(partner.first)
    assert [uuid for uuid, bodies in partner.bodies.items() if len(bodies) > 1] == []
    taken = defaultdict(int)
    for uuid in partner.taken:
        taken[uuid] += 1
    for row in messages:
        assert partner.asked[row.uuid] <= row.attempts, f"sent without an attempt: {row}"
        reasons = row.lost + row.late + partner.in_doubt[row.uuid]
        assert taken[row.uuid] - 1 <= reasons, f"sent again without a reason: {row}"
    in_flight, in_doubt = len(chaos.in_flight), sum(partner.in_doubt.values())
    late = sum(row.late for row in messages)
    lost = lost_attempts()
    for name, value in (
        ("events", len(events)), ("requests", sum(partner.asked.values())),
        ("repeats", partner.repeats), ("in_flight", in_flight), ("lost", len(lost)),
        ("in_doubt", in_doubt), ("late", late), ("killed_while_starting", chaos.starting),
        ("failed_transactions", chaos.business.failures),
    ):  # fmt: skip
        note(name, value)
    assert lost <= chaos.in_flight
    assert in_flight <= chaos.disruptions * (WORKERS + 1) * IN_FLIGHT * MAX_RUN
    assert partner.repeats <= in_flight + in_doubt + late


def lost_attempts(workers: list[str] | None = None) -> set[int]:
    """Ids of attempts whose runner was lost."""
    found = databases.query(
        DATABASE,
        "SELECT id FROM mfg_attempt WHERE outcome = 'lost' AND (%(w)s IS NULL OR worker = ANY(%(w)s))",
        {"w": workers},
    )
    return {row[0] for row in found}


def play(plan: Plan, cluster: Cluster, folder, record_property) -> None:
    def note(name: str, value: object) -> None:
        record_property(name, value)
        print(f"{name}: {value}")

    seed = int(os.environ.get("MFG_CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    note("seed", seed)
    rng, ours, theirs = (random.Random(f"{seed}/{who}") for who in ("chaos", "us", "them"))
    started = time.monotonic()
    with ExitStack() as stack:
        partner = stack.enter_context(MoodyPartner(theirs))
        server = stack.enter_context(OdooServer(DATABASE, folder))
        site = Site(server)
        link = connect(site, partner.url)
        workers = [
            stack.enter_context(Worker(DATABASE, folder, name=f"worker{n}")) for n in range(WORKERS)
        ]
        business = Business(site, site.contacts(KEYS), ours)
        stack.callback(business.end)
        runners = [Runner(process) for process in (server, *workers)]
        chaos = Chaos(site, cluster, runners, partner, business, rng)
        note("set up in seconds", round(time.monotonic() - started))
        chaos.run(plan)
        note("chaos in seconds", round(time.monotonic() - started))
        wait_for(
            lambda: not waiting(link), PROGRESS_SECONDS, "all messages to be done",
            poll=0.2, seen=lambda: [row for row in rows(link) if row.state != "done"][:10],
        )  # fmt: skip
        note("all in seconds", round(time.monotonic() - started))
        # Workers that were not killed live, after any restart of PostgreSQL.
        assert [runner.process.name for runner in runners if not runner.process.running] == []
    assert_nothing_lost(partner, chaos, link, note)
    # Nobody let the leases of these run out but time.
    assert lost_attempts(chaos.unhelped)


def test_nothing_is_lost_in_chaos(cluster, tmp_path, record_property):
    play(Plan(events=1500, kills=12, restarts=2), cluster, tmp_path, record_property)


@pytest.mark.long
def test_nothing_is_lost_in_long_chaos(cluster, tmp_path, record_property):
    play(Plan(events=20_000, kills=200, restarts=10), cluster, tmp_path, record_property)
