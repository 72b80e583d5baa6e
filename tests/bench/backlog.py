"""Whether a backlog slows the claims down, and what it does to a worker's memory.

Each case has a database of its own, filled and vacuumed before. A round claims and settles the
same number of messages in each of them by turns, with the engine's own statements and nothing
between them, and then puts as many new ones in as were taken out.
"""

import sys
import time
from collections.abc import Callable

from tests.harness.worker import Worker

from .kit import odoo_process, run
from .kit.figures import Quantity
from .kit.receiver_process import Receiver
from .kit.rows import add_history, add_messages, vacuum
from .kit.suite import Link, Suite
from .kit.worker import peak_rss_mb

QUANTITIES = {
    "claim_rate_10k": Quantity("/s", "10,000 waiting, each of a key of its own"),
    "claim_rate_1m": Quantity(
        "/s", "1,000,000 waiting over 100,000 keys, 10,000,000 rows of history"
    ),
    "claim_rate_hot_key": Quantity("/s", "the same 10,000 beside a key with 100,000"),
    "claim_rate_parked_keys": Quantity("/s", "the same 10,000 beside 100,000 parked keys"),
    "rss_mb": Quantity("MB", "memory of a worker on each of them at its peak"),
}
LANE = "bulk"
AT_ONCE = 100
HISTORY = 10_000_000
WORKER_SECONDS = 20


def main() -> int:
    return run.run("backlog", QUANTITIES, measure, rounds=7)


def measure(bench: run.Bench) -> None:
    odoo_process.set_up()
    receiver = bench.stack.enter_context(Receiver(bench.folder))
    scale = bench.count(1, 100)
    cases = [
        Case(bench, receiver, name, fill, scale)
        for name, fill in (
            ("10k", _alone),
            ("1m", _million),
            ("hot_key", _hot_key),
            ("parked_keys", _parked_keys),
        )
    ]
    if scale > 1:
        bench.figures.note(f"--quick: all backlogs are {scale} times smaller than named.")
    taken = bench.count(4000, 50)
    for number in bench.rounds():
        # The first one changes from round to round: nobody always follows the same neighbour.
        turn = number % len(cases)
        for case in cases[turn:] + cases[:turn]:
            bench.figures.add(f"claim_rate_{case.name}", case.claim_rate(taken))
    for case in cases:
        bench.figures.add("rss_mb", case.worker_memory(bench.count(WORKER_SECONDS, 3)))


class Case:
    """One database with its backlog."""

    def __init__(
        self,
        bench: run.Bench,
        receiver: Receiver,
        name: str,
        fill: Callable[["Case", int], None],
        scale: int,
    ):
        from .kit.engine import Engine  # once set_up() has told Python where the addons are

        self.name = name
        self._bench = bench
        self._receiver = receiver
        self.suite = Suite.create(bench, name)
        self.link: Link = self.suite.connect(receiver.url, lane=LANE, max_in_flight=AT_ONCE)
        self.engine = Engine(self.suite, self.link, AT_ONCE)
        self._rounds = 0
        bench.say(f"filling {name}")
        fill(self, scale)
        self.engine.admit_all()
        vacuum(self.suite.database)

    def add(self, number: int, *, keys: int, prefix: str) -> None:
        add_messages(self.suite, self.link, number, keys=keys, prefix=prefix)

    def claim_rate(self, number: int) -> float:
        """Messages claimed and settled per second, over at least ``number`` of them."""
        taken = 0
        start = time.perf_counter()
        while taken < number:
            now = self.engine.deliver()
            if not now:
                raise AssertionError(f"{self.name}: nothing is due any more.")
            taken += now
        rate = taken / (time.perf_counter() - start)
        self._rounds += 1
        self.add(taken - 1, keys=taken, prefix=f"round{self._rounds}:")
        self.engine.admit_all()
        return rate

    def worker_memory(self, seconds: float) -> float:
        """Peak memory in MB of a worker that delivers here for a while."""
        self._receiver.reset()
        with Worker(self.suite.database, self._bench.folder, name=f"worker-{self.name}") as worker:
            time.sleep(seconds)
            if not worker.running:
                raise AssertionError(f"The worker ended: {worker.tail()}")
            return peak_rss_mb(worker.pid)


# === Backlogs === #


def _alone(case: Case, scale: int) -> None:
    case.add(10_000 // scale, keys=10_000 // scale, prefix="alone:")


def _million(case: Case, scale: int) -> None:
    case.add(1_000_000 // scale, keys=100_000 // scale, prefix="million:")
    add_history(case.suite, HISTORY // scale)


def _hot_key(case: Case, scale: int) -> None:
    case.add(100_000 // scale, keys=1, prefix="hot:")
    _alone(case, scale)


def _parked_keys(case: Case, scale: int) -> None:
    """A dead message each, and one that waits behind it."""
    case.add(200_000 // scale, keys=100_000 // scale, prefix="parked:")
    case.engine.admit_all()
    while case.engine.bury():
        pass
    _alone(case, scale)


if __name__ == "__main__":
    sys.exit(main())
