"""Debian packages without installing them: apt with lists of its own, and `dpkg -x`.

Nothing on the system is touched and no root is needed. The mirror's address is read from the
machine's configured sources. apt itself checks the signed release file, the lists against it and
each package against the lists (SHA256); an interrupted download goes on where it stopped.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .command import Runner
from .errors import LauncherError

#: apt's own downloader; unlike `apt-get download` it goes on with a file that is there in part
_HELPER = "/usr/lib/apt/apt-helper"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_URI_LINE = re.compile(
    r"^'(?P<uri>[^']+)' (?P<name>\S+) (?P<size>\d+)(?: SHA256:(?P<sha256>\w{64}))?"
)


@dataclass(frozen=True)
class Package:
    """One file of a mirror as its signed lists describe it (size in bytes)."""

    uri: str
    name: str
    size: int
    sha256: str


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def os_release(text: str) -> dict[str, str]:
    """The keys of /etc/os-release (os-release(5))."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def pick_mirror(targets: str, codename: str) -> str | None:
    """The base address of the Debian mirror that serves the machine's own release.

    :param targets: lines ``REPO_URI|RELEASE|COMPONENT`` of `apt-get indextargets`
    :param codename: the machine's release, such as ``bookworm``
    """
    for line in targets.splitlines():
        uri, release, component = [*line.split("|"), "", ""][:3]
        if release == codename and component == "main":
            return uri.rstrip("/")
    return None


def parse_uris(text: str) -> list[Package]:
    """The answer of `apt-get --print-uris`; packages without a SHA256 are left out."""
    found = (_URI_LINE.match(line.strip()) for line in text.splitlines())
    return [
        Package(m["uri"], m["name"], int(m["size"]), m["sha256"])
        for m in found
        if m and m["sha256"]
    ]


def parse_percent(line: str) -> str | None:
    """A line of apt's APT::Status-Fd while it downloads.

    >>> parse_percent("dlstatus:1:68.9732:Retrieving file 1 of 1")
    '69 %'
    """
    fields = line.split(":")
    if fields[0] != "dlstatus" or len(fields) < 4:
        return None
    return f"{float(fields[2]):.0f} %"


