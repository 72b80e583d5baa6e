"""The envelope of an event on the wire: CloudEvents 1.0.2, JSON format and HTTP binding.

Out, we write the structured and the batched mode, and the binary mode for bodies of other formats.
In, we read the structured and the binary mode.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from . import rfc3339
from .json_reader import JsonError, read_json
from .json_writer import canonical_json

__all__ = [
    "BATCH_CONTENT_TYPE",
    "STRUCTURED_CONTENT_TYPE",
    "CloudEvent",
    "EnvelopeError",
    "EventRecord",
    "binary_headers",
    "canonical_json",
    "decode",
    "encode_batch",
    "encode_structured",
    "mode",
]

STRUCTURED_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
REPLAY_EXTENSION = "mfgreplay"
"""Extension that marks a repetition: the id of the replay that caused it."""

SEQUENCE_DIGITS = 20
"""Width of a sequence number on the wire."""

_NAME = re.compile(r"[a-z0-9]{1,20}", re.ASCII)
# Type system, "String": no control characters, no surrogates, no noncharacters.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_CORE = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_RESERVED = frozenset({*_CORE, "specversion", "data", "data_base64"})
_JSON_TYPE = re.compile(r"[^/;\s]+/(?:[^/;\s]+\+)?json", re.ASCII | re.IGNORECASE)


class EnvelopeError(ValueError):
    """An attribute is missing or wrong.

    ``pointer`` is its JSON pointer in structured mode ("/source"; "" for the whole body), in
    binary mode the header ``ce-source`` has the pointer "/source" as well. ``message`` is one
    sentence for a person.
    """

    def __init__(self, pointer: str, message: str):
        super().__init__(f"{pointer or 'body'}: {message}")
        self.pointer = pointer
        self.message = message


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event of ours, ready to be written.

    :param id: UUIDv7; a repetition of the same event carries the same id
    :param source: URI-reference of the emitting database and company
    :param type: ``mfg.<domain>.<fact>.v<major>``
    :param subject: ``<model>/<external id>``, or empty
    :param time: when it happened, with a zone
    :param dataschema: absolute URI of the schema of ``data``, or empty
    :param sequence: increasing per ``partitionkey``, gaps allowed
    :param partitionkey: the ordering key, or empty
    :param traceparent: W3C Trace Context, or empty
    :param correlationid: what the whole exchange is about, or empty
    :param causationid: id of the message or event that caused this one, or empty
    :param data_text: the payload as JSON text. It is spliced into the envelope as it is: the
        caller vouches that it is one JSON value. Empty means no ``data`` member.
    :raises EnvelopeError: an attribute that CloudEvents does not allow
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    dataschema: str
    sequence: int
    partitionkey: str
    traceparent: str
    correlationid: str
    causationid: str
    data_text: str

    def __post_init__(self):
        for name in ("id", "source", "type"):
            if not getattr(self, name):
                raise EnvelopeError(f"/{name}", "is required")
        if _FORBIDDEN.search("".join([getattr(self, name) or "" for name in _TEXTS])):
            for name in _TEXTS:
                _check_text(name, getattr(self, name) or "")
        if self.time.tzinfo is None:
            raise EnvelopeError("/time", "has no time zone")
        if not 0 <= self.sequence < 10**SEQUENCE_DIGITS:
            raise EnvelopeError("/sequence", f"is not between 0 and 10^{SEQUENCE_DIGITS}")


_TEXT_EXTENSIONS = ("partitionkey", "traceparent", "correlationid", "causationid")
_TEXTS = (*_TEXT_EXTENSIONS, "id", "source", "type", "subject", "dataschema")


def encode_structured(
    record: EventRecord, extensions: Iterable[tuple[str, str | int | bool]] = ()
) -> bytes:
    """Return one event in structured mode (content type STRUCTURED_CONTENT_TYPE).

    :param extensions: further (name, value) pairs, e.g. ``(REPLAY_EXTENSION, replay_id)``
    :raises EnvelopeError: an extension's name or value is not allowed
    """
    return _text(record, extensions).encode()


def encode_batch(
    records: Iterable[EventRecord], extensions: Iterable[tuple[str, str | int | bool]] = ()
) -> bytes:
    """Return several events in batched mode (content type BATCH_CONTENT_TYPE), in their order.

    :param extensions: as for ``encode_structured``, added to every event
    """
    extensions = tuple(extensions)
    return ("[" + ",".join(_text(record, extensions) for record in records) + "]").encode()


def binary_headers(
    record: EventRecord,
    content_type: str,
    extensions: Iterable[tuple[str, str | int | bool]] = (),
) -> dict[str, str]:
    """Return the headers of one event in binary mode (HTTP binding, section 3.1), for a body that
    is its data in another format than JSON.

    ``dataschema`` is left out: it names the schema of the JSON data.

    :param content_type: of the body
    :param extensions: as for ``encode_structured``
    :raises EnvelopeError: an extension's name or value is not allowed
    """
    attributes = _attributes(record, extensions)
    del attributes["datacontenttype"]
    attributes.pop("dataschema", None)
    headers = {
        # Section 3.1.3.2: what is no printable ASCII, and blank, quote and percent, is encoded.
        f"ce-{name}": quote(_header_value(value), safe=_HEADER_SAFE)
        for name, value in attributes.items()
    }
    return {"content-type": content_type, **headers}


_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def _header_value(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(record: EventRecord, extensions: Iterable[tuple[str, str | int | bool]]) -> str:
    head = _encode_attributes(_attributes(record, extensions))
    return f'{head[:-1]},"data":{record.data_text}}}' if record.data_text else head


def _attributes(
    record: EventRecord, extensions: Iterable[tuple[str, str | int | bool]]
) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": record.id,
        "source": record.source,
        "type": record.type,
    }
    if record.subject:
        attributes["subject"] = record.subject
    attributes["time"] = rfc3339.format_utc(record.time)
    attributes["datacontenttype"] = "application/json"
    if record.dataschema:
        attributes["dataschema"] = record.dataschema
    # As text of fixed width, so that comparing texts compares numbers (extension "sequence").
    attributes["sequence"] = str(record.sequence).zfill(SEQUENCE_DIGITS)
    for name in _TEXT_EXTENSIONS:
        if value := getattr(record, name):
            attributes[name] = value
    for name, value in extensions:
        if not _NAME.fullmatch(name) or name in _RESERVED or name in attributes:
            raise EnvelopeError(f"/{name}", "is not a free extension name (1 to 20 of a-z and 0-9)")
        _check_extension(name, value)
        attributes[name] = value
    return attributes


def _encode_attributes(attributes: dict[str, str | int | bool]) -> str:
    # By hand: an encoder of ``json`` costs as much as the rest of the envelope together.
    members = [
        f'"{name}":{_quoted(value) if type(value) is str else json.dumps(value)}'
        for name, value in attributes.items()
    ]
    return "{" + ",".join(members) + "}"


_quoted = json.encoder.encode_basestring
"""A text as JSON, other characters than ASCII as they are."""


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """An event of a partner.

    ``data`` is the JSON value, or ``bytes`` when the content is not JSON, or None. ``time`` is in
    UTC. ``extensions`` holds every attribute that CloudEvents itself does not define.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)
    data: Any = None


