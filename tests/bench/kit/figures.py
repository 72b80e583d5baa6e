"""Figures of several rounds: medians with their range, as a table and as one JSON object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

DIGITS = 4
"""Significant digits that are shown: more would be noise."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a key of the JSON object stands for.

    :param unit: for people, e.g. ``/s``, ``ms``, ``MB``
    :param label: a few words for the table
    """

    unit: str
    label: str


class Figures:
    """The values of one benchmark, by key, in the order in which they are shown.

    :param quantities: the keys of the JSON object. Keys that are added without being here are
        shown in the table only.
    """

    def __init__(self, quantities: Mapping[str, Quantity]):
        self._quantities = dict(quantities)
        self._keys = tuple(quantities)
        self._values: dict[str, list[float]] = {key: [] for key in quantities}
        self._notes: list[str] = []

    def add(self, key: str, value: float) -> None:
        """One round's value.

        :raises KeyError: nobody announced this key
        """
        self._values[key].append(value)

    def beside(self, key: str, quantity: Quantity) -> None:
        """Announce a key that belongs into the table alone."""
        self._quantities.setdefault(key, quantity)
        self._values.setdefault(key, [])

    def values(self, key: str) -> list[float]:
        """What was added so far, in the order of the rounds."""
        return list(self._values[key])

    def note(self, text: str) -> None:
        """A sentence below the table, once."""
        if text not in self._notes:
            self._notes.append(text)

    def document(self) -> dict[str, float | None]:
        """Median, minimum and maximum of each announced key; null where nothing was measured."""
        found: dict[str, float | None] = {}
        for key in self._keys:
            values = self._values[key]
            found[key] = rounded(median(values)) if values else None
            found[f"{key}_min"] = rounded(min(values)) if values else None
            found[f"{key}_max"] = rounded(max(values)) if values else None
        return found

    def table(self) -> str:
        """All keys as text, one a line, and the notes."""
        rows = [("", "", "median", "min", "max", "")]
        for key, quantity in self._quantities.items():
            values = self._values[key]
            numbers = [shown(f(values)) for f in (median, min, max)] if values else ["-", "", ""]
            rows.append((key, quantity.label, *numbers, quantity.unit))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = [
            "  ".join(
                text.rjust(width) if 2 <= column <= 4 else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *(f"* {note}" for note in self._notes)])


def rounded(value: float) -> float:
    """``value`` with ``DIGITS`` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def shown(value: float) -> str:
    """``rounded``, without a needless fraction and never with an exponent."""
    value = rounded(value)
    return f"{value:.0f}" if value == int(value) else f"{value:.{DIGITS}f}".rstrip("0")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of 100 values do not exceed (nearest rank).

    :raises ValueError: there are no values
    """
    if not values:
        raise ValueError("a percentile of nothing")
    rank = max(1, -(-len(values) * percent // 100))  # rounded up
    return sorted(values)[int(rank) - 1]
