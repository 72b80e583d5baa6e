"""Which rule decides, and who wins by it."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_mes.tools.ownership import Rule, find, winner

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
EARLIER = NOW - timedelta(minutes=1)

ALL = Rule("progress", owner="mes")
TYPE = Rule("progress", picking_type=3, owner="odoo")
PLACE = Rule("progress", workcenter=7, owner="mes", guard="warn")
BOTH = Rule("progress", workcenter=7, picking_type=3, on_conflict="decide")


@pytest.mark.parametrize(
    ("rules", "place", "found"),
    [
        ([], {}, None),
        ([ALL], {}, ALL),
        ([ALL, TYPE], {"picking_type": 3}, TYPE),
        ([ALL, TYPE], {"picking_type": 4}, ALL),
        ([TYPE, PLACE, ALL], {"workcenter": 7, "picking_type": 3}, PLACE),
        ([PLACE, BOTH, ALL], {"workcenter": 7, "picking_type": 3}, BOTH),
        ([PLACE], {"workcenter": 8}, None),
        ([Rule("scrap")], {}, None),
    ],
)
def test_the_most_special_rule(rules, place, found):
    assert find(rules, "progress", **place) == found


RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["progress", "scrap"]),
        workcenter=st.integers(0, 2),
        picking_type=st.integers(0, 2),
        owner=st.sampled_from(["odoo", "mes"]),
    )
)


@given(RULES, st.integers(0, 2), st.integers(0, 2))
def test_what_is_found_fits_and_nothing_fits_better(rules, workcenter, picking_type):
    found = find(rules, "progress", workcenter=workcenter, picking_type=picking_type)
    fitting = [
        rule
        for rule in rules
        if rule.field_group == "progress"
        and rule.workcenter in (0, workcenter)
        and rule.picking_type in (0, picking_type)
    ]
    assert (found is None) == (not fitting)
    if found:
        assert found in fitting
        assert all(found.weight >= rule.weight for rule in fitting)


@pytest.mark.parametrize(
    ("on_conflict", "owner", "here_at", "there_at", "who"),
    [
        ("owner_wins", "mes", NOW, EARLIER, "there"),
        ("owner_wins", "odoo", EARLIER, NOW, "here"),
        ("newest_wins", "mes", NOW, EARLIER, "here"),
        ("newest_wins", "odoo", EARLIER, NOW, "there"),
        ("newest_wins", "odoo", NOW, NOW, "there"),
        ("newest_wins", "mes", NOW, None, "here"),
        ("newest_wins", "odoo", None, NOW, "there"),
        ("decide", "mes", NOW, EARLIER, ""),
    ],
)
def test_who_wins(on_conflict, owner, here_at, there_at, who):
    assert winner(Rule("x", owner=owner, on_conflict=on_conflict), here_at, there_at) == who
