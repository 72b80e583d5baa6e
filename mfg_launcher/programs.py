"""Programs that tests need: the machine's, installed with apt, or unpacked under `.local/`."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .errors import LauncherError
from .workspace import Workspace


@dataclass(frozen=True)
class Program:
    """A program of a Debian package.

    :param names: under which it is looked for on the machine
    :param path: where the package has it
    :param version: what to start it with to see that it starts
    :param service: installing the package would start a server: it is unpacked instead
    """

    package: str
    title: str
    names: tuple[str, ...]
    path: str
    version: str
    service: bool = False

    @property
    def apt_line(self) -> str:
        return f"Run as root: apt-get update && apt-get install -y {self.package}"


CHROMIUM = Program(
    "chromium",
    "Chromium for browser tests",
    # the names under which Odoo's own browser tests look for it
    ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable"),
    "usr/lib/chromium/chromium",
    "--version",
)
NGINX = Program(
    "nginx",
    "nginx for tests of docs/nginx.conf",
    ("nginx", "/usr/sbin/nginx"),
    "usr/sbin/nginx",
    "-v",
    service=True,
)
FOR_TESTS = (CHROMIUM, NGINX)

_SHARED_OBJECT = re.compile(r"\.so(\.\d+)*$")
_INSTALL = (
    "install",
    "-y",
    "--no-install-recommends",
    "-oDPkg::Use-Pty=0",  # a container may have no pseudo-terminals
    "-oDPkg::Lock::Timeout=300",  # seconds to wait while another apt is at work
    "-oAcquire::Retries=5",
)


def ensure_all(workspace: Workspace) -> None:
    """All that tests need; see ``ensure``."""
    for program in FOR_TESTS:
        ensure(workspace, program)


def ensure(workspace: Workspace, program: Program) -> Path:
    """The program, linked or wrapped under `.local/bin/`.

    :raises LauncherError: it can neither be installed nor unpacked
    """
    ours = workspace.layout.bin / program.package
    if ours.exists():
        return ours
    ours.unlink(missing_ok=True)  # a link to a program that was removed since
    found = _on_path(workspace, program)
    if found is None:
        with workspace.console.step(program.title) as step:
            prefix = None if program.service else apt.root_prefix()
            if prefix is None:
                _unpack(workspace, program, ours, step)
                step.result = "unpacked under .local/"
            else:
                _install(workspace, program, prefix, step)
                step.result = "installed with apt"
                found = _on_path(workspace, program)
    if found:
        ours.symlink_to(found)
    _try_out(program, ours)
    return ours


def _on_path(workspace: Workspace, program: Program) -> str | None:
    path = workspace.environ.get("PATH")
    return next((found for name in program.names if (found := shutil.which(name, path=path))), None)


def _install(workspace: Workspace, program: Program, prefix: list[str], step) -> None:
    # The machine may have sources of others that do not answer; the installation tells whether
    # what matters was read.
    update = [*prefix, "apt-get", "update"]
    subprocess.run(update, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    count = 0

    def line(text: str) -> None:
        if text.startswith(("Get:", "Unpacking ", "Setting up ")):
            nonlocal count
            count += 1
            step.progress(f"{count} steps, {' '.join(text.split()[:5])[:60]}")

    workspace.runner.run(
        [*prefix, "apt-get", *_INSTALL, program.package],
        what=f"installing {program.package}",
        remedy=program.apt_line,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        line=line,
    )


def _unpack(workspace: Workspace, program: Program, ours: Path, step) -> None:
    """Without root: the program and the libraries the machine lacks, side by side."""
    layout = workspace.layout
    try:
        area = apt.Area.of_debian(layout.cache / "apt-machine", workspace.runner, [])
        area.update()
        store = layout.cache / program.package
        packages = area.download(area.closure([program.package]), store, step.progress)
        target = layout.local / program.package
        apt.unpack(packages, target, workspace.runner, step.progress)
    except LauncherError as error:
        raise LauncherError(error.problem, program.apt_line) from error
    # Some packages still install into /lib rather than /usr/lib, others into folders below.
    shared = (path for path in target.rglob("*.so*") if _SHARED_OBJECT.search(path.name))
    folders = sorted({path.parent for path in shared})
    libraries = ":".join(map(str, folders))
    lines = ["#!/bin/sh"]
    if libraries:
        others = "${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
        lines.append(f'export LD_LIBRARY_PATH="{libraries}{others}"')
    lines.append(f'exec "{target}/{program.path}" "$@"')
    ours.write_text("\n".join([*lines, ""]))
    ours.chmod(0o755)


def _try_out(program: Program, ours: Path) -> None:
    """See that it starts at all: a missing library shows here, not in a test."""
    asked = subprocess.run(
        [ours, program.version],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if asked.returncode:
        words = (asked.stderr or asked.stdout).strip().splitlines()
        ours.unlink()
        raise LauncherError(
            f"{program.package} does not start: {(words or ['no reason given'])[-1]}",
            program.apt_line,
        )
