"""When an interface is given up, said in HTTP headers (RFC 9745 Deprecation, RFC 8594 Sunset)."""

from datetime import date, datetime, timezone
from email.utils import format_datetime


def deprecation_headers(deprecated: date | None, sunset: date | None) -> dict[str, str]:
    """Return the headers that announce the end of a resource; none where there is no date.

    A date without a time begins at midnight UTC.

    :param deprecated: from when on nobody should begin to use it: a structured-field Date, which
        is ``@`` and seconds since 1970 (RFC 9745 section 2.1, RFC 9651 section 3.3.7)
    :param sunset: from when on it may be gone: an HTTP-date (RFC 8594 section 3)
    :raises ValueError: the end comes before the deprecation (RFC 9745 section 4), or a time has no
        zone

    >>> deprecation_headers(date(2023, 6, 30), None)
    {'Deprecation': '@1688083200'}
    """
    since, until = _moment(deprecated), _moment(sunset)
    if since and until and until < since:
        raise ValueError(f"The sunset ({sunset}) comes before the deprecation ({deprecated}).")
    headers = {}
    if since:
        headers["Deprecation"] = f"@{int(since.timestamp())}"
    if until:
        headers["Sunset"] = format_datetime(until, usegmt=True)
    return headers


def _moment(day: date | None) -> datetime | None:
    if day is None:
        return None
    if not isinstance(day, datetime):
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    if day.tzinfo is None:
        raise ValueError(f"{day} has no time zone.")
    return day.astimezone(timezone.utc)
