"""An X12 interchange (ANSI ASC X12.5, X12.6) to a document: envelope checked, content as it came.

``{"standard": "x12", "sender": {"qualifier", "id"}, "receiver": {...}, "control_number", "version",
"usage", "date", "time", "acknowledgment_requested", "separators": {...},
"acknowledgments": [TA1...], "groups": [{"code", "sender", "receiver", "date", "time",
"control_number", "version", "transactions": [{"type", "control_number", "implementation",
"segments": [{"tag", "elements"}]}]}]}``
"""

import re
from collections.abc import Iterator
from typing import Any

from .interchange import InterchangeError, Separators, check_separators
from .segments import LAYOUT, EdiError, Segment, read_segments

_ISA_LOOK = 300  # an ISA segment has 106 characters; one with wrong widths is looked at as well
_ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_LINE_BREAKS = "\r\n"
_REPETITION_SINCE = "00402"


def split_interchanges(raw: bytes, most: int) -> list[bytes]:
    """The interchanges of a transmission, each from its ISA to its IEA.

    :param most: with more of them, only the first ``most + 1`` are returned
    :raises EdiError: as ``read_x12`` for the envelope
    """
    text, found = _text(raw), []
    while len(found) <= most and (text := text.lstrip(LAYOUT)):
        separators = separators_of(text)
        trailer = re.compile(
            rf"{re.escape(separators.segment)}[\r\n\t ]*IEA{re.escape(separators.element)}"
        ).search(text)
        end = text.find(separators.segment, trailer.end()) if trailer else -1
        if trailer and end < 0 and separators.segment in _LINE_BREAKS:
            end = len(text)  # the last line needs no break
        if end < 0:
            raise EdiError("There is no IEA with its terminator: the interchange is cut off.")
        found.append(text[: end + 1].encode("latin-1"))
        text = text[end + 1 :]
    return found


def separators_of(text: str) -> Separators:
    """The separators that an ISA segment announces by where they stand.

    Its elements should be padded to their widths. Some senders do not, and it can be read all the
    same: it has sixteen elements, the last of one character.

    :raises EdiError: no ISA, or it cannot be one
    """
    if not text.startswith("ISA"):
        raise EdiError(f"An X12 interchange begins with ISA, not with {text[:3]!r}.", 1)
    fields = text[4:_ISA_LOOK].split(text[3], 15) if text[4:] else []
    if len(fields) < 16 or len(fields[15]) < 2:
        raise EdiError(f"The ISA segment is cut off: it has 16 elements, here {len(fields)}.", 1)
    for number, (field, width) in enumerate(zip(fields, _ISA_WIDTHS[:15], strict=False), 1):
        if len(field) > width:
            raise EdiError(f"ISA{number:02} is longer than {width} characters.", 1)
    repetition = fields[10] if fields[11] >= _REPETITION_SINCE and not fields[10].isalnum() else ""
    separators = Separators(
        element=text[3], component=fields[15][0], segment=fields[15][1], repetition=repetition
    )
    if separators.segment not in _LINE_BREAKS:
        try:
            check_separators("x12", separators)
        except InterchangeError as error:
            raise EdiError(str(error), 1) from None
    return separators


def read_x12(raw: bytes, most: int) -> dict[str, Any]:
    """The document of one interchange.

    :param most: how many segments it may have
    :raises EdiError: not one interchange, or control numbers and counts of its envelopes disagree
    """
    text = _text(raw).strip(LAYOUT)
    separators = separators_of(text)
    if separators.segment in _LINE_BREAKS:
        text += separators.segment
    segments = read_segments(text, separators, most)
    isa = next(segments)
    head = [part.strip() for part in (isa.components(place)[0] for place in range(1, 17))]
    document = {
        "standard": "x12",
        "sender": {"qualifier": head[4], "id": head[5]},
        "receiver": {"qualifier": head[6], "id": head[7]},
        "date": head[8],
        "time": head[9],
        "version": head[11],
        "control_number": head[12],
        "acknowledgment_requested": head[13] == "1",
        "usage": head[14],
        "separators": separators.used(),
        "acknowledgments": [],
        "groups": [],
    }
    for segment in segments:
        if segment.tag == "TA1":
            document["acknowledgments"].append(segment.document())
        elif segment.tag == "GS":
            document["groups"].append(_group(segment, segments))
        elif segment.tag == "IEA":
            _check_count("IEA01", segment, len(document["groups"]), "groups")
            _check_number("IEA02", segment, head[12], "ISA13")
            for beyond in segments:
                raise EdiError(f"{beyond.tag} stands after IEA.", beyond.number)
            return document
        else:
            raise EdiError(f"{segment.tag} stands outside of a group.", segment.number)
    raise EdiError("There is no IEA: the interchange is cut off.")


def _group(gs: Segment, segments: Iterator[Segment]) -> dict[str, Any]:
    group = {
        "code": gs.text(1),
        "sender": gs.text(2),
        "receiver": gs.text(3),
        "date": gs.text(4),
        "time": gs.text(5),
        "control_number": gs.text(6),
        "version": gs.text(8),
        "transactions": [],
    }
    for segment in segments:
        if segment.tag == "ST":
            group["transactions"].append(_transaction(segment, segments))
        elif segment.tag == "GE":
            _check_count("GE01", segment, len(group["transactions"]), "transactions")
            _check_number("GE02", segment, gs.text(6), "GS06")
            return group
        else:
            raise EdiError(f"{segment.tag} stands outside of a transaction.", segment.number)
    raise EdiError(f"There is no GE for group {gs.text(6)}.", gs.number)


def _transaction(st: Segment, segments: Iterator[Segment]) -> dict[str, Any]:
    inside = []
    for segment in segments:
        if segment.tag == "SE":
            _check_count("SE01", segment, len(inside) + 2, "segments with ST and SE")
            _check_number("SE02", segment, st.text(2), "ST02")
            return {
                "type": st.text(1),
                "control_number": st.text(2),
                "implementation": st.text(3),
                "segments": inside,
            }
        if segment.tag in ("ST", "GS", "GE", "ISA", "IEA"):
            break
        inside.append(segment.document())
    raise EdiError(f"There is no SE for transaction {st.text(2)}.", st.number)


def _check_count(name: str, segment: Segment, count: int, what: str) -> None:
    said = segment.text(1)
    if not said.isdecimal() or int(said) != count:
        raise EdiError(
            f"{name} says {said or 'nothing'}; there are {count} {what}.", segment.number
        )


def _check_number(name: str, segment: Segment, number: str, other: str) -> None:
    if segment.text(2) != number:
        raise EdiError(
            f"{name} is {segment.text(2)!r}, {other} was {number!r}: they have to be the same.",
            segment.number,
        )


def _text(raw: bytes) -> str:
    # Every byte is a character: what national letters mean, the partners have agreed on.
    return raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
