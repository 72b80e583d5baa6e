"""Downloads against a real mirror on this machine: checked, resumed, refused when wrong."""

import gzip
import hashlib
import http.server
import subprocess
import threading

import pytest

from mfg_launcher import apt, odoo_source
from mfg_launcher.command import Runner
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError

NAME = "factory_1.0_all.deb"


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves a dictionary of files, and goes on where a reader asks it to."""

    files: dict[str, bytes]
    ranges: list[str]

    def do_GET(self):
        body = self.files.get(self.path.lstrip("/").removeprefix("./"))
        if body is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        if asked:
            self.ranges.append(asked)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:])

    def log_message(self, *_args):
        """Requests are asserted on, not printed."""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A Debian package of 300 kB that does not shrink."""
    root = tmp_path_factory.mktemp("package")
    (root / "DEBIAN").mkdir()
    fields = ["Package: factory", "Version: 1.0", "Architecture: all", "Maintainer: x <x@y>"]
    (root / "DEBIAN/control").write_text("\n".join([*fields, "Description: a test", ""]))
    (root / "usr/share/factory").mkdir(parents=True)
    blocks = (hashlib.sha512(str(number).encode()).digest() for number in range(4800))
    (root / "usr/share/factory/data").write_bytes(b"".join(blocks))
    built = root.parent / NAME
    subprocess.run(["dpkg-deb", "-Znone", "-b", root, built], check=True, capture_output=True)
    return built.read_bytes()


@pytest.fixture
def mirror(package):
    index = "\n".join(
        [
            "Package: factory",
            "Version: 1.0",
            "Architecture: all",
            "Maintainer: x <x@y>",
            f"Filename: ./{NAME}",
            f"Size: {len(package)}",
            f"SHA256: {hashlib.sha256(package).hexdigest()}",
            "Description: a test",
            "",
        ]
    ).encode()
    files = {NAME: package, "Packages": index, "Packages.gz": gzip.compress(index)}
    handler = type("Handler", (Mirror,), {"files": files, "ranges": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def area(mirror, tmp_path):
    address = f"http://127.0.0.1:{mirror.server_address[1]}"
    runner = Runner(tmp_path / "setup.log", Console())
    made = apt.Area(tmp_path / "apt", runner, [f"deb [trusted=yes] {address} ./"])
    made.update()
    return made


def _download(area, folder):
    return area.download(["factory"], folder, lambda _text: None)


def test_a_package_is_fetched_and_unpacked(area, tmp_path, package):
    (path,) = _download(area, tmp_path / "debs")
    assert path.read_bytes() == package
    runner = Runner(tmp_path / "setup.log", Console())
    apt.unpack([path], tmp_path / "out", runner, lambda _text: None)
    assert (tmp_path / "out/usr/share/factory/data").stat().st_size == 4800 * 64


def test_an_interrupted_download_goes_on(area, mirror, tmp_path, package):
    folder = tmp_path / "debs"
    folder.mkdir()
    (folder / NAME).write_bytes(package[:200_000])
    (path,) = _download(area, folder)
    assert path.read_bytes() == package
    assert [asked.split("-")[0] for asked in mirror.RequestHandlerClass.ranges] == ["bytes=200000"]


def test_what_is_there_is_not_fetched_again(area, mirror, tmp_path):
    folder = tmp_path / "debs"
    _download(area, folder)
    del mirror.RequestHandlerClass.files[NAME]
    assert [path.name for path in _download(area, folder)] == [NAME]


def test_a_damaged_file_is_replaced(area, mirror, tmp_path, package):
    folder = tmp_path / "debs"
    folder.mkdir()
    (folder / NAME).write_bytes(b"x" * len(package))
    (path,) = _download(area, folder)
    assert path.read_bytes() == package
    assert mirror.RequestHandlerClass.ranges == []


def test_a_forged_package_is_refused(area, mirror, tmp_path, package):
    mirror.RequestHandlerClass.files[NAME] = package[:-1] + bytes([package[-1] ^ 1])
    with pytest.raises(LauncherError, match="downloading packages failed: "):
        _download(area, tmp_path / "debs")


def test_an_unknown_package_is_told(area, tmp_path):
    with pytest.raises(LauncherError, match="Unable to locate package nowhere"):
        area.download(["nowhere"], tmp_path / "debs", lambda _text: None)


def test_a_silent_mirror_is_told(tmp_path):
    runner = Runner(tmp_path / "setup.log", Console())
    area = apt.Area(tmp_path / "apt", runner, ["deb [trusted=yes] file:///no-such-folder ./"])
    with pytest.raises(LauncherError, match="reading the mirror's package lists failed"):
        area.update()


def test_the_mirror_is_that_of_the_own_release():
    targets = "\n".join(
        [
            "http://other.example/apt/|stable|main",
            "http://mirror.example/debian-security/|bookworm-security|main",
            "http://mirror.example/debian/|bookworm|contrib",
            "http://mirror.example/debian/|bookworm|main",
        ]
    )
    assert apt.pick_mirror(targets, "bookworm") == "http://mirror.example/debian"
    assert apt.pick_mirror(targets, "trixie") is None
    assert apt.pick_mirror("", "bookworm") is None


def test_os_release_is_read_with_and_without_quotes():
    found = apt.os_release('ID=debian\nVERSION_CODENAME="bookworm"\n# x\n')
    assert (found["ID"], found["VERSION_CODENAME"]) == ("debian", "bookworm")


def test_packages_without_sha256_are_left_out():
    value = "a" * 64
    text = f"'http://m/a.deb' a.deb 10 SHA256:{value}\n'http://m/b.deb' b.deb 10 MD5Sum:b\nx\n"
    assert apt.parse_uris(text) == [apt.Package("http://m/a.deb", "a.deb", 10, value)]


PROGRESS = [
    ("dlstatus:1:68.9732:Retrieving file 1 of 1", "69 %"),
    ("pmstatus:libdrm2:84.7793:Configuring libdrm2 (amd64)", None),
    ("Get:1 http://m sid/main", None),
    ("dlstatus:", None),
]


@pytest.mark.parametrize(("line", "shown"), PROGRESS)
def test_progress_lines(line, shown):
    assert apt.parse_percent(line) == shown


@pytest.fixture
def store(tmp_path):
    """A folder with all packages, as the launcher keeps them."""
    names = odoo_source._FROM_SUITE + odoo_source._FROM_MACHINE
    paths = [tmp_path / f"{name}_1_all.deb" for name in names]
    for path in paths:
        path.write_text(path.name)
    odoo_source.record_sums(tmp_path, paths)
    return tmp_path


def test_kept_packages_are_used_when_all_are_right(store):
    assert len(odoo_source.checked_packages(store)) == 9


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store / "odoo-19_1_all.deb").write_text("x"),
        lambda store: (store / "libjs-jquery_1_all.deb").unlink(),
        lambda store: (store / "SHA256SUMS").unlink(),
    ],
)
def test_kept_packages_are_not_used_when_one_is_wrong(store, damage):
    damage(store)
    assert odoo_source.checked_packages(store) == []
