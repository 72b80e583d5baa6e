"""A fingerprint changes with each of its parts and never runs them together."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.fingerprint import fingerprint

_parts = st.tuples(st.text(), st.integers(0, 2**32), st.text(), st.text())


def test_it_stays_the_same_in_every_version():
    """A changed encoding would switch every activated connector off."""
    assert fingerprint("7437654321098765432", 16384, "factory", "production") == (
        "8249947ec41bc411ee2486bb3e8706bd85b179459038fb9a9562bba40bfb818f"
    )


@given(_parts)
def test_form(parts):
    assert re.fullmatch("[0-9a-f]{64}", fingerprint(*parts))
    assert fingerprint(*parts) == fingerprint(*parts)


@given(_parts, _parts)
def test_different_places_differ(one, other):
    assume(one != other)
    assert fingerprint(*one) != fingerprint(*other)


def test_parts_do_not_run_together():
    assert fingerprint("1", 23, "db", "test") != fingerprint("12", 3, "db", "test")
    assert fingerprint("1", 2, "db", "test") != fingerprint("1", 2, "d", "btest")
