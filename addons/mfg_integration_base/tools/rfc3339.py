"""Points in time as text on the wire: RFC 3339, always in UTC when we write it."""

import re
from datetime import datetime, timedelta, timezone

_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


def format_utc(moment: datetime) -> str:
    """Return the time in UTC, e.g. ``2026-11-23T20:51:00.250000Z``.

    :param moment: a datetime that knows its zone
    :raises ValueError: it does not
    """
    if moment.tzinfo is None:
        raise ValueError("A time without zone is ambiguous on the wire.")
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """Return the time in UTC; digits beyond the microsecond are cut.

    A leap second (``:60``) is read as the second after it, as Python knows no other.

    :raises ValueError: not an RFC 3339 date-time, or not a date that exists
    """
    match = _PATTERN.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:40]!r} is not a date and time such as 2026-11-23T20:51:00Z.")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, _zulu, sign, off_hours, off_minutes = match.groups()[6:]
    offset = timedelta()
    if sign:
        if int(off_hours) > 23 or int(off_minutes) > 59:
            raise ValueError(f"{text[:40]!r} has an impossible offset from UTC.")
        offset = timedelta(hours=int(off_hours), minutes=int(off_minutes))
        offset = -offset if sign == "-" else offset
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    leap = second == 60
    try:
        local = datetime(
            year, month, day, hour, minute, 59 if leap else second, microsecond, timezone.utc
        )
        return local - offset + timedelta(seconds=leap)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is not a time that exists: {error}.") from None
