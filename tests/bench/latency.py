"""From commit to arrival, 20 events a second on a system that does nothing else.

The clock starts when the commit has returned to whoever caused the event, and ends when the
receiver has the whole request. One runner at a time: the dedicated worker, the scheduled actions
of an Odoo server, queue_job.
"""

import argparse
import sys
from functools import partial

from tests.harness.server import OdooServer
from tests.harness.worker import Worker

from .kit import odoo_process, peer, run
from .kit.figures import Quantity
from .kit.probe import PER_SECOND, latencies, p50, p99
from .kit.receiver_process import Receiver
from .kit.suite import Suite

QUANTITIES = {
    "worker_p50": Quantity("ms", "dedicated worker"),
    "worker_p99": Quantity("ms", ""),
    "cron_p50": Quantity("ms", "scheduled actions alone"),
    "cron_p99": Quantity("ms", ""),
    "peer_queue_job_p50": Quantity("ms", f"queue_job, {peer.WORKERS} workers"),
}
PEER_P99 = "peer_queue_job_p99"
LANE = "critical"
SETTLE_SECONDS = 60


def main() -> int:
    return run.run("latency", QUANTITIES, measure, rounds=3, arguments=_arguments)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=1000, help="per case (%(default)s)")
    parser.add_argument("--without-peer", action="store_true")


def measure(bench: run.Bench) -> None:
    with_peer = not bench.options.without_peer
    odoo_process.set_up([peer.fetch()] if with_peer else [])
    figures = bench.figures
    suite = Suite.create(bench)
    rival = peer.Peer.create(bench) if with_peer else None
    receiver = bench.stack.enter_context(Receiver(bench.folder))
    suite.connect(receiver.url, lane=LANE)
    events = bench.count(bench.options.events, 20)
    figures.note(f"{events} events a case and round, {PER_SECOND} a second.")
    for number in bench.rounds():
        probe = partial(latencies, receiver=receiver, count=events, seed=number)
        with Worker(suite.database, bench.folder):
            found = probe(suite.emit_one)
            suite.wait_until_settled(SETTLE_SECONDS)
        figures.add("worker_p50", p50(found))
        figures.add("worker_p99", p99(found))
        with OdooServer(suite.database, bench.folder):
            found = probe(suite.emit_one)
            suite.wait_until_settled(SETTLE_SECONDS)
        figures.add("cron_p50", p50(found))
        figures.add("cron_p99", p99(found))
        if rival:
            rival.start(receiver)
            found = probe(partial(rival.post_one, url=receiver.url))
            rival.server.stop()
            figures.add("peer_queue_job_p50", p50(found))
            figures.beside(PEER_P99, Quantity("ms", ""))
            figures.add(PEER_P99, p99(found))
    if not with_peer:
        figures.note("queue_job was left out (--without-peer).")


if __name__ == "__main__":
    sys.exit(main())
