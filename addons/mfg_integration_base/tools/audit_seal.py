"""Seals over audit entries: a chain of MACs under a key that is not in the database.

A seal covers a batch of entries by their Merkle root (RFC 6962 section 2.1) and names the seal
before it, so that no entry and no seal can be altered, removed or put in between without the key.
``audit_check`` finds what does not fit.

Personal columns (who, why, before and after) are not hashed as they are. Each is replaced by a
commitment, SHA-256 over the entry's random salt and the value. The leaf covers the commitments. To
erase a person, set the entry's personal columns and its salt to NULL: without the salt no value can
be tried against the commitment, and the seal still holds.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from .mac_keys import MacKeys
from .merkle import leaf_hash

SALT_BYTES = 16
"""Of random salt per entry: too many to try, even where the value itself is easily guessed."""

Value = str | int | datetime | None

_ENTRY, _COMMITMENT, _SEAL, _GENESIS = (
    b"mfg-audit-entry-1",
    b"mfg-audit-commitment-1",
    b"mfg-audit-seal-1",
    b"mfg-audit-genesis-1",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit entry as it is stored.

    :param id: of its row
    :param columns: those that stay for ever; None is the same as no such column, so that a column
        that is added later alters no earlier entry
    :param personal: those that may be erased
    :param salt: SALT_BYTES random bytes, or None once the entry is erased
    :param commitments: column -> 32 bytes, as ``commit`` made them; stay when the entry is erased
    """

    id: int
    columns: Mapping[str, Value]
    personal: Mapping[str, Value] = field(repr=False)
    salt: bytes | None = field(repr=False)
    commitments: Mapping[str, bytes]

    @property
    def is_erased(self) -> bool:
        """Whether the personal columns are gone, and the salt with them."""
        if not self.commitments:  # there never was anything to erase
            return False
        return self.salt is None and all(value is None for value in self.personal.values())

    def wrong_columns(self) -> list[str]:
        """Return the personal columns that hold something else than was committed to, by name.

        Of an erased entry that is none; where only the salt is gone, all that hold a value.

        :raises TypeError, ValueError: as ``canonical``; also for a salt of another length
        """
        if self.salt is None:
            return sorted(name for name, value in self.personal.items() if value is not None)
        # A personal column that came later has no commitment, and no value in earlier entries.
        values = dict.fromkeys(self.commitments) | {
            name: value
            for name, value in self.personal.items()
            if value is not None or name in self.commitments
        }
        held = commit(self.salt, values)
        return sorted(
            name
            for name, commitment in held.items()
            if not hmac.compare_digest(commitment, self.commitments.get(name, b""))
        )


@dataclass(frozen=True, slots=True)
class Seal:
    """One link of the chain, as it is stored.

    :param number: 1, 2, 3 and so on
    :param previous: ``mac`` of the seal before, or ``genesis``
    :param root: Merkle root over the leaves of the entries, in the order of their ids
    :param count: number of entries; 0 is allowed: a seal that says "nothing happened until now"
    :param first_at: when the earliest of the entries was recorded, with a zone; ``last_at`` the
        latest; both None where there is none
    :param sealed_at: with a zone
    :param key: ``MacKeys.label`` of the key
    :param mac: 32 bytes over all of the above
    """

    number: int
    previous: bytes
    root: bytes
    count: int
    first_at: datetime | None
    last_at: datetime | None
    sealed_at: datetime
    key: str
    mac: bytes

    @property
    def key_id(self) -> str:
        """The id of the key, without its check digits."""
        return self.key.partition(":")[0]

    def expected_mac(self, keys: MacKeys) -> bytes:
        """Return the MAC that the seal must have, under the key that it names.

        :raises KeyError: that key is not among the given ones
        :raises TypeError, ValueError: a column holds what no seal can hold
        """
        return keys.mac(
            self.key_id,
            _framed(
                _SEAL,
                self.previous,
                self.root,
                canonical(
                    {
                        "number": self.number,
                        "count": self.count,
                        "first_at": self.first_at,
                        "last_at": self.last_at,
                        "sealed_at": self.sealed_at,
                        "key": self.key,
                    }
                ),
            ),
        )


def canonical(columns: Mapping[str, Value]) -> bytes:
    """Return bytes that no other columns have: sorted, each with its type and length.

    None is left out. A truth value is refused, because Odoo's False means an empty column; so is a
    time without a zone, which means another moment on another machine.

    :raises TypeError: a value of another type; names the column, not the value
    :raises ValueError: a time without a zone

    >>> canonical({"b": 1, "a": "x", "c": None}) == canonical({"a": "x", "b": 1})
    True
    >>> canonical({"a": "1"}) == canonical({"a": 1})
    False
    """
    parts: list[bytes] = []
    for name in sorted(columns):
        value = columns[name]
        if value is None:
            continue
        if isinstance(value, str):
            kind, raw = b"s", value.encode("utf-8", "surrogatepass")
        elif isinstance(value, int) and not isinstance(value, bool):
            kind, raw = b"i", b"%d" % value
        elif isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{name}: the time has no zone.")
            utc = value.astimezone(timezone.utc)
            kind, raw = b"t", utc.isoformat(timespec="microseconds").encode("ascii")
        else:
            raise TypeError(f"{name}: {type(value).__name__} is no text, whole number or time.")
        parts += [name.encode(), kind, raw]
    return _framed(*parts)


def commit(salt: bytes, personal: Mapping[str, Value]) -> dict[str, bytes]:
    """Return the commitments of an entry's personal columns, those without a value included.

    :param salt: SALT_BYTES random bytes, for this entry only
    :raises TypeError, ValueError: as ``canonical``; also for a salt of another length
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"The salt has {len(salt)} bytes instead of {SALT_BYTES}.")
    return {
        # The name goes in as well: equal values in two columns must not show, nor be exchanged.
        name: hashlib.sha256(
            _framed(_COMMITMENT, salt, name.encode(), canonical({name: value}))
        ).digest()
        for name, value in personal.items()
    }


def leaf(entry: Entry) -> bytes:
    """Return the leaf hash of an entry, 32 bytes; the same before and after it is erased.

    :raises TypeError, ValueError: as ``canonical``
    """
    commitments = [
        part
        for name in sorted(entry.commitments)
        for part in (name.encode(), entry.commitments[name])
    ]
    data = _framed(_ENTRY, b"%d" % entry.id, canonical(entry.columns), _framed(*commitments))
    return leaf_hash(data)


def genesis(chain: str) -> bytes:
    """Return what the first seal names as its predecessor.

    :param chain: name of the chain: of two chains under the same key, neither can pose as the other
    """
    return hashlib.sha256(_framed(_GENESIS, chain.encode())).digest()


def seal(
    keys: MacKeys,
    *,
    number: int,
    previous: bytes,
    root: bytes,
    count: int,
    first_at: datetime | None,
    last_at: datetime | None,
    sealed_at: datetime,
) -> Seal:
    """Return a seal under the current key; the parameters are those of ``Seal``.

    :raises ValueError: a hash that is not 32 bytes long, a number below 1, a count below 0, or
        a time without a zone
    """
    if len(previous) != 32 or len(root) != 32:
        raise ValueError("A hash is not 32 bytes long.")
    if number < 1 or count < 0:
        raise ValueError(f"Seal {number} over {count} entries cannot be.")
    label = keys.label(keys.current)
    unsigned = Seal(number, previous, root, count, first_at, last_at, sealed_at, label, b"")
    return replace(unsigned, mac=unsigned.expected_mac(keys))


def _framed(*parts: bytes) -> bytes:
    """Join parts with their lengths in front, which keep them apart whatever they contain."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
