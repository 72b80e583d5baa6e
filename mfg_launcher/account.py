"""The account PostgreSQL runs under: it refuses to run as root, so root lends it another one."""

import os
import pwd
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from .errors import LauncherError

#: exists on every Linux, owns nothing else, so that no account has to be made on the machine
UNPRIVILEGED = "nobody"

# capability(7): numbers of the bits in /proc/self/status, CapBnd. Either lets the server pass
# through a folder such as /root that only root may enter; the first cannot write anywhere.
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


def is_root() -> bool:
    return os.geteuid() == 0


def prefix(paths: Iterable[Path]) -> list[str]:
    """What to put before a program's name to run it without root's rights.

    :param paths: what it must be able to reach
    :raises LauncherError: the checkout lies where no other account could ever reach it
    """
    if not is_root():
        return []
    if not shutil.which("setpriv"):
        raise LauncherError(
            "PostgreSQL does not run as root, and setpriv is missing",
            "Run as root: apt-get install -y util-linux",
        )
    user = pwd.getpwnam(UNPRIVILEGED)
    command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if all(is_open(path) for path in paths):
        return command
    bounding = _bounding_set()
    for name, bit in _CAPABILITIES.items():
        if bounding >> bit & 1:
            # access(2) drops the capabilities of whoever is not root unless this bit is set, and
            # initdb asks it whether it can run its own postgres.
            command.append("--securebits=+no_setuid_fixup")
            return [*command, f"--inh-caps=+{name}", f"--ambient-caps=+{name}"]
    raise LauncherError(
        "PostgreSQL does not run as root, and no other account can enter this folder",
        "Move the checkout to a folder that others may enter, such as /srv or /opt",
    )


def is_open(path: Path) -> bool:
    """Whether everybody may pass through all folders above ``path``."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def _bounding_set() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    return 0


def give(path: Path) -> None:
    """Make ``path`` the server account's own (nothing to do without root)."""
    if is_root():
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, user.pw_uid, user.pw_gid)
