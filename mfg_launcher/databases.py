"""Template databases: built once for what they contain, then copied in a second.

Each is named after a hash of everything that goes into it, is built under a name of its own and
renamed when complete, and takes no connections afterwards, so that it can always be copied.
Attachments are kept in the database, so that a copy needs no files beside it.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from .console import Step
from .errors import LauncherError
from .postgres import Server
from .workspace import Workspace

#: Odoo's own modules that the suite works with
STOCK_MODULES = (
    "mrp",
    "maintenance",
    "purchase_stock",
    "sale_stock",
    "account",
    "stock_delivery",
    "base_automation",
)
#: raise it when the way templates are made changes
RECIPE = 1
#: templates of one kind that are kept: the current one, and one to come back to
KEPT = 2
#: folders of an addon that leave no trace in a database
_WITHOUT_EFFECT = {"tests", "readme", "__pycache__"}
_LOADING = re.compile(r"odoo\.modules\.loading: Loading module (\S+) \((\d+)/(\d+)\)")

_KEEP_FILES_INSIDE = """
env["ir.config_parameter"].set_param("ir_attachment.location", "db")
env["ir.attachment"].force_storage()
env.cr.commit()
"""
# The web client's bundles are compiled once here rather than at the first page of every copy.
_COMPILE_BUNDLES = """
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
"""


# A copy of a database runs no jobs until somebody says that it is not a mere copy.
_ACTIVATE_BUILTIN = """
env["mfg.connector"].search([("builtin", "=", True)]).action_activate()
env.cr.commit()
"""


def digest(folders: Iterable[Path], *more: str) -> str:
    """Ten hex digits over the names and contents of all files that a database is made from."""
    value = hashlib.sha256("\0".join((str(RECIPE), *more)).encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts
            if path.is_file() and not _WITHOUT_EFFECT.intersection(inside[1:]):
                value.update("/".join(inside).encode() + b"\0")
                value.update(hashlib.sha256(path.read_bytes()).digest())
    return value.hexdigest()[:10]


def addons_in(folder: Path) -> list[str]:
    """Names of the addons in ``folder``, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/__manifest__.py"))


