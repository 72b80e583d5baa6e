"""What partners may send and what they get, as plain values; the interface documents' source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .http_dates import deprecation_headers
from .schema import check_schema
from .schema_parts import Schema


@dataclass(frozen=True, slots=True)
class Route:
    """A message type that a connector takes.

    :param connector: code of the connector, second to last part of the address
    :param message_type: last part of the address
    :param summary: one line; empty for the message type
    :param description: for the partner's developer (CommonMark)
    :param schema: JSON Schema 2020-12 of one message
    :param content_types: media types that a message may come in
    :param synchronous: a new message is booked before it is answered
    :param external_id_pointer: JSON pointer to the message's id; empty for the header webhook-id
    :param example: one message, or None
    :param deprecated: from when on nobody should begin to use it
    :param sunset: from when on it may be gone
    :param batch: several messages may come in one request
    :raises SchemaError: the schema is not usable
    :raises ValueError: the dates contradict each other
    """

    connector: str
    message_type: str
    summary: str = ""
    description: str = ""
    schema: Schema = True
    content_types: tuple[str, ...] = ("application/json",)
    synchronous: bool = False
    external_id_pointer: str = ""
    example: Any = None
    deprecated: date | None = None
    sunset: date | None = None
    batch: bool = False

    def __post_init__(self):
        check_schema(self.schema)
        deprecation_headers(self.deprecated, self.sunset)

    @property
    def key(self) -> str:
        return f"{self.connector}.{self.message_type}"


@dataclass(frozen=True, slots=True)
class Event:
    """An event type that partners may subscribe to.

    :param code: type of the event, with its major version
    :param summary: one line; empty for the code
    :param description: when it happens, for the partner's developer (CommonMark)
    :param schema: JSON Schema 2020-12 of ``data``
    :param example: one ``data``, or None
    :param deprecated: from when on nobody should begin to use it
    :param sunset: from when on it may be gone
    :param content_type: of a body that is no CloudEvent in JSON; its attributes are in headers
    :raises SchemaError: the schema is not usable
    :raises ValueError: the dates contradict each other
    """

    code: str
    summary: str = ""
    description: str = ""
    schema: Schema = True
    example: Any = None
    deprecated: date | None = None
    sunset: date | None = None
    content_type: str = ""

    def __post_init__(self):
        check_schema(self.schema)
        deprecation_headers(self.deprecated, self.sunset)

    @property
    def key(self) -> str:
        return self.code


Entry = TypeVar("Entry", Route, Event)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return routes or events in the order in which documents show them.

    :raises ValueError: two have the same name
    """
    named: dict[str, Entry] = {}
    for entry in entries:
        if named.setdefault(entry.key, entry) is not entry:
            raise ValueError(f"{entry.key!r} comes twice.")
    return [named[key] for key in sorted(named)]


def description(entry: Route | Event) -> str:
    """Return the description with the dates of its end: the formats have no place for them."""
    sentences = [entry.description] if entry.description else []
    if entry.deprecated:
        sentences.append(f"Deprecated: {entry.deprecated.isoformat()}.")
    if entry.sunset:
        sentences.append(f"Sunset, the earliest end of service: {entry.sunset.isoformat()}.")
    return "\n\n".join(sentences)


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what says something; optional members of the formats are left out, never empty."""
    return {name: value for name, value in values.items() if value not in ("", None, [], {})}


def checked_url(url: str) -> str:
    """Return an address that may be shown to everybody.

    :raises ValueError: no absolute HTTP address, or it holds a password, a query or a fragment
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("The server's address is no absolute HTTP address.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("The server's address holds more than host and path.")
    return url.rstrip("/")
