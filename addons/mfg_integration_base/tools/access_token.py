"""Our own OAuth 2.0 access tokens: JWTs as RFC 9068 profiles them, signed with HS256.

They are made and read by the same system, so whatever an own token never has (another algorithm, a
second audience, an unknown header) is refused rather than understood.
"""

import re
from dataclasses import dataclass

import jwt

from .mac_keys import MacKeys

LIFETIME = 600
"""Seconds; short, because a token that was given cannot be taken back."""

MAX_LIFETIME = 3600
LEEWAY = 30
"""Seconds by which the clocks of two of our servers may differ."""

MAX_CHARS = 4096
TYPE = "at+jwt"

_ALGORITHM = "HS256"
_HEADERS = {"alg", "kid", "typ"}
_CLAIMS = ("iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope")
# Base64url and nothing else: decoders differ in what they skip.
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_UNREADABLE = (jwt.PyJWTError, ValueError, RecursionError)


class AccessTokenError(Exception):
    """The token does not hold; the message never shows a part of it.

    ``code``: ``malformed``, ``bad_type``, ``bad_algorithm``, ``unknown_key``, ``bad_signature``,
    ``bad_claims``, ``wrong_issuer``, ``wrong_audience``, ``expired``, ``not_yet_valid``. To a
    client all of them are ``invalid_token`` (RFC 6750 section 3.1).
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid token says.

    :param client_id: whom it was given to; ``subject`` is the same, where nobody else was named
    :param scope: scopes with spaces between, may be empty
    :param issued_at: seconds since 1970-01-01 UTC; ``expires_at`` alike
    :param token_id: ``jti``, unique
    :param key_id: the key that it is signed with
    """

    client_id: str
    subject: str
    scope: str
    issued_at: int
    expires_at: int
    token_id: str
    key_id: str


def issue(
    keys: MacKeys,
    *,
    issuer: str,
    audience: str,
    client_id: str,
    scope: str,
    token_id: str,
    now: int,
    lifetime: int = LIFETIME,
    subject: str | None = None,
) -> str:
    """Return a token under the current key.

    :param issuer: our own address, such as ``https://erp.example``
    :param audience: what the token is good for, such as the address of the interface
    :param token_id: unique, such as a UUID
    :param now: seconds since 1970-01-01 UTC
    :param lifetime: seconds, 1 to MAX_LIFETIME
    :param subject: whose rights are used; without one, the client's own (RFC 9068 section 2.2)
    :raises ValueError: a lifetime out of range, an empty text where there must be one, or too
        many scopes for one token
    """
    if not 1 <= lifetime <= MAX_LIFETIME:
        raise ValueError(f"lifetime: {lifetime} is not between 1 and {MAX_LIFETIME} seconds.")
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": client_id if subject is None else subject,
        "client_id": client_id,
        "iat": now,
        "exp": now + lifetime,
        "jti": token_id,
        "scope": scope,
    }
    for name, value in claims.items():
        if value == "" and name != "scope":
            raise ValueError(f"{name}: is empty.")
    text = jwt.encode(
        claims,
        keys.key(keys.current),
        algorithm=_ALGORITHM,
        headers={"typ": TYPE, "kid": keys.current},
    )
    if len(text) > MAX_CHARS:  # read() would refuse it, and so do servers: it goes into a header
        raise ValueError(f"scope: makes a token of more than {MAX_CHARS} characters.")
    return text


def read(
    keys: MacKeys, text: str, *, now: int, issuer: str, audience: str, leeway: int = LEEWAY
) -> AccessToken:
    """Check a token and return what it says.

    :param now: seconds since 1970-01-01 UTC
    :param leeway: seconds that the token holds before it was issued and after it expired
    :raises AccessTokenError: for everything that is wrong, and nothing else is raised
    """
    key_id = _key_id(keys, text)
    try:
        claims = jwt.decode(
            text,
            keys.key(key_id),
            algorithms=[_ALGORITHM],
            issuer=issuer,
            audience=audience,
            # Times are checked below: PyJWT asks the clock of the machine.
            options={
                "require": list(_CLAIMS),
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidSignatureError:
        raise AccessTokenError(
            "bad_signature", f"The token was altered, or not signed with our key {key_id}."
        ) from None
    except jwt.InvalidIssuerError:
        raise AccessTokenError("wrong_issuer", "The token was issued by another system.") from None
    except jwt.InvalidAudienceError:
        raise AccessTokenError("wrong_audience", "The token is for another interface.") from None
    except _UNREADABLE:
        raise AccessTokenError(
            "bad_claims", "The token lacks a claim, or has a wrong one."
        ) from None
    token = _token_of(claims, key_id)
    if now >= token.expires_at + leeway:
        raise AccessTokenError("expired", f"The token expired {now - token.expires_at} s ago.")
    if now < token.issued_at - leeway:
        raise AccessTokenError(
            "not_yet_valid",
            f"The token is issued {token.issued_at - now} s ahead: a clock is wrong.",
        )
    return token


def _key_id(keys: MacKeys, text: str) -> str:
    """Check the header, which nobody has signed yet, and return the key that it names."""
    if len(text) > MAX_CHARS or not _TOKEN.fullmatch(text):
        raise AccessTokenError("malformed", "The token is not a signed JWT.")
    try:
        header = jwt.get_unverified_header(text)
    except _UNREADABLE:
        raise AccessTokenError("malformed", "The token is not a signed JWT.") from None
    if header.get("alg") != _ALGORITHM:
        raise AccessTokenError("bad_algorithm", f"The token is not signed with {_ALGORITHM}.")
    # Any other kind of JWT under the same key must not pass as an access token (RFC 8725 3.11).
    if header.get("typ") != TYPE:
        raise AccessTokenError("bad_type", f"The token's type is not {TYPE}.")
    if header.keys() != _HEADERS:
        raise AccessTokenError("malformed", "The token's header has parts that ours never has.")
    key_id = header["kid"]
    if key_id not in keys:
        raise AccessTokenError("unknown_key", "The token's key is not, or no longer, one of ours.")
    return key_id


def _token_of(claims: dict[str, object], key_id: str) -> AccessToken:
    texts = [claims[name] for name in ("client_id", "sub", "scope", "jti")]
    times = [claims[name] for name in ("iat", "exp")]
    # type(): True is a number to isinstance.
    if not all(type(text) is str for text in texts) or not all(type(t) is int for t in times):
        raise AccessTokenError("bad_claims", "A claim of the token has a wrong type.")
    client_id, subject, scope, token_id = texts
    return AccessToken(client_id, subject, scope, *times, token_id, key_id)
