"""RFC 3339: its own examples, what must be refused, and the way there and back."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import rfc3339


def _utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        # RFC 3339 section 5.8
        ("1985-04-12T23:20:50.52Z", _utc(1985, 4, 12, 23, 20, 50, 520000)),
        ("1996-12-19T16:39:57-08:00", _utc(1996, 12, 20, 0, 39, 57)),
        ("1990-12-31T23:59:60Z", _utc(1991, 1, 1)),
        ("1990-12-31T15:59:60-08:00", _utc(1991, 1, 1)),
        ("1937-01-01T12:00:27.87+00:20", _utc(1937, 1, 1, 11, 40, 27, 870000)),
        # Small letters are allowed, digits beyond the microsecond are cut.
        ("2026-11-23t20:51:00z", _utc(2026, 11, 23, 20, 51)),
        ("2026-11-23T20:51:00.1234567899Z", _utc(2026, 11, 23, 20, 51, 0, 123456)),
        ("2026-11-23T20:51:00-00:00", _utc(2026, 11, 23, 20, 51)),
    ],
)
def test_parse(text, moment):
    assert rfc3339.parse(text) == moment
    assert rfc3339.parse(text).utcoffset() == timedelta()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T20:51:00",  # no zone
        "2026-11-23 20:51:00Z",
        "2026-11-23T20:51Z",
        "2026-11-23T20:51:00.Z",
        "2026-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T20:51:61Z",
        "2026-11-23T20:51:00+24:00",
        "2026-11-23T20:51:00+01:60",
        "0001-01-01T00:00:00+01:00",  # before the year 1
        "9999-12-31T23:59:60Z",
        "٢٠٢٦-11-23T20:51:00Z",  # digits, but not ASCII
        "2026-11-23T20:51:00Z\n",
    ],
)
def test_refused(text):
    with pytest.raises(ValueError, match=r"is not a|impossible"):
        rfc3339.parse(text)


@given(st.datetimes(timezones=st.timezones()))
def test_there_and_back(moment):
    try:
        text = rfc3339.format_utc(moment)
    except OverflowError:  # within a day of the year 1 or 9999
        return
    assert text.endswith("Z")
    assert rfc3339.parse(text) == moment.astimezone(timezone.utc)


def test_a_time_without_zone_is_not_written():
    with pytest.raises(ValueError, match="ambiguous"):
        rfc3339.format_utc(datetime(2026, 11, 23))  # noqa: DTZ001  that is the point
