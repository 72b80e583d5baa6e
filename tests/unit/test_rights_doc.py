"""The table of rights in docs/security.md is the one that the addons' tests compare with Odoo."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/security.md"
GROUPS = ("viewer", "operator", "manager", "approver", "auditor", "service", "user")


def rights_of_the_test(path):
    """``{model: (rights of each group)}``, as the constant RIGHTS says."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "RIGHTS":
            header, *lines = [line.split() for line in node.value.value.strip().splitlines()]
            assert tuple(header[1:]) == GROUPS
            return {model: tuple(rights) for model, *rights in lines}
    raise AssertionError(f"there is no RIGHTS in {path}")


def rights_of_all_tests():
    """Of every addon that grants rights."""
    found = {}
    for granted in sorted(ROOT.glob("addons/*/security/ir.model.access.csv")):
        found |= rights_of_the_test(granted.parents[1] / "tests/test_security.py")
    return found


def rights_of_the_page():
    table = PAGE.read_text().split("| model |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {
        model.strip("`"): tuple(cell.strip() for cell in cells)
        for model, *cells in rows
        if model.startswith("`")
    }


def test_the_page_says_what_is_tested():
    assert rights_of_the_page() == rights_of_all_tests()
