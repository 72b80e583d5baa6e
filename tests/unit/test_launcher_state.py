"""What is remembered between two runs, and where files go."""

import json
import stat
from pathlib import Path

import pytest

from mfg_launcher.errors import LauncherError
from mfg_launcher.layout import Layout, write_atomic, write_private
from mfg_launcher.state import State


def test_values_survive(tmp_path):
    State(tmp_path / "state.json").set_port("http", 8070)
    state = State(tmp_path / "state.json")
    state.set_port("postgres", 25433)
    assert (state.port("http"), state.port("postgres")) == (8070, 25433)
    assert State(tmp_path / "state.json").instance == State(tmp_path / "state.json").instance


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(LauncherError, match=r"is not valid JSON.*Delete that file"):
        State(tmp_path / "state.json")


def test_forgetting_what_was_never_known(tmp_path):
    State(tmp_path / "state.json").discard("templates")
    assert not (tmp_path / "state.json").exists()


def test_a_secret_is_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "secret.key"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


def test_an_atomic_write_leaves_nothing_beside(tmp_path):
    write_atomic(tmp_path / "state.json", json.dumps({}))
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/mfg-integration"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/mfg-integration"),
    ],
)
def test_downloads_are_kept_outside_the_tree(environ, cache, tmp_path):
    layout = Layout.of(tmp_path, environ)
    assert layout.cache == Path(cache)
    assert layout.state_file.is_relative_to(tmp_path / ".local")
