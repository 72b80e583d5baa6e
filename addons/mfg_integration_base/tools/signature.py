"""Standard Webhooks 1.0 signatures, symmetric scheme ``v1`` (HMAC-SHA256).

Signed are the bytes ``<webhook-id>.<webhook-timestamp>.<body>``.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"
TOLERANCE = 300
"""Accepted difference between a signature's timestamp and our clock, in seconds."""

MAX_SIGNATURES = 16
"""More signatures than this in one header are refused before anything is computed."""

_PREFIX = "whsec_"
_MIN_BYTES, _MAX_BYTES = 24, 64
# The full stop separates the signed parts: allowed in an id, one signature would fit two requests.
_ID = re.compile(r"[!-\-/-~]{1,255}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class SignatureError(Exception):
    """The signature does not hold, or a secret cannot be used. Never shows either.

    ``code`` is stable: ``no_secret``, ``bad_secret``, ``missing_header``, ``duplicate_header``,
    ``bad_id``, ``bad_timestamp``, ``too_old``, ``too_new``, ``bad_signature``,
    ``too_many_signatures``, ``duplicate_signature``, ``no_usable_signature``, ``mismatch``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Secret:
    """A signing secret of 24 to 64 bytes that does not show itself."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes):
        if not _MIN_BYTES <= len(key) <= _MAX_BYTES:
            raise SignatureError(
                "bad_secret",
                f"The secret has {len(key)} bytes instead of {_MIN_BYTES} to {_MAX_BYTES}.",
            )
        self._key = bytes(key)

    @classmethod
    def parse(cls, text: str) -> "Secret":
        """Read ``whsec_<base64>``; missing padding is added.

        :raises SignatureError: ``bad_secret``
        """
        text = text.strip()
        if not text.startswith(_PREFIX):
            raise SignatureError("bad_secret", f"The secret does not begin with {_PREFIX}.")
        encoded = text[len(_PREFIX) :].rstrip("=")
        try:
            return cls(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
        except (binascii.Error, ValueError):
            raise SignatureError(
                "bad_secret", f"What follows {_PREFIX} in the secret is not base64."
            ) from None

    @classmethod
    def generate(cls, token_bytes: Callable[[int], bytes]) -> "Secret":
        """Make a new secret of 32 bytes; ``token_bytes`` as ``secrets.token_bytes``."""
        return cls(token_bytes(32))

    def encode(self) -> str:
        """Return ``whsec_<base64>``, to be shown to a person once or to be encrypted."""
        return _PREFIX + base64.b64encode(self._key).decode()

    def digest(self, msg_id: str, timestamp: int, body: bytes) -> bytes:
        """Return the 32 bytes of the HMAC over one message."""
        signed = b"%b.%d.%b" % (msg_id.encode("ascii"), timestamp, body)
        return hmac.digest(self._key, signed, hashlib.sha256)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<Secret {_PREFIX}***>"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds. ``key_index``: which of the given secrets made it."""

    msg_id: str
    timestamp: int
    key_index: int


def sign(secret: Secret, msg_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, ``v1,<base64>``.

    :param msg_id: 1 to 255 visible ASCII characters without full stop
    :param timestamp: seconds since 1970-01-01 UTC of this attempt
    :raises SignatureError: ``bad_id``, ``bad_timestamp``
    """
    if not _ID.fullmatch(msg_id):
        raise SignatureError("bad_id", "The message id holds a full stop or is not visible ASCII.")
    if not 0 <= timestamp < 10**12:
        raise SignatureError("bad_timestamp", "The timestamp is not a number of seconds.")
    return "v1," + base64.b64encode(secret.digest(msg_id, timestamp, body)).decode()


def headers(secrets: Sequence[Secret], msg_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a message, signed with every secret in turn.

    During a rotation the old and the new secret both sign, so the receiver may change over at any
    time.

    :raises SignatureError: ``no_secret``, or as ``sign``
    """
    if not secrets:
        raise SignatureError("no_secret", "There is no secret to sign with.")
    # dict.fromkeys: a secret given twice signs once.
    signatures = dict.fromkeys(sign(secret, msg_id, timestamp, body) for secret in secrets)
    return {
        HEADER_ID: msg_id,
        HEADER_TIMESTAMP: str(timestamp),
        HEADER_SIGNATURE: " ".join(signatures),
    }


def verify(
    secrets: Sequence[Secret],
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
    now: int,
    tolerance: int = TOLERANCE,
) -> Verified:
    """Check the signature of a received message.

    Every secret is tried against every signature, without stopping at the first that fits, so the
    time taken tells nothing about the secrets. A missing secret refuses.

    :param headers: mapping or pairs; pairs let a header that was sent twice be noticed
    :param body: the raw bytes as received
    :param now: seconds since 1970-01-01 UTC
    :param tolerance: seconds the timestamp may lie before or after ``now``
    :raises SignatureError: for everything that is wrong, and nothing else is raised
    """
    if not secrets:
        raise SignatureError("no_secret", "There is no secret to check the signature with.")
    msg_id, stamp, signature = _three_headers(headers)
    if not _ID.fullmatch(msg_id):
        raise SignatureError("bad_id", f"{HEADER_ID} holds a full stop or is not visible ASCII.")
    if not _TIMESTAMP.fullmatch(stamp):
        raise SignatureError("bad_timestamp", f"{HEADER_TIMESTAMP} is not a number of seconds.")
    timestamp = int(stamp)
    if stamp != str(timestamp):
        # The sender signed its own spelling, and we would check another one.
        raise SignatureError("bad_timestamp", f"{HEADER_TIMESTAMP} has leading zeros.")
    received = _digests(signature)
    if timestamp < now - tolerance:
        raise SignatureError("too_old", f"{HEADER_TIMESTAMP} is more than {tolerance} s ago.")
    if timestamp > now + tolerance:
        raise SignatureError("too_new", f"{HEADER_TIMESTAMP} is more than {tolerance} s ahead.")
    matched = -1
    for index, secret in enumerate(secrets):
        expected = secret.digest(msg_id, timestamp, body)
        for digest in received:
            if hmac.compare_digest(expected, digest) and matched < 0:
                matched = index
    if matched < 0:
        raise SignatureError("mismatch", "No signature fits the message.")
    return Verified(msg_id, timestamp, matched)


def _three_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found: dict[str, str] = {}
    for name, value in pairs:
        name = name.lower()  # noqa: PLW2901  header names are the same in any case
        if name in (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE):
            if name in found:
                raise SignatureError("duplicate_header", f"{name} is given twice.")
            found[name] = value
    for name in (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE):
        if not found.get(name):
            raise SignatureError("missing_header", f"{name} is missing.")
    return [found[HEADER_ID], found[HEADER_TIMESTAMP], found[HEADER_SIGNATURE]]


def _digests(header: str) -> list[bytes]:
    """Return the ``v1`` signatures of a header; those of other schemes are skipped."""
    entries = header.split(" ")
    if len(entries) > MAX_SIGNATURES:
        raise SignatureError("too_many_signatures", f"More than {MAX_SIGNATURES} signatures.")
    digests: list[bytes] = []
    for entry in entries:
        version, comma, encoded = entry.partition(",")
        if not comma:
            raise SignatureError("bad_signature", f"{HEADER_SIGNATURE}: an entry has no version.")
        if version != "v1":
            continue
        try:
            digest = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise SignatureError(
                "bad_signature", f"{HEADER_SIGNATURE}: an entry is not base64."
            ) from None
        if len(digest) != hashlib.sha256().digest_size:
            raise SignatureError("bad_signature", f"{HEADER_SIGNATURE}: an entry is not 32 bytes.")
        if digest in digests:
            raise SignatureError("duplicate_signature", f"{HEADER_SIGNATURE}: an entry is twice.")
        digests.append(digest)
    if not digests:
        raise SignatureError("no_usable_signature", f"{HEADER_SIGNATURE} has no v1 entry.")
    return digests
