"""The process's source of time-ordered identifiers (UUIDv7)."""

import secrets
import time

from ..tools.uuid7 import Uuid7Generator

_generator = Uuid7Generator(time.time_ns, secrets.token_bytes)


def new_uuid():
    """A fresh UUIDv7 as text (RFC 9562), increasing within this process."""
    return str(_generator())
