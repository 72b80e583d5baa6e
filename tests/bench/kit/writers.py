"""Processes that commit business transactions as fast as they can, all at once."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from . import odoo_process
from .business import confirm_order
from .payload import ready_text, token
from .suite import EVENT

START_SECONDS = 300


class Writers:
    """:param connections: one a process, ready"""

    def __init__(self, connections: list[Connection]):
        self._connections = connections

    def commits_per_second(self, *, emit: bool, seconds: float) -> float:
        """Commits per second of all together, each transaction with or without an event."""
        start = time.monotonic() + 0.2  # so that all of them have heard of it
        for connection in self._connections:
            connection.send((emit, start, start + seconds))
        return sum(connection.recv() for connection in self._connections) / seconds


@contextmanager
def started(database: str, number: int) -> Iterator[Writers]:
    """Processes of their own, each with Odoo's registry of this database loaded."""
    spawn = multiprocessing.get_context("spawn")
    connections, processes = [], []
    try:
        for _n in range(number):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_write, args=(theirs, database), daemon=True)
            process.start()
            theirs.close()  # so that its end is seen as the end of the stream
            processes.append(process)
            connections.append(ours)
        for connection in connections:
            if not connection.poll(START_SECONDS):
                raise AssertionError("A writing process did not start.")
            connection.recv()
        yield Writers(connections)
    finally:
        for connection in connections:
            connection.close()
        for process in processes:
            process.join(10)
            if process.is_alive():
                process.kill()


def _write(connection: Connection, database: str) -> None:
    odoo_process.set_up()
    with odoo_process.opened(database) as registry:
        connection.send("ready")
        while True:
            try:
                emit, start, end = connection.recv()
            except EOFError:
                return
            time.sleep(max(start - time.monotonic(), 0))
            commits = 0
            while time.monotonic() < end:
                with odoo_process.transaction(registry) as env:
                    order = confirm_order(env)
                    if emit:
                        order._mfg_emit(EVENT, ready_text(token(commits)))
                commits += 1
            connection.send(commits)