def mode(headers: Mapping[str, str]) -> str | None:
    """Tell how a request carries CloudEvents: structured, batch or binary; None if it does not."""
    lowered = {name.lower(): value for name, value in headers.items()}
    media_type = lowered.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/cloudevents+json":
        return "structured"
    if media_type == "application/cloudevents-batch+json":
        return "batch"
    return "binary" if "ce-specversion" in lowered else None


def decode(body: bytes, headers: Mapping[str, str], *, max_depth: int = 64) -> CloudEvent:
    """Read one event in structured or binary mode.

    :param headers: the request's headers; the case of their names does not matter
    :raises EnvelopeError: neither mode, or an attribute is missing or wrong
    """
    found = mode(headers)
    if found == "structured":
        return from_json(_read(body, max_depth))
    if found == "binary":
        return _from_binary(body, headers, max_depth)
    raise EnvelopeError("", "is not a single CloudEvent in structured or binary mode")


def from_json(document: Any) -> CloudEvent:
    """Read one event from its parsed JSON form (structured mode, or one item of a batch).

    :raises EnvelopeError: as ``decode``
    """
    if not isinstance(document, dict):
        raise EnvelopeError("", "is not a JSON object")
    # A member with the value null is the same as no member (JSON format, section 2.2).
    attributes = {name: value for name, value in document.items() if value is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    if encoded is not None:
        if data is not None:
            raise EnvelopeError("/data_base64", "stands beside data; only one of them may")
        if not isinstance(encoded, str):
            raise EnvelopeError("/data_base64", "is not a text")
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise EnvelopeError("/data_base64", "is not base64") from None
        if _is_json(attributes.get("datacontenttype")):
            data = _read(data, pointer="/data_base64")
    return _event(attributes, data)


def _from_binary(body: bytes, headers: Mapping[str, str], max_depth: int) -> CloudEvent:
    attributes: dict[str, Any] = {}
    for name, value in ((name.lower(), value) for name, value in headers.items()):
        if name == "content-type":
            attributes["datacontenttype"] = value.strip()
        elif name.startswith("ce-"):
            if name == "ce-datacontenttype":
                raise EnvelopeError("/datacontenttype", "belongs into the header Content-Type")
            attributes[name[3:]] = _header_text(name, value)
    is_json = _is_json(attributes.get("datacontenttype"))
    data = _read(body, max_depth) if body and is_json else body or None
    return _event(attributes, data)


def _header_text(name: str, value: str) -> str:
    """Undo quotes and percent encoding of a header value (HTTP binding, section 3.1.3.2)."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        # WSGI hands header bytes over as Latin-1.
        raw = value.encode("latin-1")
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeError:
        raise EnvelopeError(f"/{name[3:]}", f"header {name} is not percent-encoded UTF-8") from None


def _event(attributes: dict[str, Any], data: Any) -> CloudEvent:
    if "specversion" not in attributes:
        raise EnvelopeError("/specversion", "is required")
    if attributes.pop("specversion") != "1.0":
        raise EnvelopeError("/specversion", 'is not "1.0"')
    core = {name: attributes.pop(name) for name in _CORE if name in attributes}
    for name, value in core.items():
        if not isinstance(value, str) or not value:
            raise EnvelopeError(f"/{name}", "is not a text of at least one character")
        _check_text(name, value)
    for name in ("id", "source", "type"):
        if name not in core:
            raise EnvelopeError(f"/{name}", "is required")
    for name in ("source", "dataschema"):
        if re.search(r"[\s<>\"{}|\\^`]", core.get(name, "")):
            raise EnvelopeError(f"/{name}", "is not a URI")
    if "time" in core:
        try:
            core["time"] = rfc3339.parse(core["time"])
        except ValueError as error:
            raise EnvelopeError("/time", str(error)) from None
    for name, value in attributes.items():
        # The length of 20 is a recommendation, so a partner may exceed it.
        if not re.fullmatch(r"[a-z0-9]+", name, re.ASCII):
            pointer = "/" + name[:40].replace("~", "~0").replace("/", "~1")
            raise EnvelopeError(pointer, "is not an attribute name (a-z and 0-9)")
        _check_extension(name, value)
    return CloudEvent(**core, extensions=attributes, data=data)


def _check_extension(name: str, value: Any) -> None:
    if isinstance(value, str):
        _check_text(name, value)
    elif isinstance(value, bool):
        return
    elif not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise EnvelopeError(f"/{name}", "is not a text, a truth value or a 32-bit integer")


def _check_text(name: str, value: str) -> None:
    if found := _FORBIDDEN.search(value):
        raise EnvelopeError(f"/{name}", f"holds the character U+{ord(found[0]):04X}")


def _is_json(media_type: Any) -> bool:
    return isinstance(media_type, str) and bool(
        _JSON_TYPE.fullmatch(media_type.partition(";")[0].strip())
    )


def _read(body: bytes, max_depth: int = 64, pointer: str = "") -> Any:
    try:
        return read_json(body, max_depth)
    except JsonError as error:
        raise EnvelopeError(pointer, str(error)) from None
