"""Text of an interchange to segments, elements, repetitions and components, and back.

An element is a text; with several components, an array of texts; repeated, an object with its
occurrences: ``{"repeat": [...]}``. That is how it stands in the document, too.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from .interchange import Separators

Value: TypeAlias = "str | list[str]"
Element: TypeAlias = "Value | dict[str, list[Value]]"

LAYOUT = "\r\n\t \x1a\0"
"""What may stand between segments, as some write them for people."""

_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}", re.ASCII)
_QUOTE_CHARS = 30


class EdiError(ValueError):
    """The interchange cannot be read.

    :param segment: number of the segment that is wrong, from 1; 0 for the interchange as a whole
    """

    def __init__(self, message: str, segment: int = 0):
        super().__init__(f"Segment {segment}: {message}" if segment else message)
        self.segment = segment


class Segment(NamedTuple):
    """One segment: its tag, what follows it, and where it stands (from 1)."""

    tag: str
    elements: list[Element]
    number: int

    def text(self, place: int) -> str:
        """The simple element at that place, from 1 as the standards count; empty if it is none."""
        if place > len(self.elements):
            return ""
        value = self.elements[place - 1]
        return value if isinstance(value, str) else ""

    def components(self, place: int) -> list[str]:
        """The components at that place; one for a simple element."""
        if place > len(self.elements):
            return [""]
        value = self.elements[place - 1]
        return [value] if isinstance(value, str) else value if isinstance(value, list) else [""]

    def document(self) -> dict:
        return {"tag": self.tag, "elements": self.elements}


def read_segments(text: str, separators: Separators, most: int) -> Iterator[Segment]:
    """Segments in their order; line breaks between them are layout.

    :param most: how many segments there may be
    :raises EdiError: the last one has no end, a tag is none, or there are too many
    """
    *pieces, rest = _cut(text, separators.segment, separators.release)
    if rest.strip(LAYOUT):
        raise EdiError(
            f"{_shown(rest)} does not end with the segment terminator: the interchange is cut off.",
            len(pieces) + 1,
        )
    if len(pieces) > most:
        raise EdiError(f"There are {len(pieces)} segments, more than {most}.", most + 1)
    for number, piece in enumerate(pieces, 1):
        tag, *elements = _cut(piece.lstrip(LAYOUT), separators.element, separators.release)
        # EDIFACT may repeat a tag's place (``UNH:1``), which nobody uses and is refused here.
        if not _TAG.fullmatch(tag):
            raise EdiError(f"{_shown(tag)} is not a segment tag.", number)
        yield Segment(tag, [_element(each, separators) for each in elements], number)


def write_segment(tag: str, elements: Sequence[Element], separators: Separators) -> str:
    """A segment with its terminator; empty elements at its end are left out.

    :raises EdiError: a text holds a separator that cannot be released
    """
    texts = [_written(element, separators) for element in elements]
    while texts and not texts[-1]:
        texts.pop()
    return separators.element.join([tag, *texts]) + separators.segment


def _element(text: str, separators: Separators) -> Element:
    if separators.repetition and separators.repetition in text:
        occurrences = _cut(text, separators.repetition, separators.release)
        if len(occurrences) > 1:
            return {"repeat": [_value(each, separators) for each in occurrences]}
    return _value(text, separators)


def _value(text: str, separators: Separators) -> Value:
    if separators.component not in text:
        return _unreleased(text, separators.release)
    parts = _cut(text, separators.component, separators.release)
    parts = [_unreleased(part, separators.release) for part in parts]
    return parts if len(parts) > 1 else parts[0]


def _unreleased(text: str, release: str) -> str:
    if not release or release not in text:
        return text
    return re.sub(re.escape(release) + "(.)", r"\1", text, flags=re.DOTALL)


def _cut(text: str, separator: str, release: str) -> list[str]:
    """The pieces between separators that are not released."""
    if not release or release not in text:
        return text.split(separator)
    pieces, start = [], 0
    for found in _marks(separator, release).finditer(text):
        if found[0] == separator:
            pieces.append(text[start : found.start()])
            start = found.end()
    return [*pieces, text[start:]]


@lru_cache(maxsize=64)
def _marks(separator: str, release: str) -> re.Pattern:
    """What to look at: a released character as a whole, or a separator."""
    return re.compile(f"{re.escape(release)}.|{re.escape(separator)}", re.DOTALL)


def _written(element: Element, separators: Separators) -> str:
    if isinstance(element, dict):
        if not separators.repetition:
            raise EdiError("An element is repeated, but there is no repetition separator.")
        return separators.repetition.join(_joined(each, separators) for each in element["repeat"])
    return _joined(element, separators)


def _joined(value: Value, separators: Separators) -> str:
    if isinstance(value, str):
        return _released(value, separators)
    return separators.component.join(_released(part, separators) for part in value)


def _released(text: str, separators: Separators) -> str:
    special = separators.used().values()
    if not any(character in text for character in special):
        return text
    if not separators.release:
        raise EdiError(f"{_shown(text)} holds a separator, which X12 cannot write.")
    return "".join(separators.release + c if c in special else c for c in text)


def _shown(text: str) -> str:
    return repr(text[:_QUOTE_CHARS] + ("…" if len(text) > _QUOTE_CHARS else ""))
