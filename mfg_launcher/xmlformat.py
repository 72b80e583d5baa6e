"""The formatting of XML files: what a reviewer would otherwise have to say.

Elements that begin a line are indented by four blanks for each level, lines end without blanks,
there are no tabs outside of text, and the file begins with the declaration and ends with one
newline. Text, comments and the continuation of long tags are left to their author.
"""

import re
import xml.parsers.expat
from dataclasses import dataclass

INDENT = 4
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


@dataclass(frozen=True)
class Finding:
    """:param line: counted from 1"""

    line: int
    text: str


def _levels(source: str) -> dict[int, int]:
    """Line -> nesting level of the element whose start or end tag begins that line.

    Tags among text are left out: there, blanks are part of the content.

    :raises xml.parsers.expat.ExpatError: the file is not well-formed
    """
    parser = xml.parsers.expat.ParserCreate()
    lines = source.encode().splitlines()
    levels: dict[int, int] = {}
    has_text = [False]  # one entry for each open element, the document itself first

    def note(level: int) -> None:
        row, column = parser.CurrentLineNumber, parser.CurrentColumnNumber
        if not has_text[-1] and not lines[row - 1][:column].strip():
            levels.setdefault(row, level)

    def start(_name: str, _attributes: dict) -> None:
        note(len(has_text) - 1)
        has_text.append(False)

    def end(_name: str) -> None:
        note(len(has_text) - 2)
        has_text.pop()

    def text(data: str) -> None:
        if data.strip():
            has_text[-1] = True

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(source.encode(), True)
    return levels


def check(source: str) -> list[Finding]:
    """What is wrong with the file, in the order of its lines.

    >>> check(DECLARATION + "\\n<odoo>\\n  <data/>\\n</odoo>\\n")
    [Finding(line=3, text='indented by 2, expected 4')]
    """
    try:
        levels = _levels(source)
    except xml.parsers.expat.ExpatError as error:
        return [Finding(error.lineno, f"not well-formed: {error}")]
    found = []
    lines = source.split("\n")
    if lines[0] != DECLARATION:
        found.append(Finding(1, f"expected {DECLARATION}"))
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            found.append(Finding(number, "blanks at the end of the line"))
        lead = line[: len(line) - len(line.lstrip())]
        if number in levels and lead != " " * INDENT * levels[number]:
            expected = INDENT * levels[number]
            found.append(Finding(number, f"indented by {len(lead)}, expected {expected}"))
    if not source.endswith("\n") or source.endswith("\n\n"):
        found.append(Finding(len(lines), "expected one newline at the end of the file"))
    return found


def fix(source: str) -> str:
    """The file with everything mended that `check` finds, or as it was if it is not well-formed."""
    try:
        levels = _levels(source)
    except xml.parsers.expat.ExpatError:
        return source
    lines = [line.rstrip() for line in source.split("\n")]
    for number, level in levels.items():
        lines[number - 1] = " " * INDENT * level + lines[number - 1].lstrip()
    if lines[0].startswith("<?xml"):
        lines[0] = re.sub(r"^<\?xml[^>]*\?>", DECLARATION, lines[0])
    else:
        lines.insert(0, DECLARATION)
    return "\n".join(lines).rstrip("\n") + "\n"
