"""The table of rights in docs/security.md is the one that an addon test compares with Odoo."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST = ROOT / "addons/mfg_integration_base/tests/test_security.py"
PAGE = ROOT / "docs/security.md"
GROUPS = ("viewer", "operator", "manager", "approver", "auditor", "service", "user")


def rights_of_the_test():
    """``{model: (rights of each group)}``, as the constant RIGHTS says."""
    for node in ast.parse(TEST.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "RIGHTS":
            header, *lines = [line.split() for line in node.value.value.strip().splitlines()]
            assert tuple(header[1:]) == GROUPS
            return {model: tuple(rights) for model, *rights in lines}
    raise AssertionError("there is no RIGHTS")


def rights_of_the_page():
    table = PAGE.read_text().split("| model |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {
        model.strip("`"): tuple(cell.strip() for cell in cells)
        for model, *cells in rows
        if model.startswith("`")
    }


def test_the_page_says_what_is_tested():
    assert rights_of_the_page() == rights_of_the_test()
