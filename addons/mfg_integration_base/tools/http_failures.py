"""What a request failed of, in the words of ``classify.FAILURES``."""

import os
import socket

import pycurl

from . import redact
from .client_certificate import ClientCertificateError
from .url_guard import BlockedAddress, UrlError


class BadHeadError(ValueError):
    """The method or a header cannot be sent; never shows a header's value."""


class LookupTimeoutError(Exception):
    """Nobody answered in time where a host name leads to."""


_DNS = (pycurl.E_COULDNT_RESOLVE_HOST,)
_TLS = (
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_ENGINE_NOTFOUND,
    pycurl.E_SSL_ENGINE_SETFAILED,
    pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_CACERT,
    pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_CRL_BADFILE,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH,
    pycurl.E_SSL_INVALIDCERTSTATUS,
)
_PROTOCOL = (
    pycurl.E_UNSUPPORTED_PROTOCOL,  # HTTP/0.9: whatever came did not begin like an answer
    pycurl.E_FTP_WEIRD_SERVER_REPLY,
    pycurl.E_BAD_CONTENT_ENCODING,
)
_CONNECT = (pycurl.E_COULDNT_CONNECT, pycurl.E_INTERFACE_FAILED)
_TOO_LARGE = 100  # CURLE_TOO_LARGE, for which pycurl has no name


def failure_of_error(error: Exception) -> tuple[str, str] | None:
    """Return the kind of a failure (see ``classify.FAILURES``) and its particulars.

    None: not a failure that the configuration or the network can cause.
    """
    if isinstance(error, BlockedAddress):
        return "blocked_address", str(error)
    if isinstance(error, (UrlError, BadHeadError, ClientCertificateError)):
        return "prepare", str(error)
    if isinstance(error, LookupTimeoutError):
        return "timeout", "while connecting"
    if isinstance(error, socket.gaierror):
        return "dns", redact.excerpt(error.strerror or str(error), 200)
    if isinstance(error, OSError):
        return "connect", redact.excerpt(error.strerror or str(error), 200)
    return None


def failure_of_code(
    code: int, message: str, *, connected: bool, os_errno: int = 0
) -> tuple[str, str]:
    """The same for one of libcurl's error codes.

    :param message: what libcurl says of it
    :param connected: the request could be sent
    :param os_errno: the operating system's error, if a connection was refused
    """
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return "timeout", "while waiting for the answer" if connected else "while connecting"
    if code in _TLS or "alert" in message.lower():
        # In TLS 1.3 the partner looks at our certificate when our side of the handshake is over: a
        # refusal comes in place of the answer.
        return "tls", redact.excerpt(message, 200)
    if code in _DNS:
        return "dns", redact.excerpt(message, 200)
    if code in _CONNECT:
        return "connect", os.strerror(os_errno) if os_errno else redact.excerpt(message, 200)
    if code in _PROTOCOL:
        return "protocol", redact.excerpt(message, 200)
    if code == _TOO_LARGE:
        return "too_large", ""
    return "reset", ""
