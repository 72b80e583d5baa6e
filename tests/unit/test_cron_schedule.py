"""Schedules in time zones, above all on the two days a year that are not 24 hours long."""

import pickle
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.cron_schedule import (
    MAX_CHARS,
    CronError,
    CronSchedule,
    next_run,
    parse_cron,
)

UTC = timezone.utc


def runs(expression, zone, start, count):
    """Return the next times as the clock on the wall shows them, with the offset from UTC.

    :param start: local time as text; of a time that comes twice, the first
    """
    schedule = parse_cron(expression, zone)
    moment = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    found = []
    for _ in range(count):
        moment = next_run(schedule, moment)
        assert moment.tzinfo is UTC
        found.append(moment.astimezone(schedule.zone).strftime("%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        ("0 6 * * MON-FRI", "UTC", "2026-11-20T06:00", ["11-23 06:00+0000", "11-24 06:00+0000"]),
        ("*/20 8-9 * * *", "UTC", "2026-11-20T09:39:59",
         ["11-20 09:40+0000", "11-21 08:00+0000", "11-21 08:20+0000"]),
        ("0 0 1 jan *", "UTC", "2026-06-01", ["01-01 00:00+0000", "01-01 00:00+0000"]),
        ("0 0 29 2 *", "UTC", "2026-06-01", ["02-29 00:00+0000"]),
        ("0 22 L * *", "UTC", "2027-02-01", ["02-28 22:00+0000", "03-31 22:00+0000"]),
        ("0 22 LW * *", "UTC", "2027-02-01", ["02-26 22:00+0000"]),
        ("0 22 * * 5L", "UTC", "2026-11-01", ["11-27 22:00+0000"]),
        ("0 22 * * 1#2", "UTC", "2026-11-01", ["11-09 22:00+0000"]),
        # either day fits, unless one of them begins with a star
        ("0 0 13 * FRI", "UTC", "2026-11-12", ["11-13 00:00+0000", "11-20 00:00+0000"]),
        ("0 0 */2 * 0", "UTC", "2026-11-01T12:00", ["11-15 00:00+0000", "11-29 00:00+0000"]),
        ("0 0 * * 7", "UTC", "2026-11-01T12:00", ["11-08 00:00+0000"]),
        # the same instant has another time elsewhere
        ("0 6 * * *", "Asia/Tokyo", "2026-11-20T06:00", ["11-21 06:00+0900"]),
        ("0 6 * * *", "Asia/Kathmandu", "2026-11-20T05:59", ["11-20 06:00+0545"]),
    ],
)  # fmt: skip
def test_table(expression, zone, start, expected):
    assert runs(expression, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # Clocks go from 02:00 to 03:00: once, when they have been put forward.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00",
         ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("15,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00",
         ["03-29 03:00+0200", "03-30 02:15+0200"]),
        ("0 2,3 * * *", "America/New_York", "2026-03-07T12:00",
         ["03-08 03:00-0400", "03-09 02:00-0400"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00",
         ["04-24 01:00+0300", "04-25 00:00+0300"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00",
         ["10-04 02:30+1100", "10-05 02:15+1100"]),
        # Frequent schedules go by the clock on the wall.
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["03-30 02:00+0200"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T01:00",
         ["03-29 01:30+0100", "03-29 03:30+0200"]),
    ],
)  # fmt: skip
def test_times_that_clocks_skip(expression, zone, start, expected):
    assert runs(expression, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # Clocks go from 03:00 back to 02:00: once, the first time.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00",
         ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("0 1 * * *", "America/New_York", "2026-10-31T12:00",
         ["11-01 01:00-0400", "11-02 01:00-0500"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00",
         ["04-05 01:45+1100", "04-06 01:45+1030"]),
        # Frequent schedules run in both hours.
        ("0 * * * *", "Europe/Berlin", "2026-10-25T01:30",
         ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-25T01:30",
         ["10-25 02:00+0200", "10-25 02:30+0200", "10-25 02:00+0100", "10-25 02:30+0100"]),
    ],
)  # fmt: skip
def test_times_that_come_twice(expression, zone, start, expected):
    assert runs(expression, zone, start, len(expected)) == expected


def test_the_second_time_is_not_taken_for_the_first():
    """Asked between the two, a daily schedule answers with the next day, not with the past."""
    schedule = parse_cron("30 2 * * *", "Europe/Berlin")
    second = datetime(2026, 10, 25, 2, 15, tzinfo=schedule.zone, fold=1)
    assert next_run(schedule, second) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("shift", [0, 1, 999_999])
def test_a_run_is_later_than_asked(shift):
    schedule = parse_cron("* * * * *", "UTC")
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert next_run(schedule, noon + timedelta(microseconds=shift)) == noon + timedelta(minutes=1)
    assert next_run(schedule, noon - timedelta(microseconds=1)) == noon


def test_the_zone_of_the_question_does_not_matter():
    schedule = parse_cron("0 6 * * *", "Europe/Berlin")
    asked = datetime(2026, 7, 1, 12, tzinfo=UTC)
    elsewhere = asked.astimezone(timezone(timedelta(hours=9)))
    assert next_run(schedule, asked) == next_run(schedule, elsewhere)


def test_a_schedule_that_never_comes_is_not_searched_for_ever():
    unchecked = CronSchedule("0 0 */20 * 1L", ZoneInfo("UTC"))
    with pytest.raises(CronError, match="no time in the next 50 years"):
        next_run(unchecked, datetime(2026, 11, 23, tzinfo=UTC))


def test_a_schedule_is_a_value():
    schedule = parse_cron("0  6 * * *", "Europe/Berlin")
    assert schedule == parse_cron("0 6 * * *", "Europe/Berlin")
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(schedule) == hash(parse_cron("0 6 * * *", "Europe/Berlin"))


WRONG = [
    ("", "0 fields, not 5"),
    ("0 6 * *", "4 fields, not 5"),
    ("0 0 6 * * *", "6 fields, not 5"),
    ("@daily", "1 fields, not 5"),
    ("61 6 * * *", "Field 1 (minute), “61”"),
    ("x 6 * * *", "Field 1 (minute), “x”"),
    ("-5 6 * * *", "Field 1 (minute), “-5”"),
    ("*/0 6 * * *", "Field 1 (minute), “*/0”"),
    ("1,,2 6 * * *", "Field 1 (minute), “1,,2”"),
    ("0 24 * * *", "Field 2 (hour), “24”"),
    ("0 9-8 * * *", "Field 2 (hour), “9-8”"),
    ("0 1.5 * * *", "Field 2 (hour), “1.5”"),
    ("0 \u0661 * * *", "Field 2 (hour), “\u0661”"),
    ("0 0 0 * *", "Field 3 (day of month), “0”"),
    ("0 0 32 * *", "Field 3 (day of month), “32”"),
    ("0 0 ? * *", "Field 3 (day of month), “?”"),
    ("0 0 * 13 *", "Field 4 (month), “13”"),
    ("0 0 * MAY-MAYBE *", "Field 4 (month), “MAY-MAYBE”"),
    ("0 0 * * 8", "Field 5 (day of week), “8”"),
    ("0 0 * * MON-", "Field 5 (day of week), “MON-”"),
    ("0 0 * * 1#6", "Field 5 (day of week), “1#6”"),
    ("0 0 * * L", "Field 5 (day of week), “L”"),
    ("0 0 30 2 *", "Fields 3 to 5, “30 2 *”"),
    ("0 0 31 4,6 *", "Fields 3 to 5, “31 4,6 *”"),
    ("0 0 */20 * 1L", "Fields 3 to 5, “*/20 * 1L”"),
    ("1" * 500 + " * * * *", "longer than 200"),
]


@pytest.mark.parametrize(("expression", "named"), WRONG)
def test_errors_name_the_field(expression, named):
    with pytest.raises(CronError) as refused:
        parse_cron(expression, "UTC")
    assert named in str(refused.value)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/passwd", "Europe/Berlin\0", "x" * 999],
)
def test_an_unknown_zone_is_named(zone):
    with pytest.raises(CronError, match="Time zone “") as refused:
        parse_cron("0 6 * * *", zone)
    assert len(str(refused.value)) < 100


