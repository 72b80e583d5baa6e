"""`./mfg test` and `./mfg bench`: one pytest run over everything, or over what is named."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import programs, venv
from .command import foreground
from .databases import Databases
from .workspace import Workspace

#: tests in here need neither Odoo nor a database
PURE = Path("tests") / "unit"
#: takes long tests in as well; those that measure stay out (see addopts in pyproject.toml)
LONG = "--long"
_WITH_LONG = ("-m", "not bench")


@dataclass(frozen=True)
class Selection:
    """What to run.

    :param paths: files, folders and node ids, as given
    :param keywords: words that no path has: any test whose name has one of them
    :param options: handed to pytest as they are
    :param long: also the tests that take minutes
    """

    paths: tuple[str, ...]
    keywords: tuple[str, ...]
    options: tuple[str, ...]
    long: bool = False

    @classmethod
    def parse(cls, words: Sequence[str], root: Path) -> "Selection":
        """``PATH_OR_KEYWORD ... [PYTEST OPTION ...]``; the options begin at the first dash.

        ``--long`` may stand anywhere: it is none of pytest's.
        """
        long = LONG in words
        words = [word for word in words if word != LONG]
        first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
        named, options = words[:first], words[first:]
        is_path = [(root / word.split("::")[0]).exists() for word in named]
        return cls(
            paths=tuple(word for word, known in zip(named, is_path, strict=True) if known),
            keywords=tuple(word for word, known in zip(named, is_path, strict=True) if not known),
            options=tuple(options),
            long=long,
        )

    def is_pure(self, root: Path) -> bool:
        """Whether it stays within the tests that need no database."""
        pure = (root / PURE).resolve()
        places = [(root / path.split("::")[0]).resolve() for path in self.paths]
        return bool(places) and all(place.is_relative_to(pure) for place in places)

    def arguments(self) -> list[str]:
        words = list(self.paths)
        if self.keywords:
            words += ["-k", " or ".join(self.keywords)]
        if self.long:  # pytest takes the last -m: one among the options is the person's own
            words += _WITH_LONG
        return words + list(self.options)


def test(workspace: Workspace, words: Sequence[str]) -> int:
    """Run tests; pytest's exit status, and its summary as the last line."""
    selection = Selection.parse(words, workspace.layout.root)
    if selection.is_pure(workspace.layout.root):
        return _pytest_pure(workspace, selection)
    with workspace.exclusive("test"):
        workspace.prepare(("run", "test"), beside=lambda: programs.ensure_all(workspace))
        databases = Databases(workspace)
        databases.drop_runs()
        database = databases.for_run()
    environment = workspace.environment() | {
        "MFG_TEST_DB": database,
        "MFG_TEST_TEMPLATE": databases.suite(),
        "MFG_STOCK_TEMPLATE": databases.stock(),
    }
    argv = [workspace.layout.python, "-m", "pytest", f"--odoo-database={database}"]
    argv += [f"--odoo-config={workspace.layout.config_file}", "--odoo-http"]
    argv += [f"--odoo-extra=db-filter=^{database}$", "--odoo-extra=max-cron-threads=0"]
    # pytest-odoo's own default (critical) would hide what a test expects to be logged.
    argv += ["--odoo-log-level=warn"]
    try:
        return _run(workspace, [*argv, *selection.arguments()], environment)
    finally:
        databases.drop(database)


def _pytest_pure(workspace: Workspace, selection: Selection) -> int:
    layout = workspace.layout
    venv.ensure(layout, workspace.runner, workspace.console, ("run", "test"))
    argv = [layout.python, "-m", "pytest", "-p", "no:odoo", *selection.arguments()]
    environment = {k: v for k, v in workspace.environ.items() if k != "PYTHONPATH"}
    return _run(workspace, argv, environment)


def bench(workspace: Workspace, name: str, arguments: Sequence[str]) -> int:
    """Run ``tests/bench/NAME.py``; what it prints on standard output is its result."""
    with workspace.exclusive("bench"):
        workspace.prepare(("run", "test"))
        databases = Databases(workspace)
        environment = workspace.environment() | {
            "MFG_TEST_TEMPLATE": databases.suite(),
            "MFG_STOCK_TEMPLATE": databases.stock(),
        }
    argv = [workspace.layout.python, "-m", f"tests.bench.{name}", *arguments]
    return _run(workspace, argv, environment)


def _run(workspace: Workspace, argv: Sequence[str | Path], environment: dict[str, str]) -> int:
    return foreground(argv, env=environment, cwd=workspace.layout.root, stdin=subprocess.DEVNULL)


def benches(root: Path) -> list[str]:
    """The names that `bench` takes."""
    return runnable(root / "tests" / "bench")


def runnable(folder: Path) -> list[str]:
    """Names of the modules in ``folder`` that can be run; the others only help them."""
    modules = folder.glob("[a-z]*.py")
    return sorted(path.stem for path in modules if '__name__ == "__main__"' in path.read_text())
