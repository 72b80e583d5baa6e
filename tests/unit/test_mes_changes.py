"""Differences of what people maintain: complete, and nothing but differences."""

from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_mes.tools.changes import changed_lines, changed_values

VALUES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))
LINES = st.dictionaries(st.integers(0, 5), VALUES)


def test_values():
    assert changed_values({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {
        "b": {"old": 2, "new": 3},
        "c": {"old": None, "new": 4},
    }


def test_lines():
    before = {1: {"q": 1}, 2: {"q": 2}, 3: {"q": 3}}
    after = {1: {"q": 1}, 3: {"q": 4}, 9: {"q": 9}}
    assert changed_lines(before, after) == [
        {"change": "removed", "old": {"q": 2}, "new": None},
        {"change": "changed", "old": {"q": 3}, "new": {"q": 4}},
        {"change": "added", "old": None, "new": {"q": 9}},
    ]


@given(VALUES, VALUES)
def test_values_lead_from_one_to_the_other(before, after):
    changes = changed_values(before, after)
    assert {**before, **{name: change["new"] for name, change in changes.items()}} == after | {
        name: None for name in before if name not in after
    }
    assert bool(changes) == (before != after)
    assert all(change["old"] != change["new"] for change in changes.values())


@given(LINES, LINES)
def test_lines_go_back_when_turned_around(before, after):
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    there, back = changed_lines(before, after), changed_lines(after, before)
    mirrored = [
        {"change": turned[line["change"]], "old": line["new"], "new": line["old"]} for line in back
    ]
    assert sorted(map(repr, there)) == sorted(map(repr, mirrored))
    assert bool(there) == (before != after)
