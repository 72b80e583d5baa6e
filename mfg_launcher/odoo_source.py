"""Finding Odoo 19: ODOO_HOME, `odoo` on the path, Debian's package, a clone of the repository."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from . import apt
from .command import Runner
from .console import Console
from .errors import LauncherError
from .layout import Layout
from .state import State

SERIES = (19, 0)
REPOSITORY = "https://github.com/odoo/odoo.git"
#: a folder with these packages and their SHA256SUMS, for the day the mirror has them no more
SPARE_FOLDER = Path("..") / "shared" / "cache"

#: Debian's package lives in this suite; its relative links need the others unpacked beside it
SUITE = "sid"
_FROM_SUITE = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
)
#: from the machine's own release: version 4.7, whose file names Odoo's icons are made for
_FROM_MACHINE = ("fonts-font-awesome",)
#: named by the web client's bundles, and left out of Debian's package: every page would report an
#: error in the browser's console, and every browser test fails on one
_LEFT_OUT = ("mail/static/lib/selfie_segmentation/selfie_segmentation.js",)
_VERSION = re.compile(r"^version_info\s*=\s*\((\d+),\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class OdooSource:
    """Where Odoo is.

    :param kind: ``home``, ``path``, ``debian`` or ``clone``
    :param python_path: the folder to put on PYTHONPATH, so that ``import odoo`` finds it
    :param addons: folders of Odoo's own addons
    :param version: what a template database's content depends on: a package version or a commit
    """

    kind: str
    python_path: str
    addons: list[str]
    version: str

    @property
    def exists(self) -> bool:
        return (Path(self.python_path) / "odoo" / "release.py").exists()


def series(package: Path) -> tuple[int, int] | None:
    """The version of the Odoo in ``package`` (a folder with release.py), or None."""
    try:
        found = _VERSION.search((package / "release.py").read_text())
    except OSError:
        return None
    return (int(found[1]), int(found[2])) if found else None


def inspect(home: Path, kind: str, version: str = "") -> OdooSource:
    """Describe the Odoo in ``home``: a source tree, a site folder, or an unpacked package.

    :raises LauncherError: there is no Odoo, or it is not of our series
    """
    for base in (home, home / "usr/lib/python3/dist-packages", home.parent):
        package = base / "odoo"
        found = series(package)
        if found is None:
            continue
        if found != SERIES:
            raise LauncherError(
                f"{home} has Odoo {found[0]}.{found[1]}, and these addons are for 19.0",
                "Set ODOO_HOME to an Odoo 19.0, or unset it",
            )
        # A source tree keeps the community addons beside the package, an installation inside it.
        addons = [p for p in (base / "addons", package / "addons") if p.is_dir()]
        described = version or _fingerprint(base)
        return OdooSource(kind, str(base), [str(path) for path in addons], described)
    raise LauncherError(
        f"there is no Odoo in {home}",
        "Set ODOO_HOME to the folder that contains odoo/release.py, or unset it",
    )


def _fingerprint(base: Path) -> str:
    commit = subprocess.run(
        ["git", "-C", str(base), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if commit.returncode == 0 and (base / ".git").exists():
        return commit.stdout.strip()
    return f"{base}@{(base / 'odoo' / 'release.py').stat().st_mtime_ns}"


def find(
    layout: Layout, state: State, runner: Runner, console: Console, environ: Mapping[str, str]
) -> OdooSource:
    """The Odoo to use; one that had to be fetched is remembered.

    :raises LauncherError: none of the four ways led to an Odoo 19
    """
    if environ.get("ODOO_HOME"):
        return inspect(Path(environ["ODOO_HOME"]).expanduser().resolve(), "home")
    remembered = state.get("odoo")
    if remembered and OdooSource(**remembered).exists:
        return OdooSource(**remembered)
    source = _on_path(layout, environ, console) or _fetch(layout, runner, console, environ)
    state.set("odoo", asdict(source))
    return source


def _on_path(layout: Layout, environ: Mapping[str, str], console: Console) -> OdooSource | None:
    command = shutil.which("odoo", path=environ.get("PATH"))
    if not command:
        return None
    # The script's own interpreter knows where its `odoo` is; ours may not be allowed to see it.
    first = Path(command).read_bytes().splitlines()[0].decode(errors="replace")
    interpreter = first.removeprefix("#!").split() if first.startswith("#!") else ["python3"]
    asked = subprocess.run(
        [*interpreter, "-c", "import odoo.release as r; print(r.__file__)"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    package = Path(asked.stdout.strip()).parent
    if asked.returncode or series(package) != SERIES:
        console.say(f"   {command} is not a usable Odoo 19.0; looking elsewhere")
        return None
    # Only `odoo` itself goes on PYTHONPATH: its neighbours would hide the pinned requirements.
    bridge = layout.local / "odoo-path"
    bridge.mkdir(parents=True, exist_ok=True)
    link = bridge / "odoo"
    link.unlink(missing_ok=True)
    link.symlink_to(package)
    return inspect(bridge, "path", version=_fingerprint(package.parent))


def _fetch(
    layout: Layout, runner: Runner, console: Console, environ: Mapping[str, str]
) -> OdooSource:
    tried = []
    spare = environ.get("MFG_PACKAGE_CACHE")
    ways = (
        lambda: _from_mirror(layout, runner, console),
        lambda: _from_folder(layout, runner, console, spare),
        lambda: _from_repository(layout, runner, console),
    )
    for way in ways:
        try:
            source = way()
        except LauncherError as error:
            console.say(f"   not that way: {error.problem}")
            tried.append(error.problem)
            continue
        if source:
            return source
    raise LauncherError(
        f"Odoo 19 could not be had: {'; '.join(tried)}",
        "Check the network and run the same command again, or set ODOO_HOME to an Odoo 19",
    )


def _from_mirror(layout: Layout, runner: Runner, console: Console) -> OdooSource:
    with console.step("Odoo 19, Debian's package") as step:
        area = apt.Area.of_debian(layout.cache / "apt", runner, [SUITE])
        store = layout.cache / "debs"
        try:
            area.update()
            own = apt.machine_mirror()[0]
            names = [f"{name}/{SUITE}" for name in _FROM_SUITE]
            names += [f"{name}/{own}" for name in _FROM_MACHINE]
            packages = area.download(names, store, step.progress)
            record_sums(store, packages)
            origin = "the mirror"
        except LauncherError as error:
            # What an earlier run checked and kept is as good as the mirror's.
            packages = checked_packages(store)
            if not packages:
                raise
            runner.console.detail(str(error))
            origin = "the download cache, as the mirror does not answer"
        source = _unpack(layout, runner, packages, step)
        step.result = f"{source.version} from {origin}"
        return source


def _from_folder(
    layout: Layout, runner: Runner, console: Console, given: str | None
) -> OdooSource | None:
    folder = Path(given).expanduser() if given else layout.root / SPARE_FOLDER
    if not folder.is_dir() and not given:
        return None
    if not shutil.which("dpkg"):
        raise LauncherError("there is no dpkg to unpack packages with", "Set ODOO_HOME")
    with console.step(f"Odoo 19, packages kept in {folder}") as step:
        packages = checked_packages(folder)
        if not packages:
            raise LauncherError(
                f"{folder} does not have all packages with a right SHA256",
                f"Put them and their SHA256SUMS there: {', '.join(_FROM_SUITE + _FROM_MACHINE)}",
            )
        source = _unpack(layout, runner, packages, step)
        step.result = source.version
        return source


def _unpack(layout: Layout, runner: Runner, packages: list[Path], step) -> OdooSource:
    apt.unpack(packages, layout.odoo, runner, step.progress)
    fill_gaps(layout.odoo / "usr/lib/python3/dist-packages")
    odoo = next(path for path in packages if path.name.startswith("odoo-19_"))
    return inspect(layout.odoo, "debian", version=odoo.name.split("_")[1])


def fill_gaps(base: Path) -> None:
    """Put an empty script where the package left one out (blurring the background of a call)."""
    for name in _LEFT_OUT:
        for addons in (base / "addons", base / "odoo/addons"):
            if (addons / name.split("/")[0]).is_dir() and not (addons / name).exists():
                (addons / name).parent.mkdir(parents=True, exist_ok=True)
                (addons / name).write_text("/* Not part of Debian's package. */\n")


def record_sums(folder: Path, packages: list[Path]) -> None:
    """Write SHA256SUMS as sha256sum(1) does, for the files just checked."""
    lines = (f"{apt.sha256(path)}  {path.name}\n" for path in sorted(packages))
    (folder / "SHA256SUMS").write_text("".join(lines))


def checked_packages(folder: Path) -> list[Path]:
    """The packages in ``folder`` whose SHA256 is that of SHA256SUMS; empty if one is missing."""
    try:
        text = (folder / "SHA256SUMS").read_text()
    except OSError:
        return []
    found: dict[str, Path] = {}
    for line in text.splitlines():
        value, _, name = line.partition(" ")
        path = folder / name.strip().lstrip("*")
        if path.is_file() and apt.sha256(path) == value:
            found[path.name.split("_")[0]] = path
    wanted = _FROM_SUITE + _FROM_MACHINE
    return [found[name] for name in wanted] if all(name in found for name in wanted) else []


def _from_repository(layout: Layout, runner: Runner, console: Console) -> OdooSource:
    with console.step("Odoo 19, clone of the public repository") as step:
        target = layout.odoo
        fresh = target.with_name(f"{target.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        branch = f"{SERIES[0]}.{SERIES[1]}"
        runner.run(
            ["git", "clone", "--progress", "--depth", "1", "--branch", branch, REPOSITORY, fresh],
            what="cloning Odoo's repository",
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            line=lambda text: step.progress(text.split("\r")[-1][:60]),
        )
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
        source = inspect(target, "clone")
        step.result = source.version[:12]
        return source
