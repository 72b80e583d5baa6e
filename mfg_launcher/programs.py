"""Chromium for browser tests: the machine's, installed with apt, or unpacked under `.local/`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import apt
from .errors import LauncherError
from .workspace import Workspace

PACKAGE = "chromium"
#: the names under which Odoo's own browser tests look for it
_NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
_SHARED_OBJECT = re.compile(r"\.so(\.\d+)*$")
_INSTALL = (
    "install",
    "-y",
    "--no-install-recommends",
    "-oDPkg::Use-Pty=0",  # a container may have no pseudo-terminals
    "-oDPkg::Lock::Timeout=300",  # seconds to wait while another apt is at work
    "-oAcquire::Retries=5",
)
_APT_LINE = "Run as root: apt-get update && apt-get install -y chromium"


def ensure(workspace: Workspace) -> Path:
    """The browser to use, linked or wrapped as `.local/bin/chromium`.

    :raises LauncherError: it can neither be installed nor unpacked
    """
    ours = workspace.layout.bin / "chromium"
    if ours.exists():
        return ours
    ours.unlink(missing_ok=True)  # a link to a browser that was removed since
    found = _on_path(workspace)
    if found is None:
        with workspace.console.step("Chromium for browser tests") as step:
            prefix = apt.root_prefix()
            if prefix is None:
                _unpack(workspace, ours, step)
                step.result = "unpacked under .local/"
            else:
                _install(workspace, prefix, step)
                step.result = "installed with apt"
                found = _on_path(workspace)
    if found:
        ours.symlink_to(found)
    _try_out(ours)
    return ours


def _on_path(workspace: Workspace) -> str | None:
    path = workspace.environ.get("PATH")
    return next((found for name in _NAMES if (found := shutil.which(name, path=path))), None)


def _install(workspace: Workspace, prefix: list[str], step) -> None:
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
        [*prefix, "apt-get", *_INSTALL, PACKAGE],
        what="installing Chromium",
        remedy=_APT_LINE,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        line=line,
    )


def _unpack(workspace: Workspace, ours: Path, step) -> None:
    """Without root: Chromium and the libraries the machine lacks, side by side."""
    layout = workspace.layout
    try:
        area = apt.Area.of_debian(layout.cache / "apt-machine", workspace.runner, [])
        area.update()
        store = layout.cache / "chromium"
        packages = area.download(area.closure([PACKAGE]), store, step.progress)
        target = layout.local / "chromium"
        apt.unpack(packages, target, workspace.runner, step.progress)
    except LauncherError as error:
        raise LauncherError(error.problem, _APT_LINE) from error
    # Some packages still install into /lib rather than /usr/lib, others into folders below.
    shared = (path for path in target.rglob("*.so*") if _SHARED_OBJECT.search(path.name))
    folders = sorted({path.parent for path in shared})
    libraries = ":".join(map(str, folders))
    ours.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"\n'
        f'exec "{target}/usr/lib/chromium/chromium" "$@"\n'
    )
    ours.chmod(0o755)


def _try_out(browser: Path) -> None:
    """See that the browser starts at all: a missing library shows here, not in a test."""
    asked = subprocess.run(
        [browser, "--version"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if asked.returncode:
        words = (asked.stderr or asked.stdout).strip().splitlines()
        browser.unlink()
        raise LauncherError(
            f"Chromium does not start: {(words or ['no reason given'])[-1]}", _APT_LINE
        )
