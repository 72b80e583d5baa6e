"""A performance message with several segment responses, as several messages of one each.

Each part is a message of its own, with the envelope of the whole, so that it can be booked, fail
and be repeated for itself.
"""

from copy import deepcopy

from lxml import etree

from .materials import ELEMENTS
from .message import Message
from .nodes import local_name, only, path_of, text
from .read_performance import segments

__all__ = ["Part", "split"]


class Part:
    """One segment response.

    :param body: a message (bytes, UTF-8)
    :param place: the segment's ID if it has one that no other has, else where it stands
    """

    __slots__ = ("body", "place")

    def __init__(self, body: bytes, place: str):
        self.body = body
        self.place = place


def split(message: Message) -> list[Part]:
    """The parts of a performance message, in their order.

    :raises B2mmlError: it holds no segment response
    """
    found = segments(message)
    names = [text(only(segment, "ID")) for segment in found]
    return [
        Part(
            _alone(segment, message),
            name if name and names.count(name) == 1 else path_of(segment),
        )
        for segment, name in zip(found, names, strict=True)
    ]


def _alone(segment: etree._Element, message: Message) -> bytes:
    """The message with this segment response only.

    Each element on the way to it keeps what belongs to all: everything but others of the kind that
    holds segments, and the materials of a segment around it, which are that one's report. What is
    copied does not grow with the number of segments.
    """
    version = message.version
    branching = {
        f"{{{version.namespace}}}{name}"
        for name in (version.performance, version.response, "SegmentResponse",
                     version.child_response)
    }  # fmt: skip
    kept = _without(segment, branching)
    below = segment
    for node in segment.iterancestors():
        copy = etree.Element(node.tag, dict(node.attrib), nsmap=node.nsmap)
        for inner in node:
            if inner is below:
                copy.append(kept)
            elif inner.tag not in branching and local_name(inner) not in ELEMENTS:
                copy.append(deepcopy(inner))
        kept, below = copy, node
    return etree.tostring(kept, xml_declaration=True, encoding="UTF-8")


def _without(segment: etree._Element, branching: set[str]) -> etree._Element:
    copy = etree.Element(segment.tag, dict(segment.attrib), nsmap=segment.nsmap)
    for inner in segment:
        if inner.tag not in branching:
            copy.append(deepcopy(inner))
    return copy
