"""What a request failed of, in the words of ``classify.FAILURES``."""

import asyncio
import ssl

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from . import redact
from .client_certificate import ClientCertificateError
from .url_guard import BlockedAddress, UrlError


class BadHeadError(ValueError):
    """The method or a header cannot be sent; never shows a header's value."""


def failure_of(error: Exception) -> tuple[str, str] | None:
    """Return the kind of a failure (see ``classify.FAILURES``) and its particulars.

    None: not a failure that a partner or the network can cause.
    """
    if isinstance(error, BlockedAddress):
        return "blocked_address", str(error)
    if isinstance(error, (UrlError, BadHeadError, ClientCertificateError)):
        return "prepare", str(error)
    if isinstance(error, aiohttp.InvalidURL):
        return "prepare", "the address is not valid"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "timeout", "while connecting"
    if isinstance(error, asyncio.TimeoutError):
        return "timeout", "while waiting for the answer"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", _reason(error)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError)):
        return "tls", _reason(error)
    if alert := _tls_alert(error):
        return "tls", _reason(alert)
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect", _reason(error)
    if isinstance(error, aiohttp.ClientResponseError):
        if isinstance(error.__cause__, LineTooLong):
            return "too_large", ""
        return "protocol", redact.excerpt(error.message, 200)
    if isinstance(error, (aiohttp.ClientError, ConnectionError)):
        return "reset", ""
    if isinstance(error, OSError):
        return "connect", _reason(error)
    return None


def _tls_alert(error: Exception) -> ssl.SSLError | None:
    """Return what the partner's TLS told us when it ended the connection.

    In TLS 1.3 the partner looks at our certificate when our side of the handshake is over: a
    refusal comes in place of the answer.
    """
    cause = error.__cause__
    is_alert = isinstance(cause, ssl.SSLError) and "_ALERT_" in (cause.reason or "")
    return cause if is_alert else None


def _reason(error: Exception) -> str:
    """Return what the operating system or OpenSSL says, without the address in front of it."""
    for inner in (getattr(error, "certificate_error", None), getattr(error, "os_error", None)):
        error = inner or error
    text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)
    return redact.excerpt(text, 200)
