"""Which PostgreSQL is used, under which account, and what child processes are told."""

import stat

import pytest

from mfg_launcher import account, postgres
from mfg_launcher.console import Console
from mfg_launcher.errors import LauncherError
from mfg_launcher.layout import Layout
from mfg_launcher.odoo_source import OdooSource
from mfg_launcher.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    def make(environ=None, **options):
        layout = Layout(tmp_path / "checkout", tmp_path / "cache")
        return Workspace(layout, Console(), environ or {}, options)

    return make


def test_without_being_told_it_is_the_private_cluster(workspace):
    assert workspace().is_private


@pytest.mark.parametrize(
    ("environ", "options", "port"),
    [
        ({"PGHOST": "db"}, {}, "5432"),
        ({"PGHOST": "db", "PGPORT": "6000"}, {}, "6000"),
        ({"PGHOST": "other", "PGPORT": "6000"}, {"host": "db"}, "6000"),
        ({}, {"host": "db", "port": "7000"}, "7000"),
    ],
)
def test_a_server_of_others(workspace, environ, options, port):
    chosen = workspace(environ, **options)
    assert not chosen.is_private
    assert chosen._external["host"] == "db"
    assert chosen._external.get("port", "5432") == port


def test_options_are_remembered_and_the_environment_is_not(workspace):
    workspace({"PGHOST": "passing"})
    assert workspace().is_private
    workspace(host="db")
    assert workspace()._external == {"host": "db"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "db", "user": "postgres"}, "refuses to start with the role postgres"),
        ({"host": "db", "port": "many"}, "the port 'many' of the database server db is no number"),
    ],
)
def test_what_cannot_work_is_refused_and_not_remembered(workspace, options, words):
    with pytest.raises(LauncherError, match=words):
        workspace(**options)
    assert workspace().is_private


def test_the_demo_database_says_whose_it_is_among_others(workspace):
    assert workspace().demo_database == "mfg_demo"
    shared = workspace({"PGHOST": "db"})
    assert shared.demo_database == f"mfg_demo_{shared.state.instance}"


@pytest.fixture
def ready(workspace, tmp_path):
    """A workspace whose parts are all there."""
    made = workspace(
        {
            "PATH": "/bin",
            "PGDATABASE": "theirs",
            "PGHOST": "db",
            "ODOO_HTTP_PORT": "1",
            "LANG": "C.UTF-8",
        }
    )
    made.server = postgres.Server("db", 5432, "mfg", "secret", tmp_path / "programs")
    made.odoo = OdooSource("home", "/odoo", ["/odoo/addons"], "1")
    return made


def test_children_get_ours_and_nothing_that_overrides_it(ready, tmp_path):
    environment = ready.environment()
    assert "PGDATABASE" not in environment
    assert "ODOO_HTTP_PORT" not in environment
    assert environment["LANG"] == "C.UTF-8"
    assert environment["ODOO_RC"] == str(ready.layout.config_file)
    assert environment["PGPASSWORD"] == "secret"
    assert environment["PATH"].split(":")[-2:] == [str(tmp_path / "programs"), "/bin"]


def test_a_launcher_started_by_our_own_process_keeps_the_private_cluster(workspace, ready):
    ready._external = {}
    inherited = ready.environment()
    assert workspace(inherited).is_private
    # Another checkout's launcher, started from there, is told the server as by anybody.
    assert not workspace(inherited | {"MFG_PRIVATE_POSTGRES": "/elsewhere"}).is_private


def test_the_key_is_made_once_and_for_its_owner_alone(workspace):
    key = workspace().secret_key
    assert key.startswith("local:")
    assert workspace().secret_key == key
    mode = workspace().layout.secret_key.stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_folder_that_others_cannot_enter_is_seen(tmp_path):
    closed = tmp_path / "closed"
    (closed / "inside").mkdir(parents=True)
    closed.chmod(0o700)
    assert not account.is_open(closed / "inside")


def test_nothing_is_put_before_a_command_without_root(monkeypatch, tmp_path):
    monkeypatch.setattr(account, "is_root", lambda: False)
    assert account.prefix([tmp_path]) == []


def test_root_lends_only_the_right_to_pass(monkeypatch, tmp_path):
    monkeypatch.setattr(account, "is_root", lambda: True)
    monkeypatch.setattr(account, "is_open", lambda _path: True)
    assert not any("caps" in word for word in account.prefix([tmp_path]))
    monkeypatch.setattr(account, "is_open", lambda _path: False)
    monkeypatch.setattr(account, "_bounding_set", lambda: 0b110)
    assert "--ambient-caps=+dac_read_search" in account.prefix([tmp_path])
    monkeypatch.setattr(account, "_bounding_set", lambda: 0b010)
    assert "--ambient-caps=+dac_override" in account.prefix([tmp_path])
    monkeypatch.setattr(account, "_bounding_set", lambda: 0)
    with pytest.raises(LauncherError, match="Move the checkout"):
        account.prefix([tmp_path])
