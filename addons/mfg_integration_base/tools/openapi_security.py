"""How partners prove who they are, in OpenAPI 3.1 (section 4.8.27); no secrets."""

from collections.abc import Collection
from typing import Any

from . import signature

Json = dict[str, Any]

KINDS = ("hmac", "bearer", "oauth2", "mtls")
"""Every kind of proof; a request needs one of those that are offered."""

_SIGNED = {
    "webhookId": (
        signature.HEADER_ID,
        "Standard Webhooks: the message's id, up to 255 characters without a full stop. A "
        "repetition of the message carries the same one.",
    ),
    "webhookSignature": (
        signature.HEADER_SIGNATURE,
        "Standard Webhooks: `v1,` and the HMAC-SHA256 in base64 of id, full stop, timestamp, full "
        "stop and the raw body; several of them are separated by spaces.",
    ),
    "webhookTimestamp": (
        signature.HEADER_TIMESTAMP,
        "Standard Webhooks: seconds since 1970-01-01 UTC of this attempt; it may differ from our "
        f"clock by {signature.TOLERANCE} seconds.",
    ),
}


def check_kinds(kinds: Collection[str]) -> None:
    """Refuse what no document can be made for.

    :raises ValueError: no kind at all, or one that is not among KINDS
    """
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(f"Unknown kinds of security: {', '.join(sorted(unknown))}.")
    if not kinds:
        raise ValueError("The interface is never open to everybody: name a kind of security.")


def schemes(kinds: Collection[str], token_path: str) -> dict[str, Json]:
    """Return the security schemes of these kinds, by their names in components."""
    found: dict[str, Json] = {}
    if "bearer" in kinds:
        found["bearer"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "A token that was handed over when the connector was set up.",
        }
    if "oauth2" in kinds:
        flow = {"tokenUrl": token_path, "scopes": {}}
        found["clientBasic"] = {
            "type": "http",
            "scheme": "basic",
            "description": "Client id and client secret, for the token endpoint only.",
        }
        found["oauth2"] = {
            "type": "oauth2",
            "description": "A short-lived token for client id and secret (RFC 6749 section 4.4).",
            "flows": {"clientCredentials": flow},
        }
    if "mtls" in kinds:
        found["mutualTLS"] = {
            "type": "mutualTLS",
            "description": "The client certificate that is registered for the connector.",
        }
    if "hmac" in kinds:
        for name, (header, text) in _SIGNED.items():
            found[name] = {"type": "apiKey", "in": "header", "name": header, "description": text}
    return found


def requirements(kinds: Collection[str]) -> list[Json]:
    """Return the alternatives of which a request has to satisfy one."""
    alternatives = {
        "hmac": list(_SIGNED),  # all three of them
        "bearer": ["bearer"],
        "oauth2": ["oauth2"],
        "mtls": ["mutualTLS"],
    }
    return [{name: [] for name in alternatives[kind]} for kind in KINDS if kind in kinds]


def token_operation() -> Json:
    """Return the token endpoint (RFC 6749 sections 4.4.2, 5.1 and 5.2)."""
    text: Json = {"type": "string"}
    error: Json = {
        "description": "No token is given.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "enum": [
                                "invalid_client", "invalid_grant", "invalid_request",
                                "invalid_scope", "unauthorized_client", "unsupported_grant_type",
                            ]
                        },
                        "error_description": text,
                    },
                }
            }
        },
    }  # fmt: skip
    request: Json = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "client_id": text,
            "client_secret": {**text, "format": "password", "writeOnly": True},
            "scope": text,
        },
    }
    token: Json = {
        "type": "object",
        "required": ["access_token", "token_type"],
        "properties": {
            "access_token": text,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "minimum": 1, "description": "In seconds."},
            "scope": text,
        },
    }
    challenge = {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}
    return {
        "operationId": "token",
        "summary": "Get an access token",
        "description": "The client's name and secret come as HTTP Basic or in the form.",
        "tags": ["authentication"],
        "security": [{"clientBasic": []}, {}],
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": request}},
        },
        "responses": {
            "200": {
                "description": "The token.",
                "content": {"application/json": {"schema": token}},
            },
            "400": error,
            "401": {**error, "headers": challenge},
        },
    }
