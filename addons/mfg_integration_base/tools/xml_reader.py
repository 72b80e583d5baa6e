"""Reading XML that strangers sent (XML 1.0), without what makes XML dangerous, and with a place.

A document type declaration is refused before any parser sees it: it could define entities that
grow without end or name files and addresses. Nothing is ever fetched.
"""

import re

from lxml import etree

MAX_ATTRIBUTES = 1000
"""Of one element. The parser compares each with all others."""

MAX_ELEMENTS = 100_000
"""Of one document."""

_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")
_DECLARED = re.compile(rb"\A\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']{1,40})[\"']")
# Encodings in which markup is the same bytes as in ASCII (blanks of UTF-16 aside), so that
# looking for a declaration by its bytes finds it. UTF-7 and EBCDIC would hide it.
_ENCODINGS = frozenset(
    {"utf-8", "utf-16", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252"}
)
_PLACE = re.compile(r", line \d+, column \d+.*")
_EBCDIC = b"\x4c\x6f\xa7\x94"  # "<?xm": a parser would follow it to a declaration that hides
_BOM = b"\xef\xbb\xbf"

_NO_DOCTYPE = "A document type declaration (DOCTYPE) is not taken."


class XmlError(ValueError):
    """The body is not XML that we accept.

    :param node: the element that is wrong, if it is one
    :param line: where it stands, from 1; 0 if that is not known
    """

    def __init__(self, message: str, node: etree._Element | None = None, line: int = 0):
        self.path = path_of(node) if node is not None else ""
        self.line = (node.sourceline or 0) if node is not None else line
        where = [self.path] if self.path else []
        if self.line:
            where.append(f"(line {self.line})" if where else f"Line {self.line}")
        super().__init__(f"{' '.join(where)}: {message}" if where else message)


def read_xml(raw: bytes, max_depth: int) -> etree._Element:
    """The root element; comments and processing instructions are left out.

    :param raw: in the encoding that the XML declaration names, UTF-8 without one
    :param max_depth: how many elements may be inside each other
    :raises XmlError: anything that is not one well-formed document; says where

    >>> read_xml(b"<report><good>5</good></report>", 8)[0].text
    '5'
    """
    plain = raw.replace(b"\0", b"")  # UTF-16 of ASCII is ASCII and zeros
    declared = _DECLARED.match(plain.removeprefix(_BOM).lstrip(b"\xff\xfe"))
    if declared and (name := declared[1].decode("ascii", "replace")).lower() not in _ENCODINGS:
        raise XmlError(f"The encoding {name} is not read here. Send UTF-8.", line=1)
    if raw.startswith(_EBCDIC):
        raise XmlError("The encoding EBCDIC is not read here. Send UTF-8.", line=1)
    if b"<!DOCTYPE" in plain:
        line = plain.count(b"\n", 0, plain.index(b"<!DOCTYPE")) + 1
        raise XmlError(_NO_DOCTYPE, line=line)
    _check_attributes(plain)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        line, _column = error.position
        raise XmlError(f"Not well-formed XML: {_sentence(error.msg)}", line=line or 1) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError(_NO_DOCTYPE)  # however it was hidden from us
    _check_size(root, max_depth)
    return root


def path_of(node: etree._Element) -> str:
    """Names from the root to an element, with its place among those of the same name."""
    steps = []
    while node is not None:
        parent = node.getparent()
        step = local_name(node)
        if parent is not None:
            same = [sibling for sibling in parent if sibling.tag == node.tag]
            if len(same) > 1:
                step += f"[{same.index(node) + 1}]"
        steps.append(step)
        node = parent
    return "/".join(reversed(steps))


def local_name(node: etree._Element) -> str:
    """An element's name without its namespace."""
    return etree.QName(node).localname


def _check_attributes(raw: bytes) -> None:
    """Before the parser runs, which takes the square of their number in time."""
    line = 1
    for piece in raw.split(b"<"):
        # An attribute has five bytes at the least, ``a="" ``; most pieces are too short for many.
        if len(piece) > 5 * MAX_ATTRIBUTES and piece[:1] not in (b"!", b"?", b"/"):
            tag = _QUOTED.sub(b"", piece).partition(b">")[0]
            if tag.count(b"=") > MAX_ATTRIBUTES:
                raise XmlError(f"An element has more than {MAX_ATTRIBUTES} attributes.", line=line)
        line += piece.count(b"\n")


def _check_size(root: etree._Element, max_depth: int) -> None:
    depth = count = 0
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > max_depth:
            raise XmlError(f"Elements are inside each other deeper than {max_depth} levels.", node)
        if count > MAX_ELEMENTS:
            raise XmlError(f"There are more than {MAX_ELEMENTS} elements.", line=node.sourceline)


def _sentence(message: str) -> str:
    """The parser's words without the place, which is told before them."""
    words = _PLACE.sub("", message or "it is damaged")
    return f"{words[:200]}."
