"""Finding Odoo: by ODOO_HOME, by what is remembered, and never one of another series."""

import pytest

from mfg_launcher import odoo_source
from mfg_launcher.command import Runner
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError
from mfg_launcher.layout import Layout
from mfg_launcher.state import State

RELEASE = "version_info = ({}, FINAL, 0, '')\n"


def _odoo(base, version="19, 0, 0", addons=("odoo/addons",)):
    (base / "odoo").mkdir(parents=True)
    (base / "odoo/release.py").write_text(RELEASE.format(version))
    for folder in addons:
        (base / folder).mkdir()
    return base


@pytest.mark.parametrize(
    ("inside", "addons"),
    [
        ("", ("addons", "odoo/addons")),  # a source tree
        ("", ("odoo/addons",)),  # a site folder
        ("usr/lib/python3/dist-packages", ("odoo/addons",)),  # an unpacked package
    ],
)
def test_the_ways_odoo_is_laid_out(tmp_path, inside, addons):
    base = _odoo(tmp_path / "home" / inside, addons=addons)
    source = odoo_source.inspect(tmp_path / "home", "home")
    assert source.python_path == str(base)
    assert source.addons == [str(base / folder) for folder in addons]
    assert source.exists


def test_the_package_folder_itself_is_good_enough(tmp_path):
    base = _odoo(tmp_path)
    assert odoo_source.inspect(base / "odoo", "home").python_path == str(base)


def test_another_series_is_refused(tmp_path):
    _odoo(tmp_path, version="18, 0, 0")
    with pytest.raises(LauncherError, match=r"has Odoo 18\.0, and these addons are for 19.0"):
        odoo_source.inspect(tmp_path, "home")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(LauncherError, match="there is no Odoo in"):
        odoo_source.inspect(tmp_path / "nothing", "home")


@pytest.fixture
def find(tmp_path, monkeypatch):
    """`find` on a checkout of its own; what it would have to fetch is a marker instead."""
    fetched = odoo_source.OdooSource("debian", str(_odoo(tmp_path / "fetched")), [], "1")
    monkeypatch.setattr(odoo_source, "_fetch", lambda *_args: fetched)
    layout = Layout(tmp_path / "checkout", tmp_path / "cache")
    console = Console()

    def run(**environ):
        state = State(layout.state_file)
        runner = Runner(layout.setup_log, console)
        return odoo_source.find(layout, state, runner, console, {"PATH": "", **environ})

    return run


def test_odoo_home_comes_first_and_is_not_remembered(find, tmp_path):
    assert find(ODOO_HOME=str(_odoo(tmp_path / "mine"))).kind == "home"
    assert find().kind == "debian"


def test_a_command_on_the_path_comes_before_a_download(find, tmp_path):
    package = _odoo(tmp_path / "installed") / "odoo"
    (package / "__init__.py").touch()
    command = tmp_path / "bin" / "odoo"
    command.parent.mkdir()
    # An interpreter that sees the installed package, as the script of a real installation has.
    interpreter = tmp_path / "bin" / "python-of-odoo"
    interpreter.write_text(f"#!/bin/sh\necho {package}/release.py\n")
    command.write_text(f"#!{interpreter}\n")
    for path in (command, interpreter):
        path.chmod(0o755)
    source = find(PATH=str(command.parent))
    assert source.kind == "path"
    assert source.exists
    # Its neighbours stay off PYTHONPATH: they would hide the pinned requirements.
    assert source.python_path != str(package.parent)


def test_what_was_found_is_found_again(find, monkeypatch, tmp_path):
    first = find()
    monkeypatch.setattr(odoo_source, "_fetch", lambda *_args: pytest.fail("fetched again"))
    assert find() == first


def test_what_went_missing_is_fetched_again(find, tmp_path):
    find()
    (tmp_path / "fetched/odoo/release.py").unlink()
    assert find().version == "1"


def test_every_way_failing_is_one_message(tmp_path, monkeypatch):
    def no(what):
        def way(*_args):
            raise LauncherError(what, "do something")

        return way

    monkeypatch.setattr(odoo_source, "_from_mirror", no("no mirror"))
    monkeypatch.setattr(odoo_source, "_from_folder", lambda *_args: None)
    monkeypatch.setattr(odoo_source, "_from_repository", no("no network"))
    layout, console = Layout(tmp_path, tmp_path), Console()
    with pytest.raises(LauncherError, match="could not be had: no mirror; no network"):
        odoo_source.find(
            layout,
            State(layout.state_file),
            Runner(layout.setup_log, console),
            console,
            {"PATH": ""},
        )
