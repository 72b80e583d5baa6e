"""What an HTTP status or a network failure means for a message.

The rule of the suite: 2xx delivered; 408, 425, 429, 5xx and network failures are tried again; 410
pauses the subscription; every other answer is final, redirects included, as they are not followed.
"""

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType

from .outcome import Delivered, Outcome, Reject, Retry

_TRANSIENT = MappingProxyType({408: "timeout", 425: "server_error", 429: "rate_limited"})

FAILURES = MappingProxyType(
    {
        "dns": (Retry, "unreachable", "The host name cannot be resolved"),
        "connect": (Retry, "unreachable", "The connection was refused or got no answer"),
        "reset": (Retry, "unreachable", "The connection broke before the answer came"),
        "tls": (Retry, "tls", "The encrypted connection could not be made"),
        "timeout": (Retry, "timeout", "No answer within the time limit"),
        "protocol": (Retry, "bad_response", "The answer is not HTTP"),
        "too_large": (Retry, "bad_response", "The answer's headers exceed every limit"),
        "interrupted": (Retry, "interrupted", "Stopped before the answer came"),
        "blocked_address": (Reject, "blocked_address", "The address is not allowed"),
        "redirect": (Reject, "redirected", "Redirects are not followed"),
        "prepare": (Reject, "prepare_failed", "The request could not be made"),
    }
)
"""Kind of failure -> (outcome, reason, sentence). A message that failed so was not answered."""


def from_status(status: int, *, retry_after: float | None = None, body: str = "") -> Outcome:
    """Return the outcome of an answer.

    :param retry_after: seconds, from ``parse_retry_after``
    :param body: excerpt of the answer, already free of secrets
    """
    if 200 <= status < 300:
        return Delivered(status, response=body)
    detail = f"Answered {status}{_phrase(status)}"
    if status in _TRANSIENT or 500 <= status < 600:
        reason = _TRANSIENT.get(status, "server_error")
        return Retry(reason, detail, after=retry_after, status=status, response=body)
    if 300 <= status < 400:
        return Reject("redirected", detail, status=status, response=body)
    if status == 410:
        return Reject("gone", detail, status=status, response=body, pause=True)
    if 400 <= status < 500:
        reason = "auth" if status in (401, 407) else "rejected_by_partner"
        return Reject(reason, detail, status=status, response=body)
    # 1xx as the final answer, or a number that HTTP does not know: no HTTP server says that.
    return Retry("bad_response", detail, status=status, response=body)


def from_failure(kind: str, detail: str = "") -> Outcome:
    """Return the outcome of a call that got no answer.

    :param kind: a key of FAILURES
    :param detail: particulars for a person, without secrets
    :raises KeyError: unknown kind
    """
    outcome, reason, sentence = FAILURES[kind]
    return outcome(reason, f"{sentence}: {detail}" if detail else f"{sentence}.")


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait of a Retry-After header (RFC 9110 section 10.2.3), or None.

    Both forms are read: seconds, and an HTTP date in any of its three spellings. A date in the
    past gives 0. What is neither is ignored, as the header is only a wish.

    :param now: current time, with a zone

    >>> parse_retry_after("120", datetime(2026, 1, 1, tzinfo=timezone.utc))
    120.0
    """
    value = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,10}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if until.tzinfo is None:  # the asctime form has no zone and means UTC
        until = until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - now).total_seconds())


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
