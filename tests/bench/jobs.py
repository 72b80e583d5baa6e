"""Queue jobs: how fast jobs that do nothing run, and what putting one on the queue costs.

The same course for the suite and for the peer: jobs are put on the queue, one a transaction, while
who runs them is held back; the clock runs from the moment they may go on until the last is done.
"""

import argparse
import sys
import time

from odoo import models

from tests.harness import databases
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from .kit import odoo_process, peer, run
from .kit.business import added_ms
from .kit.figures import Quantity
from .kit.receiver_process import Receiver
from .kit.suite import Suite
from .kit.worker import frozen

QUANTITIES = {
    "rate": Quantity("/s", "jobs that do nothing, one worker"),
    "enqueue_ms": Quantity("ms", "putting one on the queue, added to a transaction"),
    "peer_queue_job_rate": Quantity("/s", f"the same, queue_job with {peer.WORKERS} workers"),
    "peer_queue_job_enqueue_ms": Quantity("ms", "the same, queue_job"),
}
LANE = "standard"
DEADLINE = 300
POLL_SECONDS = 0.02


def main() -> int:
    return run.run("jobs", QUANTITIES, measure, rounds=5, arguments=_arguments)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--without-peer", action="store_true")


def measure(bench: run.Bench) -> None:
    with_peer = not bench.options.without_peer
    odoo_process.set_up([peer.fetch()] if with_peer else [])
    suite = _suite(bench)
    rival = None
    if with_peer:
        receiver = bench.stack.enter_context(Receiver(bench.folder))
        rival = peer.Peer.create(bench)
        rival.start(receiver)
    for _number in bench.rounds():
        rate, enqueue_ms = _ours(bench, suite, bench.count(900, 40))
        bench.figures.add("rate", rate)
        bench.figures.add("enqueue_ms", enqueue_ms)
        if rival:
            rate, enqueue_ms = _peer(rival, bench.count(300, 20))
            bench.figures.add("peer_queue_job_rate", rate)
            bench.figures.add("peer_queue_job_enqueue_ms", enqueue_ms)
    if not with_peer:
        bench.figures.note("queue_job was left out (--without-peer).")


def _suite(bench: run.Bench) -> Suite:
    suite = Suite.create(bench, addons=("bench_job",))
    with odoo_process.transaction(suite.registry) as env:
        # This database is a copy of a template.
        env["mfg.connector"].search([("builtin", "=", True)]).action_activate()
    return suite


def _ours(bench: run.Bench, suite: Suite, jobs: int) -> tuple[float, float]:
    """Jobs per second once the worker may go on; milliseconds that one adds to a transaction."""
    with Worker(suite.database, bench.folder, lanes=(LANE,)) as worker:
        with frozen(worker):
            _plain, enqueue_ms = added_ms(suite.registry, _enqueue_ours, jobs)
        start = time.monotonic()
        wait_for(
            lambda: not _unfinished_ours(suite.database),
            DEADLINE,
            "the jobs to end",
            poll=POLL_SECONDS,
        )
        rate = jobs / (time.monotonic() - start)
        worker.terminate()
    return rate, enqueue_ms


def _enqueue_ours(order: models.BaseModel) -> None:
    order._mfg_enqueue("bench_nothing", lane=LANE)


def _unfinished_ours(database: str) -> int:
    # Not the finished ones: counting them costs more each round, and the runner shares the machine.
    ((open_jobs, dead),) = databases.query(
        database,
        "SELECT count(*) FILTER (WHERE state != 'dead'), count(*) FILTER (WHERE state = 'dead')"
        " FROM mfg_outbox_message WHERE state IN ('pending', 'running', 'retrying', 'dead')",
    )
    if dead:
        raise AssertionError(f"The suite: {dead} jobs failed.")
    return open_jobs


def _peer(rival: peer.Peer, jobs: int) -> tuple[float, float]:
    """Jobs per second once its server may go on; milliseconds that one adds to a transaction."""
    with frozen(rival.server):
        _plain, enqueue_ms = added_ms(rival.registry, _enqueue, jobs)
    start = time.monotonic()
    wait_for(
        lambda: not _unfinished(rival.registry.db_name),
        DEADLINE,
        "the jobs to end",
        poll=POLL_SECONDS,
    )
    return jobs / (time.monotonic() - start), enqueue_ms


def _enqueue(order: models.BaseModel) -> None:
    order.with_delay().bench_nothing()


def _unfinished(database: str) -> int:
    states = dict(databases.query(database, "SELECT state, count(*) FROM queue_job GROUP BY 1"))
    done = states.pop("done", 0)
    if "failed" in states:
        raise AssertionError(f"queue_job: {states['failed']} jobs failed, {done} are done.")
    return sum(states.values())


if __name__ == "__main__":
    sys.exit(main())
