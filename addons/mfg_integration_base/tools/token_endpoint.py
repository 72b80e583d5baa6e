"""The token endpoint of OAuth 2.0, client credentials grant: what comes in, and the answers.

RFC 6749 sections 2.3.1 (how a client authenticates), 4.4 (the grant) and 5 (the answers). Of the
methods, ``client_secret_basic`` and ``client_secret_post`` are understood, one at a time.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote_plus

GRANT_TYPE = "client_credentials"
MAX_BYTES = 8192
"""A larger body, or Authorization header, is refused before it is read."""

_MAX_PARAMETERS = 20
_FORM = "application/x-www-form-urlencoded"
# RFC 6749 appendix A: VSCHAR, and scope tokens with one space between.
_VISIBLE = re.compile(r"[\x20-\x7e]*", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*", re.ASCII)
_HEADERS = MappingProxyType(
    {"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"}
)

ERRORS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request": 400,
        "invalid_client": 401,
        "invalid_grant": 400,
        "unauthorized_client": 400,
        "unsupported_grant_type": 400,
        "invalid_scope": 400,
    }
)
"""Error code of RFC 6749 section 5.2 -> HTTP status."""


class TokenRequestError(Exception):
    """The request cannot be granted; the message shows no secret. ``code``: a key of ERRORS."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a client asks for; whether its secret is right, the caller has to see.

    :param scope: scopes with a space between, or None for all that the client may have
    """

    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``body``: JSON in UTF-8; may hold a token."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def token_request(content_type: str | None, body: bytes, authorization: str | None) -> TokenRequest:
    """Read a request to the token endpoint.

    :param content_type: of the body, with or without parameters
    :param authorization: the header, or None
    :raises TokenRequestError: for everything that is wrong, and nothing else is raised
    """
    parameters = _parameters(content_type, body)
    by_header = _basic(authorization)
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if by_header:
        if secret is not None:
            raise TokenRequestError(
                "invalid_request",
                "Send the client secret in the Authorization header or in the body, not in both.",
            )
        if client_id is not None and client_id != by_header[0]:
            raise TokenRequestError(
                "invalid_request", "client_id is another one than that of the Authorization header."
            )
        client_id, secret = by_header
    if not client_id or not secret:
        raise TokenRequestError("invalid_client", "The client id or the client secret is missing.")
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise TokenRequestError("invalid_request", "grant_type is missing.")
    if grant_type != GRANT_TYPE:
        raise TokenRequestError("unsupported_grant_type", f"Only {GRANT_TYPE} is supported.")
    scope = parameters.get("scope")
    if scope is not None and not _SCOPE.fullmatch(scope):
        raise TokenRequestError("invalid_scope", "scope is not a list with single spaces between.")
    return TokenRequest(client_id, secret, scope)


def token_answer(access_token: str, lifetime: int, scope: str) -> Answer:
    """Return the answer that grants (section 5.1).

    :param lifetime: seconds
    :param scope: what was granted, which may be less than was asked for
    """
    return _answer(
        200,
        {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": lifetime,
            "scope": scope,
        },
    )


def token_error(code: str, description: str = "") -> Answer:
    """Return the answer that refuses (section 5.2).

    :param code: a key of ERRORS
    :param description: for the client's developers; characters that may not be in it are replaced
    :raises KeyError: no such code
    """
    document = {"error": code}
    if description:
        document["error_description"] = re.sub(r"[^\x20!#-\[\]-~]", "?", description)
    answer = _answer(ERRORS[code], document)
    if answer.status == 401:
        # Needed where the client used the header, and allowed where it did not.
        headers = {**answer.headers, "WWW-Authenticate": 'Basic realm="token", charset="UTF-8"'}
        return Answer(401, headers, answer.body)
    return answer


def _answer(status: int, document: Mapping[str, object]) -> Answer:
    return Answer(status, _HEADERS, json.dumps(document).encode())


def _parameters(content_type: str | None, body: bytes) -> dict[str, str]:
    """Return the form's parameters; those without a value count as not sent (section 3.2)."""
    if (content_type or "").partition(";")[0].strip().lower() != _FORM:
        raise TokenRequestError("invalid_request", f"The content type is not {_FORM}.")
    if len(body) > MAX_BYTES:
        raise TokenRequestError("invalid_request", f"The body has more than {MAX_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise TokenRequestError("invalid_request", "The body is not a valid form.") from None
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        # Which of two values counts, another reader may see differently.
        raise TokenRequestError("invalid_request", "A parameter is given twice.")
    if not all(_VISIBLE.fullmatch(value) for _, value in pairs):
        raise TokenRequestError("invalid_request", "A parameter is not visible ASCII.")
    return {name: value for name, value in pairs if value}


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """Return client id and secret of an Authorization header, None without one.

    Both were form-encoded before they were put together (section 2.3.1). Those that we hand out
    have only characters that this leaves alone, so clients that forget it work as well.
    """
    if not authorization:
        return None
    wrong = TokenRequestError(
        "invalid_client", "The Authorization header is not Basic with client id and secret."
    )
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(authorization) > MAX_BYTES:
        raise wrong
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode()
        client_id, _, secret = text.partition(":")
        client_id = unquote_plus(client_id)
        secret = unquote_plus(secret)
    except (binascii.Error, ValueError):
        raise wrong from None
    if not _VISIBLE.fullmatch(client_id + secret):
        raise wrong
    return client_id, secret
