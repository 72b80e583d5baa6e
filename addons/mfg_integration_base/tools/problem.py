"""Problem documents: errors of our web interface in machine-readable form (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:mfg:problem:"

PROBLEMS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "malformed-body": (400, "The body cannot be read"),
        "missing-id": (400, "The message has no id"),
        "unauthorized": (401, "Not authorized"),
        "forbidden": (403, "Not within the scopes of the credential"),
        "unknown-message-type": (404, "Unknown message type"),
        "too-large": (413, "The body is too large"),
        "unsupported-media-type": (415, "Unsupported media type"),
        "unsupported-encoding": (415, "Unsupported content encoding"),
        "schema": (422, "The content does not match the agreed format"),
        "conflict-id-reuse": (422, "This message id is taken"),
        "rejected": (422, "The message was stored and could not be booked"),
        "backlog-full": (429, "Too many messages are waiting"),
        "rate-limited": (429, "Too many messages at once"),
        "slow-down": (429, "Too many requests without a valid proof"),
        "not-activated": (503, "Not activated on this database"),
        "not-configured": (503, "Signatures cannot be checked"),
    }
)
"""Type of problem -> HTTP status and title. The types are stable: partners may act on them."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong at one place of a document.

    :param pointer: JSON pointer (RFC 6901) to the place, empty for the whole document
    :param message: what is wrong there, for a person
    """

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document.

    :param slug: last part of the type, a key of PROBLEMS; empty where the HTTP status says it all
    :param status: HTTP status
    :param title: what kind of problem, the same in every document of the type
    :param detail: what happened this time and what to do, for a person
    :param errors: what is wrong where
    :param message_id: id of the message, if it is stored
    """

    slug: str
    status: int
    title: str
    detail: str = ""
    errors: Sequence[FieldError] = ()
    message_id: str = ""

    @classmethod
    def of_status(cls, status: int) -> "Problem":
        """Return the problem that a bare HTTP status is (RFC 9457 section 4.2.1, about:blank)."""
        try:
            title = HTTPStatus(status).phrase
        except ValueError:
            title = f"HTTP status {status}"
        return cls("", status, title)

    def document(self) -> dict[str, object]:
        """Return the members of the document (section 3), those of ours included."""
        document: dict[str, object] = {
            "type": TYPE_PREFIX + self.slug if self.slug else "about:blank",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = self.detail
        errors = [{"pointer": error.pointer, "detail": error.message} for error in self.errors]
        if errors:
            document["errors"] = errors
        if self.message_id:
            document["message_id"] = self.message_id
        return document

    def encode(self) -> bytes:
        """Return the document in JSON (content type CONTENT_TYPE)."""
        # "replace": a detail may quote what a stranger sent, and no half character may stop it.
        return json.dumps(self.document(), ensure_ascii=False).encode("utf-8", "replace")
