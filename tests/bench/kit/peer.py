"""The peer: OCA queue_job at a pinned release, on a database and a server of its own.

It is fetched when a benchmark first needs it and stays outside the suite: nothing of ours imports
it. openupgradelib is named by its manifest, and used by its migrations alone.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from odoo.modules.registry import Registry

from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import ROOT, ChildProcess

from . import odoo_process
from .payload import body, token
from .receiver_process import Receiver
from .run import Bench, BenchError

PACKAGES = ("odoo-addon-queue-job==19.0.2.4.0.1", "openupgradelib==3.13.7")
FOLDER = ROOT / ".local" / "peers" / "queue_job"
WORKERS = 4
"""Odoo processes that run its jobs, and the capacity of its root channel."""
START_SECONDS = 120
WARM_UP = 20 * WORKERS
"""Jobs after which every one of its processes has had some."""


def fetch() -> Path:
    """The folder of its addons, downloaded by pip unless it is there already.

    :raises BenchError: pip failed
    """
    stamp = FOLDER / ".packages"
    wanted = "\n".join(PACKAGES)
    if not stamp.exists() or stamp.read_text() != wanted:
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--upgrade"]
        # Without dependencies: it asks for a distribution named odoo, which does not exist.
        argv += ["--disable-pip-version-check", "--no-deps", f"--target={FOLDER}", *PACKAGES]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(
                f"the peer could not be fetched; with --without-peer its figures are left out."
                f" pip says: {done.stderr.strip()[-500:]}"
            )
        stamp.write_text(wanted)
    # What it imports must be found here and in the processes started from here.
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
        paths = [os.environ.get("PYTHONPATH", ""), str(FOLDER)]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return FOLDER / "odoo" / "addons"


class PeerServer(ChildProcess):
    """Odoo in its production mode with queue_job's runner, as its documentation says."""

    def __init__(self, database: str, folder: Path):
        port, gevent_port = free_port(), free_port()
        argv = [
            sys.executable, "-m", "odoo",
            f"--database={database}",
            f"--db-filter=^{database}$",
            "--load=base,web,queue_job",
            f"--workers={WORKERS}",
            "--max-cron-threads=0",
            f"--http-interface={LOOPBACK}",
            f"--http-port={port}",
            f"--gevent-port={gevent_port}",
            "--log-level=info",
        ]  # fmt: skip
        env = {
            "ODOO_QUEUE_JOB_CHANNELS": f"root:{WORKERS}",
            "ODOO_QUEUE_JOB_HOST": LOOPBACK,
            "ODOO_QUEUE_JOB_PORT": str(port),
        }
        super().__init__("queue_job", argv, folder / "queue_job.log", env)
        self._said_before = 0

    def spawn(self) -> None:
        self._said_before = len(self.output())
        super().spawn()

    def wait_ready(self) -> None:
        self.wait_until(self._has_database, START_SECONDS, "to serve its database")

    def freeze(self) -> None:
        """All its processes, of which the runner of jobs is one."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def _has_database(self) -> bool:
        new = self.output()[self._said_before :]
        return re.search(r"queue job runner ready for db", new) is not None


class Peer:
    """:param registry: of its database, in this process"""

    def __init__(self, registry: Registry, folder: Path):
        self.registry = registry
        self.server = PeerServer(registry.db_name, folder)

    @classmethod
    def create(cls, bench: Bench) -> "Peer":
        """Make its database and open it for the rest of the run; its server is not started.

        ``odoo_process.set_up`` must have been told the folder that ``fetch`` returned.
        """
        bench.say("database of the peer")
        database = bench.database("peer", "MFG_STOCK_TEMPLATE")
        odoo_process.install(database, "queue_job", "bench_order")
        peer = cls(bench.stack.enter_context(odoo_process.opened(database)), bench.folder)
        bench.stack.callback(peer.server.stop)
        return peer

    def start(self, receiver: Receiver) -> None:
        """Start its server, and let it work until all its processes have loaded the database."""
        self.server.start()
        receiver.reset()
        self.post_all(map(token, range(WARM_UP)), receiver.url)
        receiver.wait_for(WARM_UP, START_SECONDS)

    def post_all(self, tokens: Iterable[str], url: str) -> None:
        """A job a token that posts its body to ``url``; all in one transaction."""
        with odoo_process.transaction(self.registry) as env:
            for token in tokens:
                env["bench.order"].with_delay().bench_post(url, body(token))

    def post_one(self, token: str, url: str) -> float:
        """One such job in a transaction of its own; when its commit returned (monotonic, s)."""
        with odoo_process.transaction(self.registry) as env:
            env["bench.order"].with_delay().bench_post(url, body(token))
        return time.monotonic()
