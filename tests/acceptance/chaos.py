"""What happens to an installation in the worst week of its life, in a few minutes.

Runners are killed and PostgreSQL is restarted at moments that a seeded generator picks, while
business transactions go on emitting.
"""

import random
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

import requests

from tests.harness import databases
from tests.harness.cluster import Cluster
from tests.harness.rpc import Rpc, RpcError
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .moody import MoodyPartner
from .site import SOON, Site

PROGRESS_SECONDS = 120
"""For something to move on: leases of 20 s, retries, and processes that start on a busy machine."""
MOST_AT_ONCE = 20
"""Events of one business transaction."""


class Runner:
    """One process that delivers, and the hand that starts it again."""

    def __init__(self, process: OdooServer | Worker):
        self.process = process
        self.ready = False
        self._kind = "cron" if isinstance(process, OdooServer) else "worker"

    @property
    def name(self) -> str:
        """By which it claims."""
        return f"{self._kind}@{socket.gethostname()}:{self.process.pid}"

    def kill(self) -> None:
        """SIGKILL, and start anew without waiting for it."""
        self.process.kill()
        self.process.spawn()
        self.ready = False

    def look(self) -> bool:
        """Whether it is ready; a start that the database failed is repeated, as a service manager
        does.

        :raises AssertionError: it was ready, and has ended by itself
        """
        if not self.process.running:
            assert not self.ready, f"{self.process.name} ended by itself:\n{self.process.tail()}"
            self.process.spawn()
        self.ready = self.ready or self.process.is_ready()
        return self.ready


class Business(threading.Thread):
    """Transactions that emit, one after the other, as far as they are allowed to go.

    Those that fail are not repeated: whether they were committed is what the database says.
    """

    def __init__(self, site: Site, contacts: list[int], rng: random.Random):
        super().__init__(name="business", daemon=True)
        self.committed = 0
        """Events of transactions that were told to be committed."""
        self.failures = 0
        """Transactions that failed, or whose answer did not come."""
        self.allowed = 0
        self._site = site
        self._contacts = contacts
        self._rng = rng
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            rpc: Rpc | None = None
            while not self._ended.is_set():
                some = min(self._rng.randint(1, MOST_AT_ONCE), self.allowed - self.committed)
                if some <= 0:
                    self._ended.wait(0.02)
                    continue
                try:
                    rpc = rpc or self._site.rpc()
                    self._site.emit(self._rng.sample(self._contacts, some), rpc)
                except (requests.RequestException, RpcError):
                    self.failures += 1
                    rpc = None
                    self._ended.wait(0.2)
                else:
                    self.committed += some
        except BaseException as error:  # noqa: BLE001 - raised again by check()
            self._error = error

    def check(self) -> None:
        """:raises BaseException: what ended it"""
        if self._error:
            raise self._error

    def end(self) -> None:
        self._ended.set()
        self.join(PROGRESS_SECONDS)
        self.check()


@dataclass(frozen=True)
class Plan:
    """How much chaos.

    :param events: at least so many
    :param kills: of runners
    :param restarts: of PostgreSQL; every second one is a crash
    :param workers: beside Odoo's scheduled actions
    """

    workers: int
    events: int
    kills: int
    restarts: int