@given(st.text(max_size=2 * MAX_CHARS) | st.lists(
    st.text("0123456789*/-,LW#MON", max_size=6), min_size=5, max_size=5).map(" ".join)
)  # fmt: skip
def test_nothing_but_a_cron_error_is_raised(expression):
    try:
        schedule = parse_cron(expression, "UTC")
    except CronError:
        return
    assert next_run(schedule, datetime(2026, 1, 1, tzinfo=UTC)) > datetime(2026, 1, 1, tzinfo=UTC)


def _first_existing(day, wall, zone):
    """Return when a local time comes first, or when the clocks jump over it, by trying minutes."""
    for minutes in range(180):
        local = datetime.combine(day, wall) + timedelta(minutes=minutes)
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
    raise AssertionError(f"{day} {wall} does not come in {zone}")


@given(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo", "Asia/Kolkata",
         "Australia/Lord_Howe", "Pacific/Chatham", "UTC"]
    ),
    st.times(),
    st.integers(0, 360),
    st.integers(0, 86399),
)  # fmt: skip
def test_a_daily_schedule_runs_once_on_every_day(name, wall, day, second):
    """Wherever one begins, even within the hour that comes twice."""
    zone, wall = ZoneInfo(name), wall.replace(second=0, microsecond=0)
    schedule = parse_cron(f"{wall.minute} {wall.hour} * * *", name)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    first = (start - timedelta(days=1)).astimezone(zone).date()
    due = [_first_existing(first + timedelta(days=n), wall, zone) for n in range(12)]
    due = [moment for moment in due if moment > start]
    moment, found = start, []
    for _ in due:
        moment = next_run(schedule, moment)
        found.append(moment)
    assert found == due
    # The second half of an hour that comes twice is a start like any other.
    for before, after in pairwise(due):
        assert next_run(schedule, before + (after - before) / 2) == after


@given(st.integers(0, 59), st.integers(0, 366 * 24), st.sampled_from(["Europe/Berlin", "UTC"]))
def test_an_hourly_schedule_runs_every_hour_of_the_year(minute, hours, name):
    schedule = parse_cron(f"{minute} * * * *", name)
    moment = next_run(schedule, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
    for _ in range(5):
        later = next_run(schedule, moment)
        assert later - moment == timedelta(hours=1)
        assert later.minute == minute
        moment = later
