"""Whether a lane that is flooded delays another one.

100,000 messages for a partner that is dead and 100,000 for one that answers in 5 s wait in lane
bulk. Meanwhile critical events come at a steady pace, and their way from commit to arrival is
measured; the same with the two connectors paused. First with the dedicated worker, then with the
scheduled actions of an Odoo server alone.
"""

import argparse
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.harness import databases
from tests.harness.ports import LOOPBACK
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .kit import odoo_process, run
from .kit.figures import Quantity
from .kit.probe import PER_SECOND, latencies, p50, p99
from .kit.receiver_process import Receiver
from .kit.rows import add_messages, vacuum
from .kit.suite import Link, Suite

QUANTITIES = {
    "critical_p50_alone": Quantity("ms", "dedicated worker, nothing else waits"),
    "critical_p50_loaded": Quantity("ms", "dedicated worker, lane bulk flooded"),
    "critical_p99_alone": Quantity("ms", "dedicated worker, nothing else waits"),
    "critical_p99_loaded": Quantity("ms", "dedicated worker, lane bulk flooded"),
}
CRON_LABELS = {
    "alone": "only scheduled actions, nothing else waits",
    "loaded": "only scheduled actions, lane bulk flooded",
}
SLOW_SECONDS = 5.0
FLOOD_OF = {"dead": "mfg.bench.flood.dead.v1", "slow": "mfg.bench.flood.slow.v1"}
FLOOD_IN_FLIGHT = 8
"""Calls at once to each partner of the flood: together they fill the lane's 16 slots, so that
neither takes those of the other."""
BUSY_SECONDS = 120
"""How long it may take until the flood is being worked on, or until nothing of it is."""


def main() -> int:
    return run.run("isolation", QUANTITIES, measure, rounds=5, arguments=_arguments)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=300, help="per case (%(default)s)")


def measure(bench: run.Bench) -> None:
    odoo_process.set_up()
    site = Site(bench)
    events = bench.count(bench.options.events, 20)
    bench.figures.note(f"{events} critical events a case and round, {PER_SECOND} a second.")
    for runner, prefix in ((site.worker, ""), (site.server, "cron_")):
        bench.say(f"runner: {runner.name}")
        with runner:
            for number in bench.rounds():
                # By turns which comes first: whatever grows meanwhile meets both alike.
                for loaded in (False, True) if number % 2 else (True, False):
                    site.flood(running=loaded)
                    found = latencies(site.suite.emit_one, site.receiver, events, seed=number)
                    case = "loaded" if loaded else "alone"
                    for name, value in (("p50", p50(found)), ("p99", p99(found))):
                        key = f"{prefix}critical_{name}_{case}"
                        bench.figures.beside(key, Quantity("ms", CRON_LABELS[case]))
                        bench.figures.add(key, value)
            site.flood(running=False)


class Site:
    """The suite with its three partners, the two of the flood paused."""

    def __init__(self, bench: run.Bench):
        from .kit.engine import Engine  # once set_up() has told Python where the addons are

        self.receiver = bench.stack.enter_context(Receiver(bench.folder))
        self._slow = bench.stack.enter_context(Receiver(bench.folder, "slow"))
        self._slow.reset(delay=SLOW_SECONDS)
        dead = bench.stack.enter_context(_dead_address())
        self.suite = Suite.create(bench)
        self.suite.connect(self.receiver.url, lane="critical")
        number = bench.count(100_000, 500)
        bench.say(f"filling lane bulk with twice {number}")
        self._flood = []
        for name, url in (("dead", dead), ("slow", self._slow.url)):
            link = self.suite.connect(
                url, lane="bulk", event=FLOOD_OF[name], max_in_flight=FLOOD_IN_FLIGHT
            )
            self.suite.call("mfg.connector", link.connector_id, "action_pause")
            add_messages(self.suite, link, number, keys=number, prefix=f"{name}:")
            Engine(self.suite, link, at_once=1).admit_all()  # or that work would fall into "alone"
            self._flood.append(link)
        vacuum(self.suite.database)
        self.worker = Worker(self.suite.database, bench.folder)
        self.server = OdooServer(self.suite.database, bench.folder)

    def flood(self, *, running: bool) -> None:
        """Open the two connectors, and wait until both are being worked on; or the opposite."""
        before = self._attempts()
        for link in self._flood:
            method = "action_activate" if running else "action_pause"
            if self._is_paused(link) == running:
                self.suite.call("mfg.connector", link.connector_id, method)
        if running:
            wait_for(
                lambda: (
                    self._slow.counts().waiting
                    and (self._attempts() > before or self._is_known_dead())
                ),
                BUSY_SECONDS,
                "the flood to be worked on",
                seen=lambda: (self._slow.counts(), self._attempts() - before),
            )
        else:
            wait_for(lambda: not self._in_flight(), BUSY_SECONDS, "the flood to stand still")

    def _is_paused(self, link: Link) -> bool:
        ((state,),) = databases.query(
            self.suite.database,
            "SELECT state FROM mfg_connector WHERE id = %s",
            [link.connector_id],
        )
        return state == "paused"

    def _attempts(self) -> int:
        """So many times the dead partner was tried."""
        ((number,),) = databases.query(
            self.suite.database,
            "SELECT count(*) FROM mfg_attempt WHERE connector_id = %s",
            [self._flood[0].connector_id],
        )
        return number

    def _is_known_dead(self) -> bool:
        """Whether the dead partner is down for the suite: then it is probed once in a while."""
        ((phase,),) = databases.query(
            self.suite.database,
            "SELECT breaker_phase FROM mfg_connector_runtime WHERE connector_id = %s",
            [self._flood[0].connector_id],
        )
        return phase != "closed"

    def _in_flight(self) -> int:
        ((number,),) = databases.query(
            self.suite.database,
            "SELECT count(*) FROM mfg_attempt WHERE connector_id = ANY(%s) AND closed_at IS NULL",
            [[link.connector_id for link in self._flood]],
        )
        return number


@contextmanager
def _dead_address() -> Iterator[str]:
    """An address that refuses connections, held so that nobody else takes it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind((LOOPBACK, 0))  # bound, and never listening
        yield f"http://{LOOPBACK}:{held.getsockname()[1]}/"


if __name__ == "__main__":
    sys.exit(main())
