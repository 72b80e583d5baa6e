"""What the addons need is pinned, so that one command installs all of it in the tested version."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = sorted(ROOT.glob("addons/*/__manifest__.py"))


def pinned():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    found = [re.match(r"([\w.-]+)==[\w.]+", line) for line in lines]
    return {match[1].lower() for match in found if match}


def test_there_is_something_to_check():
    assert {"cronsim", "jsonschema", "pycurl"} <= pinned()
    assert MANIFESTS


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_what_a_manifest_asks_for_is_pinned(path):
    needs = ast.literal_eval(path.read_text()).get("external_dependencies", {}).get("python", [])
    assert {name.lower() for name in needs} <= pinned()
