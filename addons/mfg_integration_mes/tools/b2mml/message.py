"""What a message is: its version, verb and noun, who sent it and when."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from .names import VERBS, VERSIONS, Version, version_of
from .nodes import B2mmlError, child, children, local_name, moment, only, text

__all__ = ["Message", "open_message"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message, opened.

    :param verb: transaction verb (Process, Sync, ...); empty for a noun that comes without
    :param noun: e.g. OperationsPerformance
    :param nouns: the elements of that name
    :param created_at: CreationDateTime of the ApplicationArea, in UTC; None for a noun without
    :param bod_id: BODID, by which its sender calls the message; empty if it does not
    :param sender: LogicalID of the sender, or empty
    """

    version: Version
    verb: str
    noun: str
    nouns: tuple[etree._Element, ...]
    created_at: datetime | None
    bod_id: str
    sender: str


def open_message(root: etree._Element) -> Message:
    """Tell what a message is, by its root element.

    :raises B2mmlError: not B2MML, not a version that is read, or without what it announces
    """
    namespace = etree.QName(root).namespace or ""
    version = version_of(namespace)
    if version is None:
        known = ", ".join(found.namespace for found in VERSIONS.values())
        raise B2mmlError(
            f"The namespace {namespace!r} is none of B2MML that is read here: {known}.", root
        )
    name = local_name(root)
    verb = next((verb for verb in VERBS if name.startswith(verb)), "")
    if not verb:
        return Message(version, "", name, (root,), None, "", "")
    noun = name.removeprefix(verb)
    area, data = only(root, "ApplicationArea"), only(root, "DataArea")
    if area is None or data is None:
        raise B2mmlError(f"A {name} has an ApplicationArea and a DataArea.", root)
    if child(data, verb) is None:
        raise B2mmlError(f"The DataArea of a {name} begins with {verb}.", data)
    nouns = tuple(children(data, noun))
    if not nouns:
        raise B2mmlError(f"The DataArea holds no {noun}.", data)
    created_at = moment(only(area, "CreationDateTime"))
    if created_at is None:
        raise B2mmlError("CreationDateTime is missing.", area)
    sender = only(area, "Sender")
    return Message(
        version,
        verb,
        noun,
        nouns,
        created_at,
        text(only(area, "BODID")),
        text(only(sender, "LogicalID")) if sender is not None else "",
    )
