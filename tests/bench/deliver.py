"""How fast one worker delivers: signed events of 1 KB, each about an object of its own.

The clock runs at the receiver, from the first arrival to the last. Everything is committed before;
the workers are up, held back, and let go at once.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.harness.process import ChildProcess
from tests.harness.worker import Worker

from .kit import odoo_process, peer, run
from .kit.figures import Quantity
from .kit.payload import BODY_BYTES, token
from .kit.receiver_process import Counts, Receiver
from .kit.suite import Link, Suite
from .kit.worker import frozen, peak_rss_mb, profiled

QUANTITIES = {
    "rate": Quantity("/s", "one worker"),
    "rate_batch": Quantity("/s", "one worker, micro-batches of 100"),
    "rate_slow_one_worker": Quantity("/s", "one worker, receiver answers in 20 ms"),
    "rate_slow_two_workers": Quantity("/s", "two workers, receiver answers in 20 ms"),
    "peer_queue_job_rate": Quantity("/s", f"queue_job, {peer.WORKERS} workers, same POST"),
    "limit_client_rate": Quantity("/s", "bare aiohttp session, same POST"),
    "rss_mb": Quantity("MB", "memory of a worker at its peak"),
}
LANE = "standard"
MICRO_BATCH = "micro_batch"
IN_FLIGHT = 256
"""Calls at once in the fast cases: lane and connector set to it."""
SLOW_IN_FLIGHT = 16
"""In the slow cases: what a new connector has. The partner is the bound then, not the machine."""
SLOW_SECONDS = 0.02
DEADLINE = 300


def main() -> int:
    return run.run("deliver", QUANTITIES, measure, rounds=5, arguments=_arguments)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=10_000, help="per round (%(default)s)")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="py-spy's raw stacks of the last fast round"
    )


def measure(bench: run.Bench) -> None:
    with_peer = not bench.options.without_peer
    odoo_process.set_up([peer.fetch()] if with_peer else [])
    cases = Cases(bench)
    if with_peer:
        cases.start_peer()
    for _number in bench.rounds():
        cases.rate()
        cases.rate_batch()
        cases.slow()
        cases.limit()
        if with_peer:
            cases.peer_rate()
    if not with_peer:
        bench.figures.note("queue_job was left out (--without-peer).")


class Cases:
    def __init__(self, bench: run.Bench):
        self.bench = bench
        self.events = bench.count(bench.options.events, 300)
        self.suite = Suite.create(bench)
        self.receiver = bench.stack.enter_context(Receiver(bench.folder))
        self.link = self.suite.connect(self.receiver.url, lane=LANE, max_in_flight=IN_FLIGHT)
        self.suite.configure(
            "mfg.lane", self.link.lane_id, concurrency=IN_FLIGHT, batch_size=IN_FLIGHT
        )
        self.peer: peer.Peer | None = None

    def start_peer(self) -> None:
        self.peer = peer.Peer.create(self.bench)
        self.peer.start(self.receiver)

    # === Cases === #

    def rate(self) -> None:
        last = len(self.bench.figures.values("rate")) == self.bench.options.rounds - 1
        counts = self._deliver(
            self.events, workers=1, profile=self.bench.options.profile if last else None
        )
        self.bench.figures.add("rate", counts.rate)
        self.bench.figures.note(
            f"{self.events} events a round; request bodies of about"
            f" {round(counts.bytes / counts.requests, -1):.0f} bytes, those of the peer and of the"
            f" bare client of {BODY_BYTES}."
        )

    def rate_batch(self) -> None:
        if MICRO_BATCH not in self.suite.modes():
            self.bench.figures.note("rate_batch: subscriptions have no micro-batch mode yet.")
            return
        self._set(self.link, mode=MICRO_BATCH)
        try:
            self.bench.figures.add("rate_batch", self._deliver(self.events, workers=1).rate)
        finally:
            self._set(self.link, mode="real_time")

    def slow(self) -> None:
        """One worker and two, each with ``SLOW_IN_FLIGHT`` calls to the partner at once."""
        events = self.bench.count(self.bench.options.events // 3, 200)
        self.suite.configure("mfg.connector", self.link.connector_id, max_in_flight=SLOW_IN_FLIGHT)
        for workers, key in ((1, "rate_slow_one_worker"), (2, "rate_slow_two_workers")):
            counts = self._deliver(events, workers=workers, delay=SLOW_SECONDS)
            self.bench.figures.add(key, counts.rate)
        self.suite.configure("mfg.connector", self.link.connector_id, max_in_flight=IN_FLIGHT)

    def limit(self) -> None:
        self.receiver.reset()
        argv = [
            sys.executable, "-m", "tests.bench.kit.bare_client",
            f"--url={self.receiver.url}", f"--count={self.events}",
        ]  # fmt: skip
        client = ChildProcess("bare client", argv, self.bench.folder / "client.log")
        with client:
            status = client.wait_for_end(DEADLINE)
        counts = self.receiver.counts()
        if status or counts.distinct != self.events:
            raise AssertionError(f"The bare client failed ({status}): {client.tail()}")
        self.bench.figures.add("limit_client_rate", counts.rate)

    def peer_rate(self) -> None:
        jobs = self.bench.count(300, 20)
        self.receiver.reset()
        self.peer.post_all(map(token, range(jobs)), self.receiver.url)
        counts = self.receiver.wait_for(jobs, DEADLINE)
        self.bench.figures.add("peer_queue_job_rate", counts.rate)

    # === How === #

    def _deliver(
        self, events: int, *, workers: int, delay: float = 0.0, profile: Path | None = None
    ) -> Counts:
        """Put events in, let the workers go, wait until all have arrived."""
        self.receiver.reset(delay=delay)
        with ExitStack() as stack:
            running = [
                stack.enter_context(
                    Worker(self.suite.database, self.bench.folder, name=f"worker{number}")
                )
                for number in range(workers)
            ]
            with frozen(*running):
                self.suite.emit(map(token, range(events)))
            with profiled(running[0], profile):
                counts = self.receiver.wait_for(events, DEADLINE)
            self.suite.wait_until_settled(DEADLINE)
            for worker in running:
                self.bench.figures.add("rss_mb", peak_rss_mb(worker.pid))
                worker.terminate()
        if counts.repeated:
            self.bench.figures.note(f"{counts.repeated} messages came twice in one case.")
        return counts

    def _set(self, link: Link, **values: str) -> None:
        self.suite.configure("mfg.subscription", link.subscription_id, **values)


if __name__ == "__main__":
    sys.exit(main())
