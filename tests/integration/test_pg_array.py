"""Arrays that are written as text are read by PostgreSQL as what they were."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.pg_array import array

KINDS = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "float8": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "timestamp": st.datetimes(datetime(1, 1, 1)),  # noqa: DTZ001 - as columns hold them
}


@pytest.mark.parametrize("kind", KINDS)
def test_postgresql_reads_what_was_written(registry, kind):
    with registry.cursor() as cr:

        @settings(max_examples=60, deadline=None, database=None)
        @given(st.lists(st.none() | KINDS[kind], max_size=20))
        def check(values):
            cr.execute(f"SELECT %s::{kind}[]", [array(values)])
            assert cr.fetchone()[0] == values

        check()