class Databases:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._addons = workspace.layout.root / "addons"
        self._test_addons = workspace.layout.root / "tests" / "addons"

    @property
    def _server(self) -> Server:
        return self._workspace.server

    # ---- the three templates ----------------------------------------------------------------

    def stock(self) -> str:
        """Odoo's own modules with demo data, none of ours."""
        odoo = self._workspace.odoo
        name = self._name("stock", digest([], odoo.version, *STOCK_MODULES))
        return self._template(
            "stock", name, None, STOCK_MODULES, "Odoo's modules with demo data", _KEEP_FILES_INSIDE
        )

    def suite(self) -> str:
        """Our addons on top of the stock template."""
        stock = self.stock()
        name = self._name("suite", digest([self._addons], stock))
        addons = addons_in(self._addons)
        if not addons:
            raise LauncherError("addons/ is empty", "Restore the checkout: git checkout -- addons")
        return self._template("suite", name, stock, addons, "our addons", _COMPILE_BUNDLES)

    def tests(self) -> str:
        """The test-only addons on top of the suite's."""
        suite = self.suite()
        addons = addons_in(self._test_addons) if self._test_addons.is_dir() else []
        if not addons:
            return suite
        name = self._name("tests", digest([self._test_addons], suite))
        return self._template("tests", name, suite, addons, "the test addons", "")

    def _name(self, kind: str, key: str) -> str:
        # On a server that others use too, the checkout's mark keeps them apart.
        owner = "" if self._workspace.is_private else f"_{self._workspace.state.instance}"
        return f"mfg{owner}_{kind}_{key}"

    def _template(
        self, kind: str, name: str, base: str | None, modules: Sequence[str], label: str, after: str
    ) -> str:
        if not self.exists(name):
            building = f"{name}_building"
            with self._workspace.console.step(f"Template database: {label}") as step:
                self.drop(building)
                self._create(building, base)
                self._install(building, modules, step, with_demo=base is None)
                if after:
                    step.progress("finishing")
                    self._script(building, after)
                self._server.sql(
                    f'ALTER DATABASE "{building}" RENAME TO "{name}";'
                    f' ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'
                )
        self._keep(kind, name)
        return name

    def _keep(self, kind: str, name: str) -> None:
        """Remember ``name`` as the newest of its kind and drop the oldest beyond `KEPT`."""
        known = self._workspace.state.get("templates", {})
        names = [other for other in known.get(kind, []) if other != name] + [name]
        for old in names[:-KEPT]:
            self.drop(old)
        self._workspace.state.set("templates", {**known, kind: names[-KEPT:]})

    # ---- single databases -------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        found = self._server.sql("SELECT 1 FROM pg_database WHERE datname = :'name'", name=name)
        return bool(found)

    def copy(self, template: str, name: str) -> None:
        """Make ``name`` anew out of ``template``."""
        self.drop(name)
        self._create(name, template)

    def for_use(self, name: str) -> None:
        """Make ``name`` anew, as a database of its own that runs its queue jobs."""
        self.copy(self.suite(), name)
        self._script(name, _ACTIVATE_BUILTIN)

    def drop(self, name: str) -> None:
        """Drop a database, ending the connections that our role has to it."""
        # WITH (FORCE) would need a right that the role of an external server may not have, since
        # it also ends autovacuum; the plain statement sends that away by itself.
        self._server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = :'name' AND usename = current_user",
            name=name,
        )
        self._server.sql('DROP DATABASE IF EXISTS :"name"', name=name)

    def drop_runs(self) -> None:
        """Drop databases of test runs whose process is gone."""
        pattern = self._run_name(0).removesuffix("0")
        for name in self._server.sql("SELECT datname FROM pg_database"):
            pid = name.removeprefix(pattern)
            if name.startswith(pattern) and pid.isdigit() and not Path("/proc", pid).exists():
                self.drop(name)

    def for_run(self) -> str:
        """A copy of the test template for this process alone."""
        name = self._run_name(os.getpid())
        self.copy(self.tests(), name)
        return name

    def _run_name(self, pid: int) -> str:
        return self._name("run", str(pid))

    def all_of_ours(self) -> list[str]:
        """Every database that this checkout's launcher made."""
        prefix = self._name("", "").rstrip("_") + "_"
        names = self._server.sql("SELECT datname FROM pg_database")
        return [n for n in names if n.startswith(prefix) or n == self._workspace.demo_database]

    def _create(self, name: str, template: str | None) -> None:
        # template0, so that nothing a user put into template1 gets in.
        statement = 'CREATE DATABASE :"name" TEMPLATE :"template"'
        if template is None:
            statement += " ENCODING 'UTF8'"
        self._server.sql(statement, name=name, template=template or "template0")

    def _install(self, name: str, modules: Sequence[str], step: Step, *, with_demo: bool) -> None:
        def line(text: str) -> None:
            found = _LOADING.search(text)
            if found:
                step.progress(f"{found[2]} of {found[3]}, {found[1]}")

        # An existing database knows itself whether it has demo data: what is added to one that
        # has gets its own too.
        argv = self._workspace.odoo_command("-d", name, "-i", ",".join(modules))
        argv += ["--stop-after-init", "--no-http", "--max-cron-threads=0"]
        self._workspace.runner.run(
            [*argv, "--with-demo"] if with_demo else argv,
            what=f"installing {', '.join(modules)}",
            env=self._workspace.environment(),
            cwd=self._workspace.layout.root,
            line=line,
        )
        wanted = ", ".join(f"'{module}'" for module in modules)
        missing = self._server.sql(
            f"SELECT name, state FROM ir_module_module WHERE name IN ({wanted})"
            " AND state != 'installed'",
            name,
        )
        if missing:
            raise LauncherError(
                f"Odoo did not install {', '.join(row.split(chr(9))[0] for row in missing)}",
                f"See the reason in {self._workspace.layout.setup_log}",
            )

    def _script(self, name: str, script: str) -> None:
        # The shell prints a traceback and ends with 0: the last line tells whether it got there.
        printed = self._workspace.runner.run(
            self._workspace.odoo_command("shell", "-d", name, "--no-http", "--max-cron-threads=0"),
            what=f"finishing the database {name}",
            env=self._workspace.environment(),
            stdin=f"{script}print('finished', 'to the end')\n",
        )
        if "finished to the end" not in printed:
            raise LauncherError(
                f"the database {name} could not be finished",
                f"See the reason in {self._workspace.layout.setup_log}",
            )