class Area:
    """apt with lists, sources and cache in a folder of its own."""

    def __init__(self, folder: Path, runner: Runner, sources: Sequence[str]) -> None:
        self._folder = folder
        self._runner = runner
        self._sources = sources

    @classmethod
    def of_debian(cls, folder: Path, runner: Runner, suites: Sequence[str]) -> "Area":
        """The machine's own mirror, its own release first, then ``suites``.

        :raises LauncherError: this is no Debian, or its sources name no mirror
        """
        codename, mirror = machine_mirror()
        signed = f" [signed-by={_KEYRING}]" if _KEYRING.exists() else ""
        lines = [f"deb{signed} {mirror} {suite} main" for suite in (codename, *suites)]
        return cls(folder, runner, lines)

    def options(self) -> list[str]:
        return [
            f"-oDir::State::Lists={self._folder}/lists",
            f"-oDir::Etc::SourceList={self._folder}/sources.list",
            "-oDir::Etc::SourceParts=/dev/null",
            "-oDir::Cache::pkgcache=",
            "-oDir::Cache::srcpkgcache=",
            f"-oDir::Cache::Archives={self._folder}/archives",
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=5",
            # The folder may lie where apt's own unprivileged user cannot enter.
            "-oAPT::Sandbox::User=",
            "-oDebug::NoLocking=true",
        ]

    def update(self) -> None:
        for name in ("lists/partial", "archives/partial"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "sources.list").write_text("\n".join(self._sources) + "\n")
        self._runner.run(
            ["apt-get", *self.options(), "-oAPT::Update::Error-Mode=any", "update"],
            what="reading the mirror's package lists",
        )

    def describe(self, names: Sequence[str]) -> list[Package]:
        """The files that `download` would fetch."""
        return parse_uris(
            self._runner.run(
                ["apt-get", *self.options(), "--print-uris", "download", *names],
                what="looking up packages",
            )
        )

    def closure(self, names: Sequence[str]) -> list[str]:
        """``names`` and what they need that the machine lacks, each as ``package=version``."""
        text = self._runner.run(
            ["apt-get", *self.options(), "-s", "-y", "--no-install-recommends", "install", *names],
            what="resolving package dependencies",
        )
        # Inst libnss3 (2:3.87.1-1+deb12u1 Debian:12/bookworm [amd64])
        return [
            f"{m[1]}={m[2]}" for m in re.finditer(r"^Inst (\S+)(?: \[\S+\])? \((\S+)", text, re.M)
        ]

    def download(
        self,
        names: Sequence[str],
        target: Path,
        progress: Callable[[str], None],
    ) -> list[Path]:
        """Fetch packages into ``target`` and check them.

        :raises LauncherError: no network, a package that the mirror does not have, a wrong SHA256
        """
        target.mkdir(parents=True, exist_ok=True)
        packages = self.describe(names)
        missing = [p for p in packages if not is_intact(target / p.name, p)]
        if missing:
            argv = [_HELPER, *self.options(), "-oAPT::Status-Fd=1", "download-file"]
            for package in missing:
                drop_wrong(target / package.name, package)
                argv += [package.uri, target / package.name, f"SHA256:{package.sha256}"]

            def line(text: str) -> None:
                percent = parse_percent(text)
                if percent:
                    progress(f"{percent} of {sum(p.size for p in missing) / 1e6:.0f} MB")

            self._runner.run(
                argv,
                what="downloading packages",
                remedy="Check the network and run the same command again: it goes on where it "
                "stopped",
                line=line,
            )
        for package in packages:
            if not is_intact(target / package.name, package):
                (target / package.name).unlink(missing_ok=True)
                raise LauncherError(
                    f"{package.name} does not have the size and SHA256 of the mirror's signed list",
                    "It was removed; run the same command again to fetch it anew",
                )
        return [target / package.name for package in packages]


def is_intact(path: Path, package: Package) -> bool:
    return path.is_file() and path.stat().st_size == package.size and sha256(path) == package.sha256


def drop_wrong(path: Path, package: Package) -> None:
    """Remove a file that is complete in size and wrong: there is nothing to go on from.

    A shorter one is what an interrupted download left; apt goes on where it ends.
    """
    if path.is_file() and path.stat().st_size >= package.size:
        path.unlink()


def machine_mirror() -> tuple[str, str]:
    """(release, mirror address) of this machine.

    :raises LauncherError: this is no Debian, or its sources name no mirror
    """
    path = Path("/etc/os-release")
    release = os_release(path.read_text()) if path.exists() else {}
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian" or not shutil.which("apt-get"):
        raise LauncherError(
            "this machine is no Debian", "Set ODOO_HOME to the folder of an Odoo 19"
        )
    fields = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    mirror = pick_mirror(targets.stdout, codename)
    if not mirror:
        raise LauncherError(
            f"apt's sources name no mirror with the main component of {codename}",
            "Add Debian's own repository to the apt sources, or set ODOO_HOME",
        )
    return codename, mirror


def unpack(packages: Sequence[Path], target: Path, runner: Runner, progress) -> None:
    """Unpack packages side by side into ``target``; the folder appears whole or not at all."""
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for number, package in enumerate(packages, 1):
        progress(f"unpacking {number} of {len(packages)}")
        runner.run(
            ["dpkg", "-x", package, fresh],
            what=f"unpacking {package.name}",
            remedy=f"Check the free space on the disk of {target.parent}",
        )
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def root_prefix() -> list[str] | None:
    """How to run a program as root: nothing to add, sudo without a password, or None."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(
            ["sudo", "-n", "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None
