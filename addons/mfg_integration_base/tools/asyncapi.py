"""The events that partners get, as an AsyncAPI 3.0.0 document: webhooks with CloudEvents."""

import copy
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from . import signature
from .catalogue import Event, checked_url, description, in_order, without_empty
from .envelope import REPLAY_EXTENSION, SEQUENCE_DIGITS, STRUCTURED_CONTENT_TYPE
from .schema_parts import fragment, moved, pointer

Json = dict[str, Any]

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
"""Without it a schema would be read as draft-07 (Schema Object), with other keywords."""

SCHEMA_PREFIX = "urn:mfg:schema:"
"""What ``dataschema`` begins with; the event's type follows."""

_ENVELOPE_PLACE = pointer("components", "schemas", "CloudEvent", "schema")
_EXAMPLE: Json = {
    "specversion": "1.0",
    "id": "01932f5a-7b3c-7def-8123-456789abcdef",
    "source": "/odoo/6f1c2f0e-3a55-11f0-9d4c-0242ac120002/1",
    "time": "2026-11-23T20:51:00.250000Z",
    "datacontenttype": "application/json",
    "sequence": "4711".zfill(SEQUENCE_DIGITS),
}


def asyncapi(title: str, version: str, server_url: str, events: Iterable[Event]) -> Json:
    """Return the document. The same events in another order give the same document.

    :param version: of the document, not of AsyncAPI
    :param server_url: where the events are delivered to, the partner's side; empty to leave it
        open, as it is agreed with each partner
    :raises ValueError: an event comes twice, or the address cannot be used
    """
    ordered = in_order(events)
    document = without_empty(
        {
            "asyncapi": "3.0.0",
            "info": {"title": title, "version": version},
            "defaultContentType": _media_type(),
            "servers": {"receiver": _server(checked_url(server_url))} if server_url else {},
            "channels": {event.code: _channel(event) for event in ordered},
            "operations": {f"send.{event.code}": _operation(event) for event in ordered},
            "components": {
                "messages": {event.code: _message(event) for event in ordered},
                "schemas": {"CloudEvent": {"schemaFormat": SCHEMA_FORMAT, "schema": _envelope()}},
            },
        }
    )
    return copy.deepcopy(document)  # parts of it are the caller's


def _media_type() -> str:
    return STRUCTURED_CONTENT_TYPE.partition(";")[0]


def _server(url: str) -> Json:
    parts = urlsplit(url)
    return without_empty(
        {
            "host": parts.netloc,
            "pathname": parts.path,
            "protocol": parts.scheme,
            "description": "The partner's side, which the connector names.",
        }
    )


def _channel(event: Event) -> Json:
    return {
        # Unknown here: each partner gets all of its events at one address of its own.
        "address": None,
        "title": event.code,
        "messages": {event.code: {"$ref": fragment(_message_place(event))}},
    }


def _operation(event: Event) -> Json:
    channel = pointer("channels", event.code)
    return without_empty(
        {
            "action": "send",
            "channel": {"$ref": fragment(channel)},
            "title": event.summary or event.code,
            "description": description(event),
            "messages": [{"$ref": fragment(channel + pointer("messages", event.code))}],
            "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        }
    )


def _message_place(event: Event) -> str:
    return pointer("components", "messages", event.code)


def _message(event: Event) -> Json:
    common = {
        "name": event.code,
        "title": event.summary or event.code,
        "description": description(event),
        "deprecated": True if event.deprecated else None,
    }
    if event.content_type:
        # What is in the body is another standard's business: JSON Schema does not describe it.
        return without_empty(
            {**common, "contentType": event.content_type, "headers": _headers(binary=True)}
        )
    data_place = _message_place(event) + pointer("payload", "schema", "properties", "data")
    dataschema = SCHEMA_PREFIX + event.code
    payload = {
        "allOf": [{"$ref": fragment(_ENVELOPE_PLACE)}],
        "required": ["data"],
        "properties": {
            "type": {"const": event.code},
            "dataschema": {"const": dataschema},
            "data": moved(event.schema, data_place),
        },
    }
    example = {**_EXAMPLE, "type": event.code, "dataschema": dataschema, "data": event.example}
    return without_empty(
        {
            **common,
            "contentType": _media_type(),
            "headers": _headers(),
            "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": payload},
            "examples": [] if event.example is None else [{"payload": example}],
        }
    )


def _headers(*, binary: bool = False) -> Json:
    text = {"type": "string"}
    attributes = ("specversion", "id", "source", "type", "time", "sequence") if binary else ()
    return {
        "type": "object",
        "required": [
            signature.HEADER_ID,
            signature.HEADER_SIGNATURE,
            signature.HEADER_TIMESTAMP,
            *(f"ce-{name}" for name in attributes),
        ],
        "properties": {
            signature.HEADER_ID: {
                **text,
                "description": "Every repeat of this message carries the same one.",
            },
            signature.HEADER_SIGNATURE: {
                **text,
                "description": "Standard Webhooks; one or more, separated by spaces.",
            },
            signature.HEADER_TIMESTAMP: {
                **text,
                "pattern": "^[0-9]+$",
                "description": "Seconds since 1970-01-01 UTC of this attempt.",
            },
            "traceparent": {**text, "description": "W3C Trace Context of the event."},
            **{
                f"ce-{name}": {**text, "description": f"CloudEvents attribute {name}."}
                for name in attributes
            },
        },
    }


def _envelope() -> Json:
    """Return the schema of the envelope: CloudEvents 1.0.2 with our extensions (envelope.py)."""
    text: Json = {"type": "string", "minLength": 1}

    def about(description: str, **more: Any) -> Json:
        return {**text, "description": description, **more}

    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "sequence"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": about("The event's id; with `source` it names the event."),
            "source": about("Which database and company say so.", format="uri-reference"),
            "type": about("What happened, with the major version of its schema."),
            "subject": about("What it happened to: model and unchanging id."),
            "time": about("When it happened.", format="date-time"),
            "datacontenttype": {"const": "application/json"},
            "dataschema": about("Names the schema of `data`.", format="uri"),
            "sequence": about(
                "Grows from event to event of one `partitionkey`, with gaps; compare as text.",
                pattern=f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
            ),
            "partitionkey": about("The business object that order is kept for."),
            "traceparent": about("W3C Trace Context."),
            "correlationid": about("What everything in this exchange goes back to."),
            "causationid": about("The message that caused this event."),
            REPLAY_EXTENSION: about("Only on an ordered repetition: the id of that replay."),
            "data": {"description": "What the event's own schema describes."},
        },
    }
