"""Template databases are named after what goes into them, and after nothing else."""

import pytest

from mfg_launcher import databases
from mfg_launcher.databases import addons_in, digest


@pytest.fixture
def addons(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name / "models").mkdir(parents=True)
        (tmp_path / name / "__manifest__.py").write_text("{}")
        (tmp_path / name / "models/x.py").write_text("x = 1")
    (tmp_path / "no_addon").mkdir()
    return tmp_path


def test_addons_are_the_folders_with_a_manifest(addons):
    assert addons_in(addons) == ["a", "b"]


CHANGES = [
    # what happens, and whether a database made before is out of date
    (lambda root: (root / "a/models/x.py").write_text("x = 2"), True),
    (lambda root: (root / "a/models/x.py").rename(root / "a/models/y.py"), True),
    (lambda root: (root / "b/models/x.py").unlink(), True),
    (lambda root: (root / "a/tests").mkdir() or (root / "a/tests/test_x.py").touch(), False),
    (lambda root: (root / "a/readme").mkdir() or (root / "a/readme/USAGE.md").touch(), False),
    (
        lambda root: (root / "a/__pycache__").mkdir() or (root / "a/__pycache__/x.pyc").touch(),
        False,
    ),
    (lambda root: (root / "a/models/x.py").touch(), False),
]


@pytest.mark.parametrize(("change", "outdated"), CHANGES)
def test_what_makes_a_template_out_of_date(addons, change, outdated):
    before = digest([addons], "stock")
    change(addons)
    assert (digest([addons], "stock") != before) is outdated


def test_what_it_is_built_on_counts_too(addons, monkeypatch):
    names = {digest([addons], "stock_1"), digest([addons], "stock_2"), digest([], "stock_1")}
    monkeypatch.setattr(databases, "RECIPE", databases.RECIPE + 1)
    names.add(digest([addons], "stock_1"))
    assert len(names) == 4


def test_the_same_content_in_another_place_is_the_same(addons, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("other") / "addons"
    before = digest([addons], "stock")
    addons.rename(elsewhere)
    assert digest([elsewhere], "stock") == before
