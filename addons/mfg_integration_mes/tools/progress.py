"""What to do with a report: arithmetic on cumulative totals, without Odoo and without a clock.

    sequence below the last applied          STALE      nothing to do: newer totals are booked
    the same sequence, the same content      DUPLICATE  nothing to do: it is booked
    the same sequence, another content       CONFLICT   two truths with one number: for a person
    a total fell, and nobody said why        NEGATIVE   needs the correction flag
    good and scrap above the limit           OVER       above the order and its tolerance
    anything else                            APPLY      book the differences

Numbers may be skipped: the totals of a later report include those of the missing ones, so a gap
is counted and told, not waited for. (Reports of one order are booked in the order of their
arrival: a missing one that came later would wait behind the one that waits for it.) A total that
fell across a gap is taken as it is, because the correction may have been in the missing report.

Order of arrival and repetition therefore do not matter: the books hold what the report with the
highest number says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from .report import Key, Report, Totals

ZERO = Decimal(0)
NOTHING = Totals()


class Verdict(str, Enum):
    """What to do with a report."""

    APPLY = "apply"
    STALE = "stale"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NEGATIVE = "negative"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Applied:
    """What is booked of an operation (or order) so far.

    :param sequence: of the last applied report, 0 when there is none
    :param digest: of the last applied report
    """

    sequence: int = 0
    digest: str = ""
    totals: Totals = NOTHING


@dataclass(frozen=True, slots=True)
class Delta:
    """Differences to book; a quantity of a line may be negative in a correction.

    Rework moves nothing: it is kept with the report's totals only.
    """

    good: Decimal
    scrap: tuple[tuple[Key, Decimal], ...]
    consumption: tuple[tuple[Key, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and what it rests on.

    :param delta: what to book; None unless the verdict is APPLY
    :param missing: how many sequence numbers were skipped
    :param pointer: JSON pointer to the total that fell or is too high
    :param before: that total as booked, or the limit
    :param after: that total as reported
    """

    verdict: Verdict
    delta: Delta | None = None
    missing: int = 0
    pointer: str = ""
    before: Decimal = ZERO
    after: Decimal = ZERO


def limit(planned: Decimal, tolerance: Decimal) -> Decimal:
    """The most that good and scrap may add up to.

    :param tolerance: percent of the planned quantity

    >>> limit(Decimal(10), Decimal(5))
    Decimal('10.5')
    """
    return planned * (100 + tolerance) / 100


def decide(applied: Applied, report: Report, *, most: Decimal) -> Decision:
    """Compare a report with what is booked.

    :param most: the most that good and scrap of this operation may add up to (see ``limit``)
    """
    if report.sequence < applied.sequence:
        return Decision(Verdict.STALE)
    if report.sequence == applied.sequence:
        same = report.digest == applied.digest
        return Decision(Verdict.DUPLICATE if same else Verdict.CONFLICT)
    missing = report.sequence - applied.sequence - 1
    delta = Delta(
        good=report.totals.good - applied.totals.good,
        scrap=_difference(applied.totals.scrap, report.totals.scrap),
        consumption=_difference(applied.totals.consumption, report.totals.consumption),
    )
    if not report.correction and not missing:
        fallen = _fallen(applied.totals, report.totals, delta)
        if fallen:
            return fallen
    made = report.totals.good + report.totals.scrap_total
    # What is booked already does not count against a report that lowers it.
    if made > most and made > applied.totals.good + applied.totals.scrap_total:
        return Decision(
            Verdict.OVER, missing=missing, pointer="/good_total", before=most, after=made
        )
    return Decision(Verdict.APPLY, delta=delta, missing=missing)


def add(*parts: tuple[tuple[Key, Decimal], ...]) -> dict[Key, Decimal]:
    """Lines of several operations added up by key.

    >>> add(((("A", "", ""), Decimal(1)),), ((("A", "", ""), Decimal(2)),))
    {('A', '', ''): Decimal('3')}
    """
    totals: dict[Key, Decimal] = {}
    for lines in parts:
        for key, quantity in lines:
            totals[key] = totals.get(key, ZERO) + quantity
    return totals


def _difference(
    before: tuple[tuple[Key, Decimal], ...], after: tuple[tuple[Key, Decimal], ...]
) -> tuple[tuple[Key, Decimal], ...]:
    """Lines that changed; a line that is no longer reported has become zero."""
    old: Mapping[Key, Decimal] = dict(before)
    new: Mapping[Key, Decimal] = dict(after)
    return tuple(
        (key, new.get(key, ZERO) - old.get(key, ZERO))
        for key in sorted(old.keys() | new.keys())
        if new.get(key, ZERO) != old.get(key, ZERO)
    )


def _fallen(before: Totals, after: Totals, delta: Delta) -> Decision | None:
    """The first total that fell, as a decision, or None."""
    if delta.good < 0:
        return Decision(
            Verdict.NEGATIVE, pointer="/good_total", before=before.good, after=after.good
        )
    for name, lines, old in (
        ("scrap", delta.scrap, dict(before.scrap)),
        ("consumption", delta.consumption, dict(before.consumption)),
        ("rework", _difference(before.rework, after.rework), dict(before.rework)),
    ):
        for key, quantity in lines:
            if quantity < 0:
                was = old.get(key, ZERO)
                return Decision(
                    Verdict.NEGATIVE, pointer=f"/{name}", before=was, after=was + quantity
                )
    return None
