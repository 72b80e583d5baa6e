"""When a scheduled batch is due: a cron expression in a time zone.

Five fields as in crontab(5): minute, hour, day of month, month, day of week, with ``*``, lists,
ranges, steps and English names; also ``L`` (last day of the month), ``LW`` (its last working day),
``5L`` (its last Friday) and ``1#2`` (its second Monday). Where both day fields are given, either
may fit, unless one of them begins with ``*``.

Changes to and from summer time are handled as Debian's cron does it:

- minute and hour given (``30 2 * * *``): once on every day that fits. A time that the clocks skip
  is due when they have been put forward; of a time that comes twice, the first counts.
- minute or hour begins with ``*`` (``*/15 * * * *``): as the clock on the wall shows it. What is
  skipped does not come, and what comes twice comes twice.
"""

from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MAX_CHARS = 200
_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 (Sunday) to 7 (Sunday again), or SUN to SAT"),
)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=timezone.utc)  # from which on some run must come


class CronError(ValueError):
    """A schedule that cannot be; the message names the field."""


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """A schedule that ``parse_cron`` has checked."""

    expression: str
    zone: ZoneInfo


def parse_cron(expression: str, zone: str) -> CronSchedule:
    """Read a schedule.

    :param zone: name in the IANA time zone database
    :raises CronError: names the field that is wrong, or the zone

    >>> parse_cron(" 0 6 * *  MON-FRI ", "Europe/Berlin").expression
    '0 6 * * MON-FRI'
    """
    if len(expression) > MAX_CHARS:
        raise CronError(f"The schedule is longer than {MAX_CHARS} characters.")
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise CronError(
            f"The schedule has {len(fields)} fields, not 5: minute, hour, day of month, month, day "
            "of week. For example, “0 6 * * MON-FRI” is at six on working days."
        )
    for position, text in enumerate(fields):
        alone = ["*"] * len(_FIELDS)
        alone[position] = text
        if not _is_possible(" ".join(alone)):
            name, values = _FIELDS[position]
            raise CronError(
                f"Field {position + 1} ({name}), “{text[:40]}”: write *, or values from {values}, "
                "or ranges such as 1-5, or steps such as */2, with commas between them."
            )
    expression = " ".join(fields)
    # Each field is right; together they may still mean a day such as the 31st of April.
    if not _is_possible(expression) or next(CronSim(expression, _ANY_TIME), None) is None:
        raise CronError(
            f"Fields 3 to 5, “{' '.join(fields[2:])}”: there is no such day in these months."
        )
    return CronSchedule(expression, _zone(zone))


def next_run(schedule: CronSchedule, after: datetime) -> datetime:
    """Return the first time of the schedule later than ``after``, in UTC.

    :param after: with a zone
    :raises CronError: none within 50 years

    >>> next_run(
    ...     parse_cron("30 2 * * *", "Europe/Berlin"), datetime(2026, 7, 1, tzinfo=timezone.utc)
    ... ).isoformat()
    '2026-07-01T00:30:00+00:00'
    """
    after = after.astimezone(timezone.utc)
    for moment in CronSim(schedule.expression, after.astimezone(schedule.zone)):
        found = moment.astimezone(timezone.utc)
        # In the hour that comes twice, what is searched from its second half on begins with the
        # first. Compared in UTC: within one zone, Python compares what the clock on the wall shows.
        if found > after:
            return found
    raise CronError(f"The schedule “{schedule.expression}” has no time in the next 50 years.")


def _is_possible(expression: str) -> bool:
    try:
        CronSim(expression, _ANY_TIME)
    except CronSimError:
        return False
    return True


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    # Names of folders, and those that lead out of the database, raise whatever opening them does.
    except (LookupError, ValueError, OSError):
        raise CronError(f"Time zone “{name[:40]}”: there is no such zone.") from None
