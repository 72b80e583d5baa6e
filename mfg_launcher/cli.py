"""The command line: what each command does, and how failures are told."""

import argparse
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from . import checks, demo, programs, server, testing
from .command import foreground
from .console import Console
from .databases import Databases
from .errors import LauncherError
from .layout import Layout
from .workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status (1 failure, 2 wrong usage, 130 interrupted)."""
    # What follows a lone "--" is for the program that the command starts.
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    options = parser().parse_args(arguments[:cut])
    options.rest = list(arguments[cut + 1 :])
    # Others may have to read what is made here: PostgreSQL runs as another account under root.
    os.umask(0o022)
    try:
        return options.run(options)
    except LauncherError as error:
        if options.verbose:
            raise
        print(f"mfg: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mfg: interrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `./mfg logs | head`: the reader has enough. Python would complain again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # a person gets one line, --verbose the traceback
        if options.verbose:
            raise
        print(
            f"mfg: {type(error).__name__}: {error}. This is a defect of the launcher: run the same "
            "command with --verbose before it for the traceback.",
            file=sys.stderr,
        )
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="./mfg",
        allow_abbrev=False,
        description="Runs and tests the manufacturing integration suite on a real Odoo 19.",
        epilog="Everything it makes is under .local/; downloads are kept in ~/.cache/"
        "mfg-integration. Environment: ODOO_HOME (an Odoo 19 to use), PGHOST, PGPORT, PGUSER, "
        "PGPASSWORD (a PostgreSQL to use), MFG_PACKAGE_CACHE (a folder with Odoo's packages).",
    )
    top.add_argument("--verbose", action="store_true", help="show all output, and tracebacks")
    top.add_argument("--db-host", metavar="HOST", help="use this PostgreSQL, not a private one")
    top.add_argument("--db-port", metavar="PORT", help="its port (default 5432)")
    top.add_argument("--db-user", metavar="ROLE", help="its role; the password is PGPASSWORD")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str):
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(run=run, command=name)
        return command

    command = add("demo", _demo, "set everything up, play a scenario, leave Odoo running")
    command.add_argument("--scenario", default=demo.DEFAULT_SCENARIO, metavar="NAME")
    command.add_argument("--port", type=int, help="Odoo's port (default: 8069 or the next free)")
    command = add("test", _test, "run all tests, or those of a path or with a keyword")
    command.add_argument(
        testing.LONG, action="store_true", help="also those that take minutes, up to an hour"
    )
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="PATH_OR_KEYWORD [PYTEST ...]")
    command = add("setup", _setup, "fetch and install what the suite needs, without starting it")
    command.add_argument("--tests", action="store_true", help="also what the tests need")
    command = add("start", _start, "start Odoo and wait until it answers")
    command.add_argument("--db", metavar="NAME", help="database (default: the demo's)")
    command.add_argument("--port", type=int, help="Odoo's port (default: that of last time)")
    command = add("stop", _stop, "end exactly what ./mfg started")
    command.add_argument("what", nargs="?", choices=["odoo", "worker", "postgres"])
    command = add("status", _status, "show what runs, where")
    command.add_argument("--json", action="store_true", help="for programs")
    command = add(
        "worker",
        _worker,
        "run a dedicated dispatcher; further arguments of its own follow --",
    )
    command.add_argument("--db", metavar="NAME", help="database (default: the demo's)")
    command.add_argument(
        "--lane", action="append", default=[], metavar="CODE", help="repeatable (default: all)"
    )
    command.add_argument(
        "--processes", type=_positive, default=1, metavar="N", help="kept alive (default: 1)"
    )
    command.add_argument(
        "--background", action="store_true", help="return once it delivers; end it with ./mfg stop"
    )
    command = add("audit", _audit, "check the sealed audit trail; exit status 1 when it is broken")
    command.add_argument("action", choices=["verify"])
    command.add_argument("--db", metavar="NAME", help="database (default: the demo's)")
    command.add_argument(
        "--anchor", action="append", default=[], metavar="NUMBER:MARK", help="a mark kept elsewhere"
    )
    command = add("shell", _shell, "open Odoo's Python shell on a database")
    command.add_argument("--db", metavar="NAME", help="database (default: the demo's)")
    command = add("psql", _psql, "open psql on a database; its own arguments follow --")
    command.add_argument("--db", metavar="NAME", help="database (default: the demo's)")
    command = add("logs", _logs, "show the end of a log")
    command.add_argument(
        "what", nargs="?", default="odoo", choices=["odoo", "worker", "postgres", "setup"]
    )
    command.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    command.add_argument("-n", type=int, default=100, metavar="LINES", help="default 100")
    command = add("lint", _lint, "check style and formatting of all sources")
    command.add_argument("--fix", action="store_true", help="mend what can be mended")
    command = add("bench", _bench, "run a benchmark of tests/bench")
    command.add_argument("name", metavar="NAME")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="[--json] ...")
    command = add("reset", _reset, "stop, and drop every database made here")
    command.add_argument("--all", action="store_true", help="remove .local/ as a whole")
    command.add_argument("--yes", action="store_true", help="do not ask")
    return top


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _workspace(options: argparse.Namespace) -> Workspace:
    given = {"host": options.db_host, "port": options.db_port, "user": options.db_user}
    if any(given.values()) and not options.db_host:
        raise LauncherError("a database server needs its host", "Give --db-host as well")
    console = Console(verbose=options.verbose)
    return Workspace(Layout.of(ROOT, os.environ), console, os.environ, given)


def _demo(options: argparse.Namespace) -> int:
    return demo.demo(_workspace(options), options.scenario, options.port)


def _test(options: argparse.Namespace) -> int:
    long = [testing.LONG] if options.long else []
    return testing.test(_workspace(options), [*long, *options.words, *options.rest])


def _setup(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    with workspace.exclusive("setup"):
        return _set_up(workspace, tests=options.tests)


def _set_up(workspace: Workspace, *, tests: bool) -> int:
    databases = Databases(workspace)
    if tests:
        workspace.prepare(("run", "test"), beside=lambda: programs.ensure_all(workspace))
        databases.tests()
    else:
        workspace.prepare()
        databases.suite()
    return 0


def _start(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    with workspace.exclusive("start"):
        workspace.prepare()
        database = options.db or workspace.demo_database
        databases = Databases(workspace)
        if not databases.exists(database):
            if options.db:
                raise LauncherError(
                    f"there is no database {database}", "Choose one that ./mfg psql -- -l shows"
                )
            databases.for_use(database)
        server.start(workspace, database, options.port)
    return 0


def _stop(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    with workspace.exclusive("stop"):
        if not server.stop(workspace, options.what):
            workspace.console.say("nothing was running")
    return 0


def _status(options: argparse.Namespace) -> int:
    found = server.status(_workspace(options))
    if options.json:
        print(json.dumps(found))
        return 0
    for name, part in found.items():
        facts = [f"{k} {v}" for k, v in part.items() if k != "running" and v]
        print(f"{name:<9} {'runs: ' + ', '.join(facts) if part['running'] else 'does not run'}")
    return 0


def _worker(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    database = options.db or workspace.demo_database
    arguments = server.worker_arguments(database, options.lane, options.processes, options.rest)
    with workspace.exclusive("worker"):
        workspace.prepare()
        if options.background:
            server.background_worker(workspace, database, arguments)
            return 0
    server.worker(workspace, database, arguments)
    return 0


def _audit(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    with workspace.exclusive("audit"):
        workspace.prepare()
    arguments = ["mfg_audit", options.action, "-d", options.db or workspace.demo_database]
    for anchor in options.anchor:
        arguments += ["--anchor", anchor]
    return foreground(workspace.odoo_command(*arguments), env=workspace.environment())


def _shell(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    with workspace.exclusive("shell"):
        workspace.prepare()
    database = options.db or workspace.demo_database
    argv = workspace.odoo_command("shell", "-d", database, "--no-http", "--max-cron-threads=0")
    return foreground(argv, env=workspace.environment())


def _psql(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    workspace.require_setup()
    with workspace.exclusive("psql"):
        program = workspace.server.programs / "psql"
    database = options.db or workspace.demo_database
    argv = [program, "-d", database, *options.rest]
    return foreground(argv, env=workspace.environment())


def _logs(options: argparse.Namespace) -> int:
    path = Layout.of(ROOT, os.environ).logs / f"{options.what}.log"
    if not path.exists():
        raise LauncherError(
            f"there is no log {path.name} yet", "Start something first: ./mfg start"
        )
    if options.follow:
        return foreground(["tail", "-n", str(options.n), "-F", path])
    with path.open(errors="replace") as stream:
        sys.stdout.writelines(deque(stream, maxlen=options.n))
    return 0


def _lint(options: argparse.Namespace) -> int:
    return checks.lint(_workspace(options), fix=options.fix)


def _bench(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    known = testing.benches(ROOT)
    if options.name not in known:
        choice = ", ".join(known) or "none in this checkout"
        raise LauncherError(f"there is no benchmark {options.name}", f"Choose one of: {choice}")
    return testing.bench(workspace, options.name, [*options.arguments, *options.rest])


def _reset(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    scope = "all of .local/" if options.all else "every database made here"
    if not options.yes:
        if not sys.stdin.isatty():
            raise LauncherError(f"this removes {scope}", "Say so with --yes")
        if input(f"Remove {scope}? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 0
    with workspace.exclusive("reset"):
        server.stop(workspace, "worker")
        server.stop(workspace, "odoo")
        if not workspace.is_private:
            databases = Databases(workspace)
            for name in databases.all_of_ours():
                databases.drop(name)
        server.stop(workspace)
        for path in (workspace.layout.postgres, workspace.layout.data):
            shutil.rmtree(path, ignore_errors=True)
        for key in ("templates", "database_server"):
            workspace.state.discard(key)
        if options.all:
            shutil.rmtree(workspace.layout.local)
    workspace.console.say(f"removed: {scope}")
    return 0
