"""The virtual environment under `.local/venv`, filled from the pinned requirement files."""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .command import Runner
from .console import Console
from .errors import LauncherError
from .layout import Layout

#: requirement files of each group; a later group needs the ones before it
GROUPS = {
    "run": ("requirements.txt", "requirements-demo.txt", "mfg_launcher/requirements.txt"),
    "test": ("requirements-test.txt",),
}
#: Odoo 19 runs on these (odoo/release.py, MIN_PY_VERSION and MAX_PY_VERSION)
OLDEST, NEWEST = (3, 10), (3, 13)


def digest(files: Sequence[Path]) -> str:
    """A value that changes when the files' content or the interpreter does."""
    value = hashlib.sha256(sys.version.encode())
    for path in files:
        value.update(path.read_bytes())
    return value.hexdigest()


def _stamp(layout: Layout, group: str) -> Path:
    return layout.venv / f".installed-{group}"


def is_ready(layout: Layout, group: str) -> bool:
    files = [layout.root / name for name in GROUPS[group]]
    stamp = _stamp(layout, group)
    return layout.python.exists() and stamp.exists() and stamp.read_text().strip() == digest(files)


def ensure(layout: Layout, runner: Runner, console: Console, groups: Sequence[str]) -> None:
    """Make the environment have the packages of ``groups``, at the pinned versions.

    :raises LauncherError: no `venv` module, no network, a package that does not install
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise LauncherError(
            f"Odoo 19 does not run on Python {sys.version_info.major}.{sys.version_info.minor}",
            "Start the launcher with another one, for example: python3.11 ./mfg",
        )
    for group in groups:
        if is_ready(layout, group):
            continue
        with console.step(f"Python packages ({group})") as step:
            if not (layout.venv / "bin" / "pip").exists():
                _create(layout, runner)
            argv = [layout.python, "-m", "pip", "install", "--no-input", "--no-compile"]
            argv += ["--disable-pip-version-check", "--retries", "5"]
            for name in GROUPS[group]:
                argv += ["-r", layout.root / name]
            count = 0

            def show(line: str, step=step) -> None:
                nonlocal count
                if line.startswith("Collecting "):
                    count += 1
                    step.progress(f"{count} found, {line.removeprefix('Collecting ').split()[0]}")
                elif line.startswith("Installing "):
                    step.progress("unpacking")

            # What PYTHONPATH or a user's site folder offers must not count as installed.
            env = {**os.environ, "PYTHONNOUSERSITE": "1"}
            env.pop("PYTHONPATH", None)
            runner.run(
                argv,
                what="installing Python packages",
                remedy="Check the network and run the same command again: what was downloaded is "
                f"kept; all of pip's output is in {runner.log}",
                env=env,
                line=show,
            )
            files = [layout.root / name for name in GROUPS[group]]
            _stamp(layout, group).write_text(digest(files) + "\n")
            step.result = f"{count} from the index" if count else ""


def _create(layout: Layout, runner: Runner) -> None:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    remedy = f"Run as root: apt-get install -y {python}-venv"
    # Debian keeps it in a package of its own.
    if importlib.util.find_spec("ensurepip") is None:
        raise LauncherError("this Python cannot make a virtual environment", remedy)
    # A folder without pip is the rest of an interrupted attempt.
    shutil.rmtree(layout.venv, ignore_errors=True)
    runner.run(
        [sys.executable, "-m", "venv", layout.venv],
        what="making a virtual environment",
        remedy=remedy,
    )
