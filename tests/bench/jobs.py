"""Queue jobs: how fast jobs that do nothing run, and what putting one on the queue costs.

The suite's own queue jobs are not built yet. Only the peer's half is measured: the figures of the
suite are null, and the exit status is 2.
"""

import sys
import time

from odoo import models

from tests.harness import databases
from tests.harness.waiting import wait_for

from .kit import odoo_process, peer, run
from .kit.business import added_ms
from .kit.figures import Quantity
from .kit.receiver_process import Receiver
from .kit.worker import frozen

QUANTITIES = {
    "rate": Quantity("/s", "jobs that do nothing, one worker"),
    "enqueue_ms": Quantity("ms", "putting one on the queue, added to a transaction"),
    "peer_queue_job_rate": Quantity("/s", f"the same, queue_job with {peer.WORKERS} workers"),
    "peer_queue_job_enqueue_ms": Quantity("ms", "the same, queue_job"),
}
DEADLINE = 300
POLL_SECONDS = 0.02


def main() -> int:
    return run.run("jobs", QUANTITIES, measure, rounds=5)


def measure(bench: run.Bench) -> None:
    odoo_process.set_up([peer.fetch()])
    receiver = bench.stack.enter_context(Receiver(bench.folder))
    rival = peer.Peer.create(bench)
    rival.start(receiver)
    jobs = bench.count(300, 20)
    for _number in bench.rounds():
        rate, enqueue_ms = _peer(rival, jobs)
        bench.figures.add("peer_queue_job_rate", rate)
        bench.figures.add("peer_queue_job_enqueue_ms", enqueue_ms)
    raise run.Incomplete(
        "rate, enqueue_ms: the suite has no queue jobs yet, only queue_job was measured."
    )


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
