"""What a scenario tells, and how it refuses to tell what is not so."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Mismatch(AssertionError):
    """A claim of the scenario does not hold; the message is one sentence with both numbers."""


class Narrative:
    """Prints the story with the time since its beginning.

    :param write: gets one line at a time
    """

    def __init__(self, write: Callable[[str], None] = print):
        self._write = write
        self._begun = time.monotonic()

    def chapter(self, title: str) -> None:
        self._write("")
        self._write(title)

    def say(self, text: str) -> None:
        self._write(f"  {time.monotonic() - self._begun:6.1f} s  {text}")

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Columns as wide as their widest cell; the first one left, the others right aligned."""
        lines = [tuple(map(str, titles)), *(tuple(map(str, row)) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("-" * width for width in widths))
        for first, *others in lines:
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            self._write("  " + "  ".join(cells))


def agree(what: str, actual: Any, expected: Any) -> None:
    """:raises Mismatch: unless both are equal"""
    if actual != expected:
        raise Mismatch(f"{what}: expected {expected!r}, counted {actual!r}.")


def claim(what: str, holds: bool, seen: Any) -> None:
    """:raises Mismatch: unless the claim holds; ``seen`` is what speaks against it"""
    if not holds:
        raise Mismatch(f"{what}: not so, {seen!r}.")
