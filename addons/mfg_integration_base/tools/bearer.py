"""Bearer tokens of our own: ``mfg_<key id>_<random part><checksum>``, 67 characters.

The key id (12 base32 characters) finds the credential, the random part (32 bytes in base64url) is
the secret. The checksum (CRC-32 in base32) is no protection: it tells mistyped and cut tokens, and
what only looks like one to a scanner for leaked secrets, without a look into the database.
"""

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable

MAX_HEADER = 4096
"""An Authorization header with more characters than this is refused."""

_RANDOM_BYTES = 32
_TOKEN = re.compile(r"mfg_([a-z2-7]{12})_[A-Za-z0-9_-]{43}([a-z2-7]{7})", re.ASCII)
_CHECKSUM = 7
# RFC 6750 section 2.1: b64token.
_CREDENTIALS = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class BearerError(ValueError):
    """What was given is no token of ours; the message never holds a part of it.

    ``code``: ``not_a_token``, ``mistyped``, ``bad_header``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class BearerToken:
    """A well-formed token that does not show itself. ``key_id``: what to look it up by; public."""

    __slots__ = ("_text", "key_id")

    def __init__(self, text: str):
        """:raises BearerError: as ``parse``"""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise BearerError("not_a_token", "The token is not written as mfg_<id>_<secret>.")
        if match[2] != _checksum(text[:-_CHECKSUM]):
            raise BearerError("mistyped", "The token is mistyped or cut off: copy it again.")
        self.key_id = match[1]
        self._text = text

    def encode(self) -> str:
        """Return the whole token, to be shown to a person once."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BearerToken) and hmac.compare_digest(self._text, other._text)

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"<BearerToken mfg_{self.key_id}_***>"


def generate(token_bytes: Callable[[int], bytes]) -> BearerToken:
    """Make a new token; ``token_bytes`` as ``secrets.token_bytes``."""
    key_id = base64.b32encode(token_bytes(8)).decode()[:12].lower()  # 60 bits: unique by itself
    secret = base64.urlsafe_b64encode(token_bytes(_RANDOM_BYTES)).decode().rstrip("=")
    body = f"mfg_{key_id}_{secret}"
    return BearerToken(body + _checksum(body))


def parse(text: str) -> BearerToken:
    """Read a token; spaces and line breaks are not forgiven.

    :raises BearerError: ``not_a_token``, ``mistyped``
    """
    return BearerToken(text)


def digest(token: BearerToken) -> str:
    """Return what to store in place of the token: its SHA-256 in hexadecimal digits.

    A plain hash is right here, where it would be wrong for a password: of 256 random bits none
    can be guessed, so neither salt nor a slow function makes a stolen digest any safer, and a slow
    one would let anybody keep our processors busy with wrong tokens. The whole text is hashed, so
    that the digest holds for this key id only.
    """
    return hashlib.sha256(token.encode().encode("ascii")).hexdigest()


def matches(token: BearerToken, stored: str | None) -> bool:
    """Tell whether a stored digest is the token's, in a time that tells nothing of either.

    Where nothing is stored, nothing matches.
    """
    # Bytes: of texts, compare_digest takes ASCII only.
    return hmac.compare_digest(digest(token).encode(), (stored or "").encode("utf-8", "replace"))


def from_authorization(header: str | None) -> str | None:
    """Return the token of an Authorization header (RFC 6750 section 2.1), of whatever make.

    None where there is no header, or one of another scheme.

    :raises BearerError: ``bad_header``: the scheme is Bearer, and what follows is no token

    >>> from_authorization("bearer abc.def")
    'abc.def'
    >>> from_authorization("Basic YTpi") is None
    True
    """
    scheme, _, credentials = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    credentials = credentials.strip(" ")
    if len(credentials) > MAX_HEADER or not _CREDENTIALS.fullmatch(credentials):
        raise BearerError("bad_header", "Authorization: what follows Bearer is not one token.")
    return credentials


def _checksum(body: str) -> str:
    return (
        base64.b32encode(zlib.crc32(body.encode("ascii")).to_bytes(4, "big")).decode()[:7].lower()
    )
