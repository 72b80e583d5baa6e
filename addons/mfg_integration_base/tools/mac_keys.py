"""Keys for HMAC-SHA256 by id, so that they can be exchanged: seals and access tokens use them.

``KeyRing.derive`` makes them from the configured keys, one set for each purpose.
"""

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType

MIN_BYTES = 32
"""RFC 7518 section 3.2: a key for HS256 has at least the size of the hash."""


class MacKeys:
    """Keys by id that do not show themselves. The first one signs; all of them check."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes]):
        """:param keys: key id -> at least 32 bytes, the current key first

        :raises ValueError: no key, or one that is too short; names it by its id
        """
        for key_id, key in keys.items():
            if len(key) < MIN_BYTES:
                raise ValueError(f"Key {key_id}: has {len(key)} bytes, below {MIN_BYTES}.")
        if not keys:
            raise ValueError("There is no key.")
        self.current = next(iter(keys))
        self._keys = MappingProxyType({key_id: bytes(key) for key_id, key in keys.items()})

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def key(self, key_id: str) -> bytes:
        """Return the bytes of a key.

        :raises KeyError: there is none of that id
        """
        return self._keys[key_id]

    def mac(self, key_id: str, data: bytes) -> bytes:
        """Return the 32 bytes of the HMAC.

        :raises KeyError: there is no key of that id
        """
        return hmac.digest(self._keys[key_id], data, hashlib.sha256)

    def label(self, key_id: str) -> str:
        """Return ``<key id>:<16 hexadecimal digits>``, which tells two keys of one id apart.

        The digits are a MAC of a constant and tell nothing else of the key.

        :raises KeyError: there is no key of that id
        """
        return f"{key_id}:{self.mac(key_id, b'mfg-key-label-1')[:8].hex()}"

    def __repr__(self) -> str:
        return f"<MacKeys {', '.join(f'{key_id}:***' for key_id in self._keys)}>"


def derive(key: bytes, purpose: str) -> bytes:
    """Return another key of 32 bytes, from which the first cannot be told.

    One step of HKDF-Expand (RFC 5869 section 2.3): the first key is uniformly random already.

    :param purpose: who may use the result; different purposes get unrelated keys
    """
    return hmac.digest(key, b"mfg-derive-1:" + purpose.encode() + b"\x01", hashlib.sha256)
