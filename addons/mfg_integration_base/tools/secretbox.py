"""Secrets at rest: AES-256-GCM under a ring of keys that live outside the database.

A token is ``v1:<key id>:<base64 of nonce, ciphertext and tag>``.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .mac_keys import MacKeys, derive

KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class SecretBoxError(Exception):
    """A key or a token cannot be used. The message never holds a part of either.

    ``code``: ``bad_key_ring``, ``bad_nonce``, ``bad_token``, ``unknown_key``, ``not_authentic``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class KeyRing:
    """Keys by id. The first one encrypts; all of them decrypt."""

    __slots__ = ("_boxes", "_keys", "current")

    def __init__(self, keys: Mapping[str, bytes]):
        """:param keys: key id -> 32 bytes, the current key first"""
        for position, (key_id, key) in enumerate(keys.items(), 1):
            if not _KEY_ID.fullmatch(key_id):
                raise SecretBoxError(
                    "bad_key_ring",
                    f"Key {position}: its name must be 1 to 32 letters, digits, - or _.",
                )
            if len(key) != KEY_BYTES:
                raise SecretBoxError(
                    "bad_key_ring", f"Key {key_id}: has {len(key)} bytes instead of {KEY_BYTES}."
                )
        if not keys:
            raise SecretBoxError("bad_key_ring", "There is no key.")
        self.current = next(iter(keys))
        self._keys = MappingProxyType({key_id: bytes(key) for key_id, key in keys.items()})
        self._boxes = MappingProxyType({key_id: AESGCM(key) for key_id, key in keys.items()})

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read ``"k2:<base64>,k1:<base64>"``: the first key is the current one.

        Line breaks separate as commas do, so that a key file may hold one key a line.

        :raises SecretBoxError: names the key by position or id, never by content
        """
        keys: dict[str, bytes] = {}
        entries = [entry.strip() for entry in re.split(r"[,\r\n]+", text) if entry.strip()]
        for position, entry in enumerate(entries, 1):
            key_id, colon, encoded = entry.partition(":")
            if not colon:
                raise SecretBoxError(
                    "bad_key_ring", f"Key {position}: is not written as name:base64."
                )
            key_id = key_id.strip()
            # Checked before the name may appear in a message: with the parts swapped it is a key.
            if not _KEY_ID.fullmatch(key_id):
                raise SecretBoxError(
                    "bad_key_ring",
                    f"Key {position}: its name must be 1 to 32 letters, digits, - or _.",
                )
            if key_id in keys:
                raise SecretBoxError("bad_key_ring", f"Key {key_id}: is given twice.")
            try:
                keys[key_id] = base64.b64decode(encoded.strip(), validate=True)
            except (binascii.Error, ValueError):
                raise SecretBoxError("bad_key_ring", f"Key {key_id}: is not base64.") from None
        return cls(keys)

    def derive(self, purpose: str) -> MacKeys:
        """Return keys of the same ids for signing, of no use for any other purpose.

        What was signed under a key can be checked only while that key stays in the ring.

        :param purpose: such as ``audit-seal``; a constant of whoever signs
        """
        return MacKeys({key_id: derive(key, purpose) for key_id, key in self._keys.items()})

    def __repr__(self) -> str:
        return f"<KeyRing {', '.join(f'{key_id}:***' for key_id in self._boxes)}>"


def encrypt(ring: KeyRing, plaintext: bytes, aad: bytes, nonce: bytes) -> str:
    """Return a token under the ring's current key.

    :param aad: what the token belongs to (model, record, field): the same bytes are needed to
        decrypt, so a token copied to another record does not open there
    :param nonce: 12 random bytes, never used twice with one key
    :raises SecretBoxError: the nonce has the wrong length
    """
    if len(nonce) != NONCE_BYTES:
        raise SecretBoxError(
            "bad_nonce", f"The nonce has {len(nonce)} bytes instead of {NONCE_BYTES}."
        )
    sealed = nonce + ring._boxes[ring.current].encrypt(nonce, plaintext, aad)
    return f"v1:{ring.current}:{base64.b64encode(sealed).decode()}"


def decrypt(ring: KeyRing, token: str, aad: bytes) -> bytes:
    """Return the plaintext.

    :raises SecretBoxError: not a token, its key is not in the ring, or it was altered or
        belongs to something else
    """
    key_id, sealed = _split(token)
    box = ring._boxes.get(key_id)
    if box is None:
        raise SecretBoxError(
            "unknown_key",
            f"The key {key_id} is not among the configured keys; add it behind the current "
            "one until everything is encrypted anew.",
        )
    try:
        return box.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except InvalidTag:
        raise SecretBoxError(
            "not_authentic",
            f"The value does not open with the key {key_id}: the key has changed, or the "
            "value was altered or copied from another record.",
        ) from None


def needs_rotation(ring: KeyRing, token: str) -> bool:
    """Tell whether the token is under another key than the ring's current one.

    :raises SecretBoxError: not a token
    """
    return _split(token)[0] != ring.current


def key_of(token: str) -> str:
    """Return the name of the key that a token is under; empty for what is no token."""
    try:
        return _split(token)[0]
    except SecretBoxError:
        return ""


def _split(token: str) -> tuple[str, bytes]:
    version, _, rest = token.partition(":")
    key_id, _, encoded = rest.partition(":")
    if version != "v1" or not _KEY_ID.fullmatch(key_id):
        raise SecretBoxError("bad_token", "The value is not an encrypted secret.")
    try:
        sealed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SecretBoxError("bad_token", "The encrypted value is damaged.") from None
    if len(sealed) < NONCE_BYTES + 16:  # GCM's tag has 16 bytes
        raise SecretBoxError("bad_token", "The encrypted value is too short.")
    return key_id, sealed


def generate_key(token_bytes: Callable[[int], bytes]) -> str:
    """Return a new key in base64, to be put into the configuration behind ``<name>:``."""
    return base64.b64encode(token_bytes(KEY_BYTES)).decode()
