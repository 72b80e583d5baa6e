"""The generated odoo.conf: values in, comments and everything else kept."""

import configparser
from pathlib import Path

from mfg_launcher.config import render

ROOT = Path(__file__).resolve().parents[2]


def _options(text):
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return dict(parser["options"])


def test_a_key_is_set_in_its_place():
    text = render("[options]\n; seconds\nlimit = 1\nother = 2\n", {"limit": 9}, "odoo.conf")
    assert text.splitlines()[1:] == ["[options]", "; seconds", "limit = 9", "other = 2"]


def test_a_key_shown_as_a_comment_is_set_there():
    text = render("[options]\n; the host\n; db_host =\nlast = 1\n", {"db_host": "h"}, "odoo.conf")
    assert text.splitlines()[1:] == ["[options]", "; the host", "db_host = h", "last = 1"]


def test_a_key_without_a_place_is_added_at_the_end():
    assert render("[options]\n", {"http_port": 8070}, "x").endswith("\nhttp_port = 8070\n")


def test_a_second_mention_cannot_win():
    text = render("[options]\n; port = 1\nport = 2\n", {"port": 3}, "x")
    assert _options(text) == {"port": "3"}


def test_prose_with_an_equals_sign_is_no_key():
    comment = "; Not this one = because the words before it are several."
    assert comment in render(f"[options]\n{comment}\n", {"not": 1}, "x").splitlines()


def test_the_first_line_names_the_origin():
    assert "odoo.conf" in render("[options]\n", {}, "odoo.conf").splitlines()[0]


def test_the_shipped_file_is_read_by_odoo_as_it_stands():
    options = _options((ROOT / "odoo.conf").read_text())
    assert options["list_db"] == "False"
    assert options["dbfilter"] == f"^{options['db_name']}$"
    assert int(options["max_cron_threads"]) == 3 + 2  # lanes, and two for everything else


def test_the_shipped_file_keeps_every_key_when_rendered():
    shipped = (ROOT / "odoo.conf").read_text()
    options = _options(render(shipped, {"db_host": "127.0.0.1", "http_port": 9}, "odoo.conf"))
    assert options == {**_options(shipped), "db_host": "127.0.0.1", "http_port": "9"}
