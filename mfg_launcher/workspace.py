"""One checkout at work: its parts brought up in the right order, and the environment they share."""

import base64
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from . import config, lock, odoo_source, ports, postgres, venv
from .command import Runner
from .console import Console
from .errors import LauncherError
from .layout import Layout, write_private
from .state import State

#: variables that would silently override the generated odoo.conf
_OVERRIDING = ("PGDATABASE", "PGSERVICE", "PGOPTIONS", "PGHOSTADDR", "OPENERP_SERVER")
#: tells a launcher started by one of our own processes that PGHOST is its own cluster
_PRIVATE = "MFG_PRIVATE_POSTGRES"
PREFERRED_HTTP_PORT = 8069


class Workspace:
    """:param database_server: ``host``, ``port`` and ``user`` given as options, if any"""

    def __init__(
        self,
        layout: Layout,
        console: Console,
        environ: Mapping[str, str],
        database_server: Mapping[str, str],
    ) -> None:
        self.layout = layout
        self.console = console
        self.environ = environ
        layout.create()
        self.state = State(layout.state_file)
        self.runner = Runner(layout.setup_log, console)
        self.cluster = postgres.Cluster(layout, self.state, self.runner, console)
        self._external = self._choose_server(database_server)

    def _choose_server(self, options: Mapping[str, str]) -> dict[str, str]:
        """``host``, ``port`` and ``user`` of a server of others; empty for the private cluster.

        What was given as options is remembered for the commands that follow.

        :raises LauncherError: they name a server that cannot be used
        """
        given = {key: value for key, value in options.items() if value}
        chosen = given or dict(self.state.get("database_server", {}))
        # A command started by a scenario or a test inherits the private cluster's PGHOST.
        if self.environ.get(_PRIVATE) != str(self.layout.root):
            for name, variable in (("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER")):
                if self.environ.get(variable):
                    chosen.setdefault(name, self.environ[variable])
        if not chosen.get("host"):
            return {}
        postgres.refuse(**chosen)
        if given:
            self.state.set("database_server", given)
        return chosen

    @contextlib.contextmanager
    def exclusive(self, command: str) -> Iterator[None]:
        """Changes to `.local/` one after the other; the long run that follows needs no lock."""

        def waiting(holder: str) -> None:
            self.console.say(f"   waiting for {holder}")

        with lock.exclusive(self.layout.local / "lock", command=command, waiting=waiting):
            yield

    # ---- bringing up ------------------------------------------------------------------------

    def prepare(
        self, groups: Sequence[str] = ("run",), beside: Callable[[], object] | None = None
    ) -> None:
        """Odoo, the Python packages and PostgreSQL; what does not need another runs beside it.

        :param beside: more work to do at the same time
        :raises LauncherError: the first of the parts that failed
        """

        def database() -> None:
            venv.ensure(self.layout, self.runner, self.console, groups)
            self.server  # noqa: B018 - a cached property that starts what it describes

        work = [lambda: self.odoo, database] + ([beside] if beside else [])
        with ThreadPoolExecutor(len(work)) as pool:
            futures = [pool.submit(one) for one in work]
        for future in futures:
            future.result()
        self.write_config()

    @cached_property
    def odoo(self) -> odoo_source.OdooSource:
        return odoo_source.find(self.layout, self.state, self.runner, self.console, self.environ)

    @cached_property
    def server(self) -> postgres.Server:
        """The running database server."""
        if self.is_private:
            return self.cluster.start()
        server = postgres.external(
            self.layout, **self._external, password=self.environ.get("PGPASSWORD", "")
        )
        with self.console.step(f"PostgreSQL at {server.host}:{server.port}, role {server.user}"):
            postgres.check(server)
        return server

    @property
    def is_private(self) -> bool:
        """Whether the database server is this checkout's own."""
        return not self._external

    def require_setup(self) -> None:
        """:raises LauncherError: there is nothing yet to work with"""
        if not venv.is_ready(self.layout, "run") or not self.layout.config_file.exists():
            raise LauncherError("this checkout is not set up", "Run ./mfg setup (or ./mfg demo)")

    # ---- what the parts are told ------------------------------------------------------------

    def addons_path(self) -> list[str]:
        own = [self.layout.root / "addons", self.layout.root / "tests" / "addons"]
        return [*self.odoo.addons, *(str(path) for path in own if path.is_dir())]

    def write_config(self) -> None:
        source = self.layout.root / "odoo.conf"
        http = self.http_port()
        text = config.render(
            source.read_text(),
            {
                "addons_path": ",".join(self.addons_path()),
                "data_dir": self.layout.data,
                "db_host": self.server.host,
                "db_port": self.server.port,
                "db_user": self.server.user,
                "db_password": self.server.password or "False",
                "db_name": self.demo_database,
                "dbfilter": f"^{self.demo_database}$",
                "http_interface": ports.LOOPBACK,
                "http_port": http,
                "gevent_port": ports.choose(http + 1, avoid={http}),
                # One process serves everything here: a limit would restart or starve it all.
                "limit_memory_soft": 0,
                "limit_memory_hard": 0,
                "screenshots": self.layout.logs / "screenshots",
                "admin_passwd": secrets.token_urlsafe(24),
            },
            source.name,
        )
        write_private(self.layout.config_file, text)

    def http_port(self, wanted: int | None = None) -> int:
        """The port for Odoo: a wanted one, the one of last time, or the next free one."""
        if wanted:
            if not ports.is_free(wanted):
                raise LauncherError(
                    f"port {wanted} is in use", "Give another one with --port, or none at all"
                )
            self.state.set_port("http", wanted)
            return wanted
        remembered = self.state.port("http")
        if remembered is None:
            self.state.set_port("http", ports.choose(PREFERRED_HTTP_PORT))
        return self.state.port("http")

    @cached_property
    def demo_database(self) -> str:
        """Its name; on a server that others use too, it says whose it is."""
        return "mfg_demo" if self.is_private else f"mfg_demo_{self.state.instance}"

    @cached_property
    def secret_key(self) -> str:
        """The key ring of this checkout, ``name:base64 of 32 bytes``; made once."""
        path = self.layout.secret_key
        if not path.exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            write_private(path, f"local:{key}\n")
        return path.read_text().strip()

    def environment(self) -> dict[str, str]:
        """The variables of every process that works on this checkout's databases."""
        values = {
            key: value
            for key, value in self.environ.items()
            if key not in _OVERRIDING and not key.startswith("ODOO_")
        }
        chromium = self.layout.bin / "chromium"
        return {
            **values,
            **self.server.environment(),
            "PYTHONPATH": self.odoo.python_path,
            "PYTHONUNBUFFERED": "1",
            "ODOO_RC": str(self.layout.config_file),
            "MFG_SECRET_KEY": self.secret_key,
            "MFG_ENVIRONMENT": "development",
            "MFG_LAUNCHER": str(self.layout.launcher),
            "PATH": os.pathsep.join(
                [
                    str(self.layout.venv / "bin"),
                    str(self.layout.bin),
                    str(self.server.programs),
                    values.get("PATH", os.defpath),
                ]
            ),
            **({_PRIVATE: str(self.layout.root)} if self.is_private else {}),
            **({"MFG_CHROMIUM": str(chromium)} if chromium.exists() else {}),
        }

    def odoo_command(self, *arguments: str | Path) -> list[str | Path]:
        return [self.layout.python, "-m", "odoo", *arguments]
