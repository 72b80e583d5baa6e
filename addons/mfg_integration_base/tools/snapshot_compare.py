"""Comparing what Odoo says with a partner's snapshot: rows by key, quantities with a tolerance.

    a key only in the snapshot                     missing here
    a key only here, the snapshot is complete      missing there
    a key only here, the snapshot is partial       nothing: the partner did not say
    a quantity further apart than its tolerance    different, with the drift
    any other value that is not the same           different

A field that one side leaves out is not compared: that side says nothing about it. Linear in the
number of values; the order of the answer is that of the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Overflow
from typing import Any, NamedTuple, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""The values of one key by field: text, truth values, None, and numbers as int, float, Decimal."""

# Wide enough that what is left of two quantities that a system could hold is exact.
_EXACT = Context(prec=100)


class Fact(NamedTuple):
    """A value that both sides have of one thing.

    :param label: what people call it
    :param form: ``quantity`` (with the tolerance of the comparison), ``time`` (seconds since 1970;
        with its tolerance of times), or ``exact``
    """

    label: str
    form: str = "exact"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field on which both sides speak and do not agree.

    :param drift: theirs minus ours, in the field's unit; None where not both are numbers
    """

    key: str
    field: str
    here: Any
    there: Any
    drift: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    :param missing_here: keys that only the snapshot has
    :param missing_there: keys that only we have; empty where the snapshot is partial
    :param compared: how many keys both have
    """

    missing_here: tuple[str, ...]
    missing_there: tuple[str, ...]
    different: tuple[Difference, ...]
    compared: int

    @property
    def agrees(self) -> bool:
        """Whether there is nothing for a person to look at."""
        return not (self.missing_here or self.missing_there or self.different)

    @property
    def drift(self) -> Decimal:
        """Sum of the drifts without their signs: too much here does not make up for too little."""
        total = Decimal(0)
        for difference in self.different:
            if difference.drift is not None:
                total = _EXACT.add(total, difference.drift.copy_abs())
        return total


def compare(
    here: Mapping[str, Row],
    there: Mapping[str, Row],
    tolerance: Mapping[str, Decimal],
    complete: bool,
) -> Comparison:
    """Compare our rows with those of a snapshot.

    :param here: our rows by key; round what Odoo stores as a float to its unit first, because
        0.1 + 0.2 differs from 0.3
    :param there: the partner's rows by key
    :param tolerance: the largest difference, by field, that is none; a field without one is
        compared exactly, numbers by their value (1 is 1.00), and true is not 1
    :param complete: whether the snapshot has every row that the partner knows
    :raises ValueError: a tolerance is negative or no number, or a value is NaN or infinite

    >>> found = compare(
    ...     {"A": {"good": 8}, "B": {"good": 1}},
    ...     {"A": {"good": 10}},
    ...     {"good": Decimal(1)},
    ...     complete=True,
    ... )
    >>> found.missing_there, found.different[0].drift
    (('B',), Decimal('2'))
    """
    limits = {field: _limit(field, limit) for field, limit in tolerance.items()}
    different: list[Difference] = []
    missing_there = []
    compared = 0
    for key, ours in here.items():
        theirs = there.get(key)
        if theirs is not None:
            compared += 1
            different.extend(_differences(key, ours, theirs, limits))
        elif complete:
            missing_there.append(key)
    missing_here = tuple(key for key in there if key not in here)
    return Comparison(missing_here, tuple(missing_there), tuple(different), compared)


def _differences(
    key: str, ours: Row, theirs: Row, limits: Mapping[str, Decimal]
) -> Iterator[Difference]:
    for field, here in ours.items():
        if field not in theirs:
            continue
        there = theirs[field]
        left, right = _number(key, field, here), _number(key, field, there)
        if left is None or right is None:
            # Python holds True and 1 equal, JSON and people do not.
            if type(here) is not type(there) or here != there:
                yield Difference(key, field, here, there, None)
        elif left != right:
            drift = _minus(key, field, right, left)
            if drift.copy_abs() > limits.get(field, Decimal(0)):
                yield Difference(key, field, here, there, drift)


def _number(key: str, field: str, value: Any) -> Decimal | None:
    """Return the number that the value is, None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    # By way of its text a float is the number that its sender wrote.
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{field} of {key}: {value} is not a finite number")
    return number


def _minus(key: str, field: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        return _EXACT.subtract(left, right)
    except Overflow:
        raise ValueError(f"{field} of {key}: {left} is too large to compare") from None


def _limit(field: str, limit: Decimal) -> Decimal:
    if not limit.is_finite() or limit < 0:
        raise ValueError(f"The tolerance of {field} is {limit}: it must be zero or more")
    return limit
