"""What an HTTP answer says, as far as it is kept."""

import contextlib
import zlib
from collections.abc import Callable
from datetime import datetime

from . import redact
from .classify import from_status, parse_retry_after
from .http_client import HttpCall
from .http_transfer import Transfer
from .outcome import Answer

# "deflate" is zlib's format, but some servers send it bare (RFC 9110 section 8.4.1.2).
_WINDOWS = {
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}


def read_answer(
    call: HttpCall,
    transfer: Transfer,
    complete: bool,
    duration_ms: float,
    clock: Callable[[], datetime],
) -> Answer:
    """Read what a transfer brought.

    :param complete: the whole body came
    :param clock: current time with a zone
    """
    limit = call.target.max_response_bytes
    excerpt = ""
    if body := b"".join(transfer.chunks):
        # A receiver that echoes our request shows our own secrets.
        secrets = [value for name, value in call.headers if redact.is_sensitive(name)]
        secrets += call.target.secrets
        plain, whole = decoded(body, transfer.header("content-encoding"), limit)
        excerpt = redact.excerpt(plain, limit, secrets)
        if not (complete and whole):
            excerpt += " … [incomplete]"
    wait = transfer.header("retry-after")
    status = transfer.status()
    outcome = from_status(
        status,
        retry_after=None if wait is None else parse_retry_after(wait, clock()),
        body=excerpt,
    )
    return Answer(outcome, status, excerpt, duration_ms)


def decoded(body: bytes, encoding: str | None, limit: int) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes of a body without its encoding, and whether that is all.

    Bounded while it decompresses: a few kilobytes may stand for gigabytes.
    """
    encoding = (encoding or "identity").strip().lower()
    if encoding == "identity":
        return body[:limit], len(body) <= limit
    for window in _WINDOWS.get(encoding, ()):
        inflater = zlib.decompressobj(window)
        with contextlib.suppress(zlib.error):
            return inflater.decompress(body, limit), inflater.eof
    return f"[{len(body)} bytes, encoded as {encoding[:40]}]".encode(), True
