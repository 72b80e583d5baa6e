"""Installing, updating and removing addons as an administrator does on the command line."""

import re
import subprocess
import sys

from .process import ROOT

SECONDS = 600

# Odoo writes: date time,ms pid LEVEL database logger: message
_PROBLEM = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) .*", re.MULTILINE)


def module(verb: str, database: str, *names: str) -> str:
    """Run ``odoo module install|upgrade|uninstall``; the log.

    :raises AssertionError: it failed, or logged an error
    """
    return _run("module", verb, "-d", database, *names)


def neutralize(database: str) -> str:
    """Run ``odoo neutralize``; the log."""
    return _run("neutralize", "-d", database)


def problems(log: str) -> list[str]:
    """The log's lines of level WARNING and above."""
    return _PROBLEM.findall(log)


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "odoo", *arguments],
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    errors = [line for line in problems(done.stdout) if " WARNING " not in line]
    if done.returncode or errors or "Traceback (most recent call last)" in done.stdout:
        what = " ".join(arguments)
        raise AssertionError(f"odoo {what} failed:\n{done.stdout[-6000:]}")
    return done.stdout
