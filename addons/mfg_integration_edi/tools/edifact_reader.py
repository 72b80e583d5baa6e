"""An EDIFACT interchange (ISO 9735 parts 1 and 2) to a document: envelope checked, content as it
came.

``{"standard": "edifact", "syntax": "UNOC:3", "sender": {"qualifier", "id"}, "receiver": {...},
"prepared_at", "control_number", "application", "acknowledgment_requested", "test", "separators":
{...}, "messages": [{"type", "version", "release", "agency", "association", "reference", "group",
"segments": [{"tag", "elements"}]}]}``; ``group`` is the reference of its UNG, or null.
"""

import re
from collections.abc import Iterator
from typing import Any

from .interchange import DEFAULT_SEPARATORS, InterchangeError, Separators, check_separators
from .segments import EdiError, Segment, read_segments

_UNA_CHARS = 9
_LAYOUT = b"\r\n\t \x1a\0"
_CHARSETS = {
    "UNOA": "ascii", "UNOB": "ascii", "UNOC": "iso-8859-1", "UNOD": "iso-8859-2",
    "UNOE": "iso-8859-5", "UNOF": "iso-8859-7", "UNOG": "iso-8859-3", "UNOH": "iso-8859-4",
    "UNOI": "iso-8859-6", "UNOJ": "iso-8859-8", "UNOK": "iso-8859-9", "UNOW": "utf-8",
    "UNOY": "utf-8", "IATA": "ascii", "IATB": "ascii",
}  # fmt: skip
"""ISO 9735 part 1 annex A, and those of airlines. UNOX (code extension) needs an agreement."""


def split_interchanges(raw: bytes, most: int) -> list[bytes]:
    """The interchanges of a transmission, each from its UNA or UNB to its UNZ.

    :param most: with more of them, only the first ``most + 1`` are returned
    :raises EdiError: one has no end
    """
    found, rest = [], raw.removeprefix(b"\xef\xbb\xbf").strip(_LAYOUT)
    while rest and len(found) <= most:
        separators = _separators(rest)
        end = _end(rest, separators)
        found.append(rest[:end])
        rest = rest[end:].strip(_LAYOUT)
    return found


