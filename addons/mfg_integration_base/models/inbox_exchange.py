"""What the inbound gateway takes and gives."""

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..const import UNAVAILABLE_RETRY_AFTER
from ..tools.problem import PROBLEMS, Problem


class Refused(Exception):
    """The request gets a problem document instead of an answer, and nothing is stored.

    :param slug: a key of ``tools.problem.PROBLEMS``
    :param detail: one sentence or two for the partner's developer
    :param errors: what is wrong where, as ``FieldError``
    :param headers: further headers of the answer
    :param why: for our log only
    :param message_id: UUID of the message, where it was stored all the same
    """

    loglevel = logging.INFO  # read by Odoo, which logs what a request raised

    def __init__(self, slug, detail, *, errors=(), headers=None, why="", message_id=""):
        status, title = PROBLEMS[slug]
        super().__init__(f"Inbound request refused: {status} {slug} {why}".rstrip())
        self.problem = Problem(slug, status, title, detail, errors, message_id)
        self.headers = headers or {}
        if status == 503:
            self.headers = {"Retry-After": str(UNAVAILABLE_RETRY_AFTER), **self.headers}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in.

    :param headers: pairs, as sent
    :param body: raw bytes; a Content-Encoding is already undone
    :param address: of the client, as the proxy says where one is trusted
    :param peer: where the connection comes from: the proxy, if there is one
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes
    address: str = ""
    peer: str = ""

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), "")


class Item(NamedTuple):
    """One message, read and checked, ready to be stored.

    :param external_id: the partner's id of it
    :param ordering_key: what it is booked in order of; None for no order
    """

    external_id: str
    ordering_key: str | None
    body: bytes
    content_type: str


class Answer(NamedTuple):
    """What the partner gets: an HTTP status, a JSON document, further headers.

    ``is_new``: the message was not known before and is stored now.
    """

    status: int
    document: dict[str, Any]
    headers: dict[str, str]
    is_new: bool = False
