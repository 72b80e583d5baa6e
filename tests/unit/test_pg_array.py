"""Arrays as PostgreSQL reads them; that it does is shown in the addon's tests."""

import datetime
import enum

import pytest

from odoo.addons.mfg_integration_base.tools.pg_array import array

MOMENT = datetime.datetime(2026, 11, 26, 1, 2, 3, 40)  # noqa: DTZ001 - as columns hold them


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "{}"),
        ([1, -2, None], "{1,-2,NULL}"),
        (range(3), "{0,1,2}"),
        ([True, False, None], "{t,f,NULL}"),
        ([1.5, 1e300, None], "{1.5,1e+300,NULL}"),
        (["a", "", "NULL", None], '{"a","","NULL",NULL}'),
        (['"', "\\", "{,}", " é\n"], '{"\\"","\\\\","{,}"," é\n"}'),
        ([MOMENT], '{"2026-11-26 01:02:03.000040"}'),
    ],
)
def test_as_text(values, text):
    assert array(values) == text


def test_what_cannot_be_written_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        array(["a\0b"])
    with pytest.raises(TypeError, match="list"):
        array([[1]])
    kind = enum.IntEnum("kind", ["one"])
    with pytest.raises(TypeError, match="kind"):  # of which the repr is no number
        array([kind.one])