def read_edifact(raw: bytes, most: int) -> dict[str, Any]:
    """The document of one interchange.

    :param most: how many segments it may have
    :raises EdiError: not one interchange, or references and counts of its envelopes disagree
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf").strip(_LAYOUT)
    separators = _separators(raw)
    text = _decoded(raw, separators)
    if text.startswith("UNA"):
        text = text[_UNA_CHARS:]
    segments = read_segments(text, separators, most)
    unb = next(segments)
    (sender, sender_code), (receiver, receiver_code) = (
        [*unb.components(place), ""][:2] for place in (2, 3)
    )
    document = {
        "standard": "edifact",
        "syntax": ":".join(unb.components(1)),
        "sender": {"qualifier": sender_code, "id": sender},
        "receiver": {"qualifier": receiver_code, "id": receiver},
        "prepared_at": ":".join(unb.components(4)),
        "control_number": unb.text(5),
        "application": unb.text(7),
        "acknowledgment_requested": unb.text(9) == "1",
        "test": unb.text(11) == "1",
        "separators": separators.used(),
        "messages": [],
    }
    if not document["control_number"]:
        raise EdiError("UNB has no interchange control reference (its fifth element).", 1)
    groups, group, in_group = 0, None, 0
    for segment in segments:
        if segment.tag == "UNH":
            document["messages"].append(_message(segment, segments, group and group.text(5)))
            in_group += 1
        elif segment.tag == "UNG" and group is None:
            group, in_group, groups = segment, 0, groups + 1
        elif segment.tag == "UNE" and group is not None:
            _check_count(segment, in_group, "messages in its group")
            _check_reference(segment, group.text(5), "UNG")
            group = None
        elif segment.tag == "UNZ" and group is None:
            # By groups where there are any, else by messages.
            _check_count(
                segment, groups or len(document["messages"]), "groups" if groups else "messages"
            )
            _check_reference(segment, unb.text(5), "UNB")
            for beyond in segments:
                raise EdiError(f"{beyond.tag} stands after UNZ.", beyond.number)
            return document
        else:
            raise EdiError(f"{segment.tag} stands outside of a message.", segment.number)
    raise EdiError("There is no UNZ: the interchange is cut off.")


def _message(unh: Segment, segments: Iterator[Segment], group: str | None) -> dict[str, Any]:
    reference = unh.text(1)
    kind, version, release, agency, association = (unh.components(2) + [""] * 5)[:5]
    inside = []
    for segment in segments:
        if segment.tag == "UNT":
            _check_count(segment, len(inside) + 2, "segments, UNH and UNT included")
            _check_reference(segment, reference, "UNH")
            return {
                "type": kind,
                "version": version,
                "release": release,
                "agency": agency,
                "association": association,
                "reference": reference,
                "group": group,
                "segments": inside,
            }
        if segment.tag in ("UNH", "UNG", "UNE", "UNB", "UNZ"):
            break
        inside.append(segment.document())
    raise EdiError(f"There is no UNT for message {reference}.", unh.number)


def _separators(raw: bytes) -> Separators:
    """Those of the UNA, or the usual ones.

    A space in a UNA's place of the repetition means that there is none (syntax version 3).
    """
    start = raw[_UNA_CHARS:].lstrip(_LAYOUT) if raw.startswith(b"UNA") else raw
    if not start.startswith(b"UNB"):
        raise EdiError(f"An EDIFACT interchange begins with UNB, not with {_shown(start)}.", 1)
    if start is raw:
        return DEFAULT_SEPARATORS["edifact"]
    component, element, _decimal, release, repetition, segment = raw[3:9].decode("latin-1")
    separators = Separators(
        element=element,
        component=component,
        segment=segment,
        repetition=repetition.strip(),
        release=release.strip(),
    )
    if separators.segment not in "\r\n":
        try:
            check_separators("edifact", separators)
        except InterchangeError as error:
            raise EdiError(f"UNA: {error}", 1) from None
    return separators


def _decoded(raw: bytes, separators: Separators) -> str:
    start = raw[_UNA_CHARS:].lstrip(_LAYOUT) if raw.startswith(b"UNA") else raw
    level = start[4:8].decode("latin-1")
    charset = _CHARSETS.get(level)
    if charset is None:
        known = ", ".join(_CHARSETS)
        raise EdiError(f"The syntax level {level!r} is none that is read here: {known}.", 1)
    try:
        return raw.decode(charset)
    except UnicodeDecodeError as error:
        place = raw.count(separators.segment.encode("latin-1"), 0, error.start) + 1
        raise EdiError(
            f"The byte 0x{raw[error.start]:02X} is no character of {level} ({charset}).", place
        ) from None


def _end(raw: bytes, separators: Separators) -> int:
    terminator, element, release = (
        re.escape(each.encode("latin-1"))
        for each in (separators.segment, separators.element, separators.release)
    )
    # A released character is looked at as a whole: what follows it is text, a terminator too.
    trailer = rb"(%b[\r\n\t ]*UNZ%b[^%b]*%b)" % (terminator, element, terminator, terminator)
    if release:
        trailer = rb"%b.|%b" % (release, trailer)
    for found in re.finditer(trailer, raw, re.DOTALL):
        if found[1]:
            return found.end()
    raise EdiError("There is no UNZ with its terminator: the interchange is cut off.")


def _shown(raw: bytes) -> str:
    return repr(raw[:3].decode("latin-1"))


def _check_count(segment: Segment, count: int, what: str) -> None:
    said = segment.text(1)
    if not said.isdecimal() or int(said) != count:
        raise EdiError(
            f"{segment.tag} says {said or 'nothing'}; there are {count} {what}.", segment.number
        )


def _check_reference(segment: Segment, reference: str, other: str) -> None:
    if segment.text(2) != reference:
        raise EdiError(
            f"The reference of {segment.tag} is {segment.text(2)!r}, that of {other} "
            f"{reference!r}: they have to be the same.",
            segment.number,
        )
