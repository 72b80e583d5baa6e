"""What an interchange's header may hold: identities, versions and separators.

X12: ANSI ASC X12.5 (ISA, IEA) and X12.6 (character sets). EDIFACT: ISO 9735 parts 1 and 2
(UNA, UNB, syntax levels A, B, C).
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Standard = Literal["x12", "edifact"]

X12_BASIC = frozenset(string.ascii_uppercase + string.digits + " !\"&'()*+,-./:;?=")
X12_EXTENDED = X12_BASIC | frozenset(string.ascii_lowercase + "%@[]_{}\\|<>#$~^`")
"""X12.6, basic and extended character set, without the letters of national languages."""

EDIFACT_A = frozenset(string.ascii_uppercase + string.digits + " .,-()/='+:?!\"%&*;<>")
EDIFACT_B = EDIFACT_A | frozenset(string.ascii_lowercase)
EDIFACT_LATIN1 = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x100))))
"""UNOC is ISO 8859-1; the levels above it are other code pages of the same width."""

_EDIFACT_CHARSETS: Mapping[str, frozenset[str]] = {"UNOA": EDIFACT_A, "UNOB": EDIFACT_B}


class InterchangeError(ValueError):
    """A value cannot stand in an interchange's header.

    Attributes: ``field`` (what is wrong, as the dataclasses below name it). The text is a
    sentence for a person.
    """

    def __init__(self, field: str, text: str):
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that give an interchange its structure; empty: not used."""

    element: str
    component: str
    segment: str
    repetition: str = ""
    release: str = ""

    def used(self) -> dict[str, str]:
        """Field name -> character, without the unused ones."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value}


DEFAULT_SEPARATORS: Mapping[Standard, Separators] = {
    "x12": Separators(element="*", component=">", segment="~", repetition="^"),
    "edifact": Separators(element="+", component=":", segment="'", release="?"),
}


def check_separators(standard: Standard, separators: Separators) -> None:
    """Refuse separators that do not separate.

    :raises InterchangeError: one is missing, longer than a character, a letter, digit or space,
        or used twice
    """
    for name in ("element", "component", "segment"):
        if not getattr(separators, name):
            raise InterchangeError(name, f"The {name} separator is missing.")
    if standard == "edifact" and not separators.release:
        raise InterchangeError("release", "EDIFACT needs a release character.")
    if standard == "x12" and separators.release:
        raise InterchangeError("release", "X12 has no release character: leave it empty.")
    seen: dict[str, str] = {}
    for name, character in separators.used().items():
        if len(character) != 1:
            raise InterchangeError(name, f"The {name} separator must be one character.")
        if character.isalnum() or character == " " or ord(character) > 0x7E:
            raise InterchangeError(
                name,
                f"The {name} separator must not be a letter, a digit, a space or outside ASCII.",
            )
        if character in seen:
            raise InterchangeError(
                name, f"The {name} and {seen[character]} separators are both “{character}”."
            )
        seen[character] = name


def check_identity(
    standard: Standard, qualifier: str, identifier: str, separators: Separators, syntax: str
) -> None:
    """Refuse an interchange id that the header has no room or no characters for.

    X12: ISA05/07 are two characters, ISA06/08 fifteen (padded by the writer). EDIFACT: UNB S002
    and S003, qualifier (0007) up to four and optional, id (0004) up to 35.

    :param syntax: EDIFACT syntax identifier, e.g. ``UNOC``; ignored for X12
    :raises InterchangeError: field ``qualifier`` or ``identifier``
    """
    if standard == "x12":
        if not re.fullmatch(r"[0-9A-Z]{2}", qualifier):
            raise InterchangeError(
                "qualifier",
                f"An ISA qualifier is exactly two characters (digits or capital letters), "
                f"“{qualifier}” is not; e.g. 01 (DUNS), 14 (GS1) or ZZ (agreed between both).",
            )
        _check_text("identifier", "interchange id", identifier, 15, X12_EXTENDED, separators)
        return
    if qualifier and not re.fullmatch(r"[0-9A-Z]{1,4}", qualifier):
        raise InterchangeError(
            "qualifier",
            f"A UNB qualifier is one to four digits or capital letters, “{qualifier}” is not; "
            "e.g. 14 (GS1) or ZZZ (agreed between both).",
        )
    allowed = _EDIFACT_CHARSETS.get(syntax, EDIFACT_LATIN1)
    _check_text("identifier", "interchange id", identifier, 35, allowed, separators)


def check_application(standard: Standard, code: str, separators: Separators) -> None:
    """Refuse an application code: GS02/03 (2 to 15 characters) or UNB 0008/0014 (up to 14).

    :raises InterchangeError: field ``application``
    """
    if not code:
        return
    if standard == "x12":
        if len(code) < 2:
            raise InterchangeError("application", "A GS application code has 2 to 15 characters.")
        _check_text("application", "application code", code, 15, X12_EXTENDED, separators)
    else:
        _check_text("application", "application code", code, 14, EDIFACT_LATIN1, separators)


def _check_text(
    field: str, label: str, text: str, limit: int, allowed: frozenset[str], separators: Separators
) -> None:
    if not text:
        raise InterchangeError(field, f"The {label} is missing.")
    if len(text) > limit:
        raise InterchangeError(
            field,
            f"The {label} “{text}” has {len(text)} characters, the header has room for {limit}.",
        )
    if text != text.strip():
        raise InterchangeError(field, f"The {label} “{text}” begins or ends with a space.")
    for character in text:
        if character not in allowed:
            raise InterchangeError(
                field,
                f"The {label} “{text}” holds “{character}”, which this syntax does not allow.",
            )
        if character in separators.used().values():
            raise InterchangeError(
                field, f"The {label} “{text}” holds “{character}”, which is a separator."
            )


def check_versions(standard: Standard, syntax: str, release: str) -> None:
    """Refuse versions that no header can name.

    X12: syntax is ISA12 (``00401``), release GS08 (``004010`` and an industry suffix). EDIFACT:
    syntax is UNB S001 (``UNOC:3``), release the directory (``D.96A``).

    :raises InterchangeError: field ``syntax`` or ``release``
    """
    if standard == "x12":
        if not re.fullmatch(r"00[2-9][0-9]{2}", syntax):
            raise InterchangeError(
                "syntax", f"“{syntax}” is not an ISA version; write five digits, e.g. 00401."
            )
        if not re.fullmatch(r"00[2-9][0-9]{3}[0-9A-Z]{0,6}", release):
            raise InterchangeError(
                "release",
                f"“{release}” is not a GS version; write six digits and perhaps an industry "
                "suffix, e.g. 004010 or 004010VICS.",
            )
        return
    if not re.fullmatch(r"UNO[A-KWXY]:[1-4]", syntax):
        raise InterchangeError(
            "syntax", f"“{syntax}” is not an EDIFACT syntax; write level and version, e.g. UNOC:3."
        )
    if not re.fullmatch(r"[DS]\.[0-9]{2}[A-C]", release):
        raise InterchangeError(
            "release", f"“{release}” is not an EDIFACT directory; write e.g. D.96A or D.01B."
        )


NUMBER_LIMIT = 999_999_999
"""Highest control number at every level; after it, numbering starts again at 1.

Nine digits are all that X12 has room for (ISA13, GS06, ST02); EDIFACT would take fourteen (UNB
0020, UNG 0048, UNH 0062), but more than nine serve nobody.
"""
