"""Deprecation and Sunset as the RFCs print them."""

from datetime import date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.http_dates import deprecation_headers

ZONELESS = datetime(2026, 3, 1, tzinfo=timezone.utc).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("deprecated", "sunset", "expected"),
    [
        (None, None, {}),
        # RFC 9745 section 2.1 prints this header for the last second of 2023-06-30 UTC.
        (
            datetime(2023, 6, 30, 23, 59, 59, tzinfo=timezone.utc),
            None,
            {"Deprecation": "@1688169599"},
        ),
        # RFC 8594 section 3 prints this one.
        (
            None,
            datetime(2018, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
            {"Sunset": "Mon, 31 Dec 2018 23:59:59 GMT"},
        ),
        (date(1970, 1, 1), None, {"Deprecation": "@0"}),
        (
            date(2026, 3, 1),
            date(2026, 3, 1),
            {"Deprecation": "@1772323200", "Sunset": "Sun, 01 Mar 2026 00:00:00 GMT"},
        ),
        (
            datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            None,
            {"Deprecation": "@1772319600"},
        ),
    ],
)
def test_headers(deprecated, sunset, expected):
    assert deprecation_headers(deprecated, sunset) == expected


def test_nothing_ends_before_it_is_deprecated():
    with pytest.raises(ValueError, match="before the deprecation"):
        deprecation_headers(date(2026, 3, 2), date(2026, 3, 1))


@pytest.mark.parametrize("dates", [(ZONELESS, None), (None, ZONELESS)])
def test_a_time_without_zone_is_refused(dates):
    with pytest.raises(ValueError, match="time zone"):
        deprecation_headers(*dates)


# Programs that read mail dates take years below 1000 for short forms of others.
@given(st.dates(min_value=date(1000, 1, 1)))
def test_both_headers_name_the_same_moment(day):
    headers = deprecation_headers(day, day)
    seconds = parsedate_to_datetime(headers["Sunset"]).timestamp()
    assert headers["Deprecation"] == f"@{int(seconds)}"
