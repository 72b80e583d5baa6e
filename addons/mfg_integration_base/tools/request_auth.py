"""How we prove to a partner who we are, in the headers of a request."""

import base64
import re
from dataclasses import dataclass, field

from .oauth_client import Grant

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VISIBLE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_TAKEN = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
        "host", "traceparent", "transfer-encoding", "user-agent", "webhook-id",
        "webhook-signature", "webhook-timestamp",
    }
)  # fmt: skip
"""Headers with a meaning of their own in what we send."""


class RequestAuthError(ValueError):
    """What was entered cannot be sent; the message never shows a secret."""


@dataclass(frozen=True, slots=True)
class RequestAuth:
    """What is added to each request.

    :param headers: (name, value) pairs, values secret
    :param secrets: what must not be shown when the partner repeats it
    :param grant: how to get an access token for the request
    """

    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    grant: Grant | None = None

    def __repr__(self) -> str:
        return f"<RequestAuth {', '.join(name for name, _value in self.headers) or 'grant'}>"


def bearer(token: str) -> RequestAuth:
    """A token that the partner gave us (RFC 6750 section 2.1).

    :raises RequestAuthError: it cannot stand in a header
    """
    if not re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token, re.ASCII):
        raise RequestAuthError("A bearer token has letters, digits and -._~+/ only, then maybe =.")
    return RequestAuth((("authorization", f"Bearer {token}"),), (token,))


def basic(login: str, password: str) -> RequestAuth:
    """User name and password (RFC 7617), in UTF-8.

    :raises RequestAuthError: a colon in the name, or a control character
    """
    if not login or ":" in login:
        raise RequestAuthError("The user name is empty or holds a colon.")
    if any(ord(char) < 32 or ord(char) == 127 for char in login + password):
        raise RequestAuthError("User name or password holds a control character.")
    encoded = base64.b64encode(f"{login}:{password}".encode()).decode()
    return RequestAuth((("authorization", f"Basic {encoded}"),), (encoded, password))


def api_key(header: str, key: str) -> RequestAuth:
    """A key in a header that the partner names.

    :raises RequestAuthError: the header's name or the key cannot be used
    """
    name = header.strip().lower()
    if not _TOKEN.fullmatch(name):
        raise RequestAuthError(f"“{header}” is not the name of a header, such as X-API-Key.")
    if name in _TAKEN:
        raise RequestAuthError(f"The header {name} is ours to set: no key can stand in it.")
    if not _VISIBLE.fullmatch(key):
        raise RequestAuthError("The key has other characters than visible ASCII.")
    return RequestAuth(((name, key),), (key,))


def client_credentials(grant: Grant) -> RequestAuth:
    """An access token from the partner's token endpoint.

    :raises RequestAuthError: no client id
    """
    if not grant.client_id:
        raise RequestAuthError("The client id is empty.")
    return RequestAuth(secrets=(grant.client_secret,), grant=grant)