@dataclass
class Chaos:
    """The run.

    :param helped: names of killed runners whose leases were let run out; those of others run out
        by themselves
    :param unhelped: names of the others
    :param in_flight: ids of the attempts under way of runners that were killed, or of all when
        PostgreSQL ended
    :param starting: how many were killed before they were ready
    """

    site: Site
    cluster: Cluster
    runners: list[Runner]
    partners: list[MoodyPartner]
    business: Business
    rng: random.Random
    helped: list[str] = field(default_factory=list)
    unhelped: list[str] = field(default_factory=list)
    in_flight: set[int] = field(default_factory=set)
    disruptions: int = 0
    starting: int = 0

    def run(self, plan: Plan) -> None:
        disruptions = ["kill"] * plan.kills + ["restart"] * plan.restarts
        self.rng.shuffle(disruptions)
        crash = False
        self.business.start()
        for number, disruption in enumerate(disruptions, 1):
            victim = self._victim()
            # Business gets ahead only now: whoever is killed has work, however long others take
            # to start.
            self.business.allowed = plan.events * number // (len(disruptions) + 1)
            self._wait_for_taken(self.rng.uniform(0.1, 0.6))
            if disruption == "kill":
                self._kill(victim)
            else:
                self._restart(crash=crash)
                crash = not crash
        self.business.allowed = plan.events
        self._wait_for_taken(1.0)
        self.business.end()
        self._wait(lambda: all(runner.ready for runner in self.runners), "all runners to be ready")

    def _victim(self) -> Runner:
        """Mostly one that is ready, as soon as there is one; the first time, a worker."""
        if self.unhelped and self.rng.random() < 0.15:
            return self.rng.choice(self.runners)
        ready = []

        def any_ready() -> bool:
            ready[:] = [
                runner for runner in self.runners
                if runner.ready and (self.unhelped or isinstance(runner.process, Worker))
            ]  # fmt: skip
            return bool(ready)

        self._wait(any_ready, "a runner to be ready")
        return self.rng.choice(ready)

    def _wait_for_taken(self, part: float) -> None:
        """Until every partner has taken this part of what it may get and has not yet."""
        taken = self._taken
        goal = taken + part * (self.business.allowed - taken)
        self._wait(lambda: self._taken >= goal, f"{goal:.0f} events to arrive")

    @property
    def _taken(self) -> int:
        return min(len(partner.taken) for partner in self.partners)

    def _wait(self, condition, what: str) -> None:
        def met() -> bool:
            self.business.check()
            for runner in self.runners:
                runner.look()
            return condition()

        wait_for(
            met, PROGRESS_SECONDS, what, poll=0.005,
            seen=lambda: (
                f"{self.business.committed} of {self.business.allowed} emitted, "
                f"{self._taken} taken, {self.disruptions} disruptions"
            ),
        )  # fmt: skip

    def _kill(self, victim: Runner) -> None:
        name, sessions = victim.name, f"odoo-{victim.process.pid}"
        self.starting += not victim.ready
        if not self.unhelped:
            # The first one is sure to have work; its leases run out by nothing but time.
            self._freeze_at_work(victim)
        victim.kill()
        # A commit that it had asked for may come after its death.
        wait_for(
            lambda: not databases.query(
                self.site.database,
                "SELECT 1 FROM pg_stat_activity WHERE application_name = %s",
                [sessions],
            ),
            SOON, f"the sessions of {name} to end",
        )  # fmt: skip
        self._note_in_flight([name])
        if self.unhelped and self.rng.random() < 0.7:
            self.helped.append(name)
            databases.query(
                self.site.database,
                "UPDATE mfg_outbox_key SET due_at = statement_timestamp() AT TIME ZONE 'UTC'"
                " WHERE worker = %s",
                [name],
            )
        else:
            self.unhelped.append(name)

    def _freeze_at_work(self, victim: Runner) -> None:
        def at_work() -> bool:
            victim.process.freeze()
            if self._under_way([victim.name]):
                return True
            victim.process.thaw()
            self.business.allowed += 5  # the others may have done everything
            time.sleep(0.05)
            return False

        wait_for(at_work, PROGRESS_SECONDS, f"{victim.process.name} to have something in flight")

    def _restart(self, *, crash: bool) -> None:
        names = [runner.name for runner in self.runners]
        self.cluster.end(crash=crash)
        ended_at = datetime.now(timezone.utc)
        self.cluster.start()
        self._note_in_flight(names, ended_at)

    def _note_in_flight(self, names: list[str], before: datetime | None = None) -> None:
        self.in_flight |= self._under_way(names, before)
        self.disruptions += 1

    def _under_way(self, names: list[str], before: datetime | None = None) -> set[int]:
        """Attempts of these runners that are not closed, and began before."""
        found = databases.query(
            self.site.database,
            "SELECT id FROM mfg_attempt WHERE closed_at IS NULL AND worker = ANY(%s)"
            " AND started_at < %s::timestamptz AT TIME ZONE 'UTC'",
            [names, before or datetime.now(timezone.utc)],
        )
        return {row[0] for row in found}
