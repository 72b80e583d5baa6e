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

_PLAIN_STATUSES = (405,)
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
        "BatchResults": {
            "type": "object",
            "required": ["results"],
            "properties": {
                "results": {
                    "type": "array",
                    "description": "One for each message of the batch, in its order.",
                    "items": {
                        "type": "object",
                        "required": ["place", "status"],
                        "properties": {
                            "place": {"type": "string", "description": "Where it stands."},
                            "external_id": {"type": "string"},
                            "status": {
                                "type": "integer",
                                "description": "HTTP status that the message alone would get.",
                            },
                            "state": {"enum": [*map(str, State), ARCHIVED]},
                            "id": _UUID,
                            "status_url": {"type": "string", "format": "uri-reference"},
                            "problem": {"$ref": "#/components/schemas/Problem"},
                        },
                    },
                }
            },
        },
        "CloudEvent": {
            "type": "object",
            "description": "CloudEvents 1.0.2; the message is its data.",
            "required": ["specversion", "id", "source", "type", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "minLength": 1, "maxLength": 255},
                "source": {"type": "string", "minLength": 1},
                "type": {"type": "string", "minLength": 1},
            },
        },
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
                "message_id": {**_UUID, "description": "Of the message, if it is stored."},
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


def answer(text: str, *schemas: str, headers: Iterable[str] = ()) -> Json:
    """Return a response with a body of ours.

    :param schemas: names of schemas of ``result_schemas``: the body is of one of them
    """
    bodies: list[Json] = [{"$ref": f"#/components/schemas/{schema}"} for schema in schemas]
    body = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
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
