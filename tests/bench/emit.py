"""What an event costs the transaction of the person who causes it.

The transaction is of the smaller kind: an order with three lines is created and confirmed. With
and without the event by turns; the figures are differences of medians, from the first statement
to the return of the commit, wake-up included. The payload is passed ready-made.
"""

import argparse
import sys
import time
from statistics import median

from odoo import models
from odoo.modules.registry import Registry

from .kit import odoo_process, peer, run, writers
from .kit.business import Plant, added_ms, confirm_order
from .kit.figures import Quantity
from .kit.payload import body, ready_text, token
from .kit.suite import EVENT, UNHEARD, Suite

WRITERS = 8
BULK = 1000
NOWHERE = "http://127.0.0.1:9/"
"""The discard port. Nothing runs that would send."""
QUANTITIES = {
    "one_subscriber_ms": Quantity("ms", "added by one event with one subscriber"),
    "no_subscriber_ms": Quantity("ms", "added by one without, and not kept"),
    "bulk_1000_each_ms": Quantity("ms", f"each of {BULK} in one recordset, commit included"),
    "commits_8_writers_ratio": Quantity("", f"commits/s of {WRITERS} writers, with by without"),
    "peer_queue_job_ms": Quantity("ms", "added by queue_job's with_delay()"),
    "mark_done_ms": Quantity("ms", "closing a production order, for scale"),
}
TRANSACTION = "transaction_ms"
COMMITS = "commits_8_writers"


def main() -> int:
    return run.run("emit", QUANTITIES, measure, rounds=5, arguments=_arguments)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--without-peer", action="store_true")


def measure(bench: run.Bench) -> None:
    with_peer = not bench.options.without_peer
    odoo_process.set_up([peer.fetch()] if with_peer else [])
    suite = Suite.create(bench)
    suite.connect(NOWHERE, lane="standard")
    rival = peer.Peer.create(bench) if with_peer else None
    bench.say(f"{WRITERS} writers")
    writing = bench.stack.enter_context(writers.started(suite.database, WRITERS))
    with odoo_process.transaction(suite.registry) as env:
        plant = Plant(env)
    figures = bench.figures
    figures.beside(TRANSACTION, Quantity("ms", "the transaction without anything"))
    figures.beside(COMMITS, Quantity("/s", f"commits of {WRITERS} writers without events"))
    times = bench.count(500, 20)
    for number in bench.rounds():
        plain, added = added_ms(suite.registry, _emit, times)
        figures.add(TRANSACTION, plain)
        figures.add("one_subscriber_ms", added)
        figures.add("no_subscriber_ms", _unheard(suite.registry, times))
        for _n in range(bench.count(10, 2)):
            figures.add("bulk_1000_each_ms", _bulk(suite.registry))
        if rival:
            figures.add("peer_queue_job_ms", added_ms(rival.registry, _enqueue, times)[1])
        _write(bench, writing, emit_first=number % 2 == 0)
        for _n in range(bench.count(10, 2)):
            figures.add("mark_done_ms", _close(suite.registry, plant))
    if not with_peer:
        figures.note("queue_job was left out (--without-peer).")


# === Cases === #


def _emit(order: models.BaseModel) -> None:
    order._mfg_emit(EVENT, ready_text(token(order.id)))


def _enqueue(order: models.BaseModel) -> None:
    order.with_delay().bench_post(NOWHERE, body(token(order.id)))


def _unheard(registry: Registry, times: int) -> float:
    """The call alone: it writes nothing, so that the commit does not change, and what it takes is
    far below the noise of one."""
    found = []
    with odoo_process.transaction(registry) as env:
        order = confirm_order(env)
        text = ready_text(token(0))
        for _n in range(times):
            start = time.perf_counter()
            order._mfg_emit(UNHEARD, text)
            found.append((time.perf_counter() - start) * 1000)
    return median(found)


def _bulk(registry: Registry) -> float:
    with odoo_process.transaction(registry) as env:
        orders = env["bench.order"].create([{"name": f"Order {n}"} for n in range(BULK)])
        ids = orders.ids
    text = ready_text(token(0))
    start = time.perf_counter()
    with odoo_process.transaction(registry) as env:
        env["bench.order"].browse(ids)._mfg_emit(EVENT, text)
    return (time.perf_counter() - start) * 1000 / BULK


def _write(bench: run.Bench, writing: writers.Writers, *, emit_first: bool) -> None:
    seconds = bench.count(5, 1)
    rates = {
        emit: writing.commits_per_second(emit=emit, seconds=seconds)
        for emit in ((True, False) if emit_first else (False, True))
    }
    bench.figures.add(COMMITS, rates[False])
    bench.figures.add("commits_8_writers_ratio", rates[True] / rates[False])


def _close(registry: Registry, plant: Plant) -> float:
    with odoo_process.transaction(registry) as env:
        order_id = plant.released(env)
    start = time.perf_counter()
    with odoo_process.transaction(registry) as env:
        plant.close(env, order_id)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    sys.exit(main())
