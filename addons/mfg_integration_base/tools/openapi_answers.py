"""The answers of the inbound interface in OpenAPI 3.1: results, problems (RFC 9457), headers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from . import problem
from .http_dates import deprecation_headers
from .lifecycle import State

Json = dict[str, Any]

ARCHIVED = "archived"
"""Status of a message that is known by its identity alone."""

_PLAIN_STATUSES = (403, 409)
_RETRY_LATER = (429, 503)
_UUID: Json = {"type": "string", "format": "uuid"}
_MOMENT: Json = {"type": "string", "format": "date-time"}

HEADERS: dict[str, Json] = {
    "Deprecation": {
        "description": "From when on nobody should begin to use this (RFC 9745).",
        "schema": {"type": "string", "pattern": "^@-?[0-9]+$"},
    },
    "Location": {
        "description": "Where to ask what became of the message.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "Seconds after which to send the same message again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Sunset": {
        "description": "From when on this may be gone (RFC 8594).",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 9110 section 11.6.1).",
        "schema": {"type": "string"},
    },
}


def result_schemas() -> dict[str, Json]:
    """Return the schemas of all bodies that are no message."""
    return {
        "FieldError": {
            "type": "object",
            "required": ["pointer", "detail"],
            "properties": {
                "pointer": {
                    "type": "string",
                    "format": "json-pointer",
                    "description": "The place in the message; empty for all of it.",
                },
                "detail": {"type": "string", "description": "What is wrong there."},
            },
        },
        "MessageStatus": {
            "type": "object",
            "required": ["id", "status"],
            "properties": {
                "id": _UUID,
                "status": {"enum": [*map(str, State), ARCHIVED]},
                "status_url": {"type": "string", "format": "uri-reference"},
                "message_type": {"type": "string"},
                "external_id": {"type": "string"},
                "received_at": _MOMENT,
                "finished_at": _MOMENT,
                "result": {"description": f"What came of it, when it is {State.DONE}."},
                "problems": {"description": "Why it is not booked."},
            },
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status"],
            "properties": {
                "type": {
                    "description": "Stable: programs may act on it.",
                    "enum": _types(problem.PROBLEMS),
                },
                "title": {"type": "string"},
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "detail": {"type": "string", "description": "What happened, for a person."},
                "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            },
        },
        "Receipt": {
            "type": "object",
            "required": ["id", "status", "status_url"],
            "properties": {
                "id": _UUID,
                "status": {"enum": [*map(str, State)]},
                "status_url": {"type": "string", "format": "uri-reference"},
            },
        },
    }


def problem_responses() -> dict[str, Json]:
    """Return one response for each status that a problem may have, by its name in components."""
    statuses = {status for status, _title in problem.PROBLEMS.values()} | set(_PLAIN_STATUSES)
    return {_name(status): _problem_response(status) for status in sorted(statuses)}


def problems(*statuses: int) -> dict[str, Json]:
    """Return references to the responses of these statuses, of all if none is given."""
    names = [_name(status) for status in statuses] or problem_responses()
    return {
        name.removeprefix("Problem"): {"$ref": f"#/components/responses/{name}"} for name in names
    }


def answer(text: str, schema: str, *, batch: bool = False, headers: Iterable[str] = ()) -> Json:
    """Return a response with a body of ours.

    :param schema: name of a schema of ``result_schemas``
    :param batch: the body may be an array of these
    """
    body: Json = {"$ref": f"#/components/schemas/{schema}"}
    if batch:
        body = {"anyOf": [body, {"type": "array", "items": body}]}
    response: Json = {"description": text}
    if found := {name: {"$ref": f"#/components/headers/{name}"} for name in headers}:
        response["headers"] = found
    return {**response, "content": {"application/json": {"schema": body}}}


def end_headers(deprecated: Any, sunset: Any) -> dict[str, Json]:
    """Return the headers of a resource that will end, with their values."""
    return {
        name: {**HEADERS[name], "example": value}
        for name, value in deprecation_headers(deprecated, sunset).items()
    }


def _problem_response(status: int) -> Json:
    slugs = [slug for slug, (its, _title) in problem.PROBLEMS.items() if its == status]
    names = {429: ("Retry-After",), 503: ("Retry-After",), 401: ("WWW-Authenticate",)}
    examples = {
        slug: {"value": {"type": problem.TYPE_PREFIX + slug, "title": title, "status": status}}
        for slug, (_status, title) in problem.PROBLEMS.items()
        if slug in slugs
    }
    content: Json = {
        "schema": {
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": {"type": {"enum": _types(slugs)}, "status": {"const": status}},
        }
    }
    if examples:
        content["examples"] = examples
    titles = [problem.PROBLEMS[slug][1] for slug in slugs] or [HTTPStatus(status).phrase]
    response: Json = {"description": ". ".join(titles) + "."}
    if status in names:
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in names[status]
        }
    return {**response, "content": {problem.CONTENT_TYPE: content}}


def _types(slugs: Iterable[str]) -> list[str]:
    return [*sorted(problem.TYPE_PREFIX + slug for slug in slugs), "about:blank"]


def _name(status: int) -> str:
    return f"Problem{status}"
