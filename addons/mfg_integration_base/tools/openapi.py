"""The inbound interface as an OpenAPI 3.1.0 document, made from its routes."""

import copy
from collections.abc import Collection, Iterable
from typing import Any

from . import openapi_answers as answers
from . import openapi_security as security
from .catalogue import Route, checked_url, description, in_order, without_empty
from .http_body import is_json_type
from .inbound_batch import CLOUDEVENT, CLOUDEVENTS_BATCH, LINES, MAX_MESSAGES
from .schema import DIALECT
from .schema_parts import fragment, moved, pointer
from .signature import HEADER_ID

Json = dict[str, Any]

API_PREFIX = "/mfg/v1"

_ID_HEADER = {
    "name": HEADER_ID,
    "in": "header",
    "required": True,
    "description": "The message's id. A repetition of the message carries the same one.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-\-/-~]+$"},
}
_TRACE_HEADER = {
    "name": "traceparent",
    "in": "header",
    "description": "W3C Trace Context; taken over into the events that the message causes.",
    "schema": {"type": "string"},
}
_ENCODING_HEADER = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "Signed are the bytes before compression.",
    "schema": {"enum": ["gzip", "identity"]},
}


def openapi(
    title: str,
    version: str,
    server_url: str,
    routes: Iterable[Route],
    security_kinds: Collection[str],
) -> Json:
    """Return the document. The same routes in another order give the same document.

    :param version: of the document, not of OpenAPI
    :param server_url: where the interface is, without ``/mfg/v1``
    :param security_kinds: of ``openapi_security.KINDS``; a request needs one of them
    :raises ValueError: a route comes twice, the address or a kind cannot be used
    """
    security.check_kinds(security_kinds)
    url, ordered = checked_url(server_url), in_order(routes)
    token_path = f"{API_PREFIX}/oauth/token"
    paths: dict[str, Json] = {
        f"{API_PREFIX}/in/{route.connector}/{route.message_type}": {"post": _send(route)}
        for route in ordered
    }
    paths[f"{API_PREFIX}/messages/{{uuid}}"] = {"get": _status()}
    if "oauth2" in security_kinds:
        paths[token_path] = {"post": security.token_operation()}
    document = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": title, "version": version},
        "servers": [{"url": url}],
        "security": security.requirements(security_kinds),
        "tags": [{"name": name} for name in _tags(ordered, security_kinds)],
        "paths": paths,
        "components": {
            "headers": answers.HEADERS,
            "responses": answers.problem_responses(),
            "schemas": {**answers.result_schemas(), **_message_schemas(ordered)},
            # Absolute: a token URL is not relative to the server in every tool.
            "securitySchemes": security.schemes(security_kinds, url + token_path),
        },
    }
    return copy.deepcopy(document)  # parts of it are used several times


def _tags(routes: Iterable[Route], kinds: Collection[str]) -> list[str]:
    names = sorted({route.connector for route in routes})
    return [*names, "messages", *(["authentication"] if "oauth2" in kinds else [])]


def _schema_place(route: Route) -> str:
    return pointer("components", "schemas", route.key)


def _message_schemas(routes: Iterable[Route]) -> Json:
    return {route.key: moved(route.schema, _schema_place(route)) for route in routes}


def _send(route: Route) -> Json:
    id_place = route.external_id_pointer
    identity = (
        f"The message's id is in the message, at `{id_place}`."
        if id_place
        else f"The message's id is the header `{HEADER_ID}`."
    )
    parameters = [_TRACE_HEADER, _ENCODING_HEADER]
    return without_empty(
        {
            "operationId": f"send.{route.key}",
            "summary": route.summary or route.message_type,
            "description": "\n\n".join(filter(None, [description(route), identity])),
            "tags": [route.connector],
            "deprecated": True if route.deprecated else None,
            "parameters": parameters if id_place else [_ID_HEADER, *parameters],
            "requestBody": {"required": True, "content": _content(route)},
            "responses": _responses(route),
        }
    )


def _content(route: Route) -> Json:
    message: Json = {"$ref": fragment(_schema_place(route))}
    content = {}
    for media_type in sorted(set(route.content_types)):
        media: Json = {"schema": message}
        # An example of another format would be a text, which we do not have.
        if route.example is not None and is_json_type(media_type):
            media["example"] = route.example
        content[media_type] = media
    if not any(map(is_json_type, route.content_types)):
        return content
    event: Json = {
        "allOf": [{"$ref": "#/components/schemas/CloudEvent"}],
        "properties": {"data": message},
    }
    content[CLOUDEVENT] = {"schema": event}
    if route.batch:
        events = {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": event}
        content[CLOUDEVENTS_BATCH] = {"schema": events}
        for media_type in sorted(LINES):
            text = {"type": "string", "description": "One message a line (JSON Lines)."}
            content[media_type] = {"schema": text}
    return content


def _responses(route: Route) -> Json:
    booked = "Booked." if route.synchronous else "It came before and is booked: the first result."
    stored = "Stored, checked, and sure to be worked on."
    if route.synchronous:
        stored = "Not booked in time for this answer. " + stored
    receipts = ["Receipt", "BatchResults"] if route.batch else ["Receipt"]
    found = {
        "200": answers.answer(booked, "MessageStatus"),
        "202": answers.answer(stored, *receipts, headers=["Location"]),
    }
    if route.batch:
        text = "Some messages of the batch were refused; each result says what became of its own."
        found["207"] = answers.answer(text, "BatchResults")
    if end := answers.end_headers(route.deprecated, route.sunset):
        for response in found.values():
            response["headers"] = {**end, **response.get("headers", {})}
    return {**found, **answers.problems()}


def _status() -> Json:
    return {
        "operationId": "status",
        "summary": "What became of a message",
        "description": f"Signed like a message with an empty body whose `{HEADER_ID}` is the UUID "
        "in the address.",
        "tags": ["messages"],
        "parameters": [
            {
                "name": "uuid",
                "in": "path",
                "required": True,
                "description": "The id that we gave the message.",
                "schema": {"type": "string", "format": "uuid"},
            }
        ],
        "responses": {
            "200": answers.answer("What is known of it.", "MessageStatus"),
            # Somebody else's message and an unknown one are answered alike: 401.
            **answers.problems(401, 403, 429, 503),
        },
    }
