"""The virtual environment: made again when its inputs change, never half-made."""

import importlib.util
import sys

import pytest

from mfg_launcher import venv
from mfg_launcher.command import Runner
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError
from mfg_launcher.layout import Layout


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path, tmp_path / "cache")
    for names in venv.GROUPS.values():
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("# nothing to install\n")
    return made


def _ensure(layout, *groups):
    venv.ensure(layout, Runner(layout.setup_log, Console()), Console(), groups)


@pytest.fixture
def commands(monkeypatch):
    """What would be run, instead of running it."""
    seen = []

    def run(_runner, argv, **_options):
        seen.append([str(part) for part in argv])
        if "venv" in seen[-1]:
            folder = argv[-1] / "bin"
            folder.mkdir(parents=True)
            (folder / "python").touch()
            (folder / "pip").touch()
        return ""

    monkeypatch.setattr(Runner, "run", run)
    return seen


def test_each_group_is_installed_once(layout, commands):
    _ensure(layout, "run", "test")
    assert [argv[2] for argv in commands] == ["venv", "pip", "pip"]
    _ensure(layout, "run", "test")
    assert len(commands) == 3
    assert venv.is_ready(layout, "run")


def test_a_changed_requirement_is_installed(layout, commands):
    _ensure(layout, "run", "test")
    (layout.root / "requirements-test.txt").write_text("pytest==9.2.0\n")
    assert not venv.is_ready(layout, "test")
    _ensure(layout, "run", "test")
    assert [argv[2] for argv in commands[3:]] == ["pip"]


def test_a_half_made_environment_is_made_anew(layout, commands):
    (layout.venv / "bin").mkdir(parents=True)
    layout.python.touch()
    _ensure(layout, "run")
    assert commands[0][1:3] == ["-m", "venv"]


def test_a_python_without_venv_is_told_with_the_line_to_run(layout, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    with pytest.raises(LauncherError, match=r"apt-get install -y python3\.\d+-venv"):
        _ensure(layout, "run")


def test_a_python_that_odoo_does_not_know_is_refused(layout, monkeypatch):
    monkeypatch.setattr(venv, "NEWEST", (3, 10))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(LauncherError, match=f"Odoo 19 does not run on Python {running}"):
        _ensure(layout, "run")
