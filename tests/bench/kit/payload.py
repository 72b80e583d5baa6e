"""What is sent: about one kilobyte, with a token by which the receiver knows it again."""

import json
import re
from typing import Any

TOKEN = re.compile(rb'"bench": ?"([0-9a-z-]+)"')
BODY_BYTES = 1024
"""Size of a request's body, the same for everybody who sends one."""
ENVELOPE_BYTES = 728
"""What the suite's envelope and its own members of the data take of it, about."""


def token(number: int) -> str:
    return f"{number:08d}"


def event_data(token: str) -> dict[str, Any]:
    """Data of an event that makes a request body of about ``BODY_BYTES`` once in its envelope."""
    return {"bench": token, "text": "x" * (BODY_BYTES - ENVELOPE_BYTES)}


def ready_text(token: str) -> str:
    """Data as ready JSON text, of about the same size as what ``event_data`` becomes."""
    return json.dumps({**event_data(token), "more": "x" * 130}, separators=(",", ":"))


def body(token: str) -> str:
    """A request body of exactly ``BODY_BYTES``, as the peer and the bare client send it."""
    head = f'{{"bench":"{token}","text":"'
    return f'{head}{"x" * (BODY_BYTES - len(head) - 2)}"}}'
