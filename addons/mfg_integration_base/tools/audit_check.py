"""Checks a chain of seals and the entries below it, and says in words what does not fit.

Seals and entries are read one after the other and not kept, so the chain may be of any length. Two
things it cannot see: entries that no seal covers yet, which the caller counts; and that the newest
seals were cut off together with their entries, perhaps all of them and sealed anew. The latter
shows against an anchor, the number and MAC of a seal that somebody has kept elsewhere.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .audit_seal import Entry, Seal, genesis, leaf
from .lifecycle import Word
from .mac_keys import MacKeys
from .merkle import MerkleRoot


class Kind(Word):
    """What was found."""

    ERASED = "erased"  # personal data is gone as it may be; the evidence is whole
    ALTERED_ENTRY = "altered_entry"
    MISSING_ENTRY = "missing_entry"
    ADDED_ENTRY = "added_entry"
    ALTERED_LEAF = "altered_leaf"  # the hash beside an entry, not the entry
    ALTERED_SEAL = "altered_seal"
    MISSING_SEAL = "missing_seal"
    REORDERED_SEAL = "reordered_seal"
    BROKEN_LINK = "broken_link"
    UNKNOWN_KEY = "unknown_key"
    WRONG_KEY = "wrong_key"
    OTHER_SEAL = "other_seal"
    CUT_OFF = "cut_off"


_OF_SEAL: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ALTERED_ENTRY: "The entries of seal {seal} do not fit its root: at least one of them, "
        "or the root itself, was altered or exchanged; which one cannot be told.",
        Kind.MISSING_ENTRY: "Seal {seal} covers {expected} entries, but lists only {listed}.",
        Kind.ADDED_ENTRY: "Seal {seal} covers {expected} entries, but lists {listed}.",
        Kind.ALTERED_SEAL: "Seal {seal} was altered after it was made, or was not made by this "
        "system.",
        Kind.MISSING_SEAL: "Seal {gap} is missing: what it covered is not proven any more.",
        Kind.REORDERED_SEAL: "Seal {seal} comes behind seal {last}: its number was altered, or it "
        "is there twice.",
        Kind.BROKEN_LINK: "Seal {seal} names another predecessor than seal {last} (0 is the "
        "beginning of this chain).",
        Kind.UNKNOWN_KEY: "Seal {seal} was made with the key {key}, which is not among the "
        "configured keys: put that key back to check the seal.",
        Kind.WRONG_KEY: "Seal {seal} was made with another key than the configured one of the name "
        "{key}: put that key back to check the seal.",
        Kind.OTHER_SEAL: "Seal {seal} is not the one that was kept elsewhere: the chain was "
        "altered or made anew from there or from before.",
        Kind.CUT_OFF: "The chain ends with seal {last}, but there was a seal {newest}: the end was "
        "cut off.",
    }
)
_OF_ENTRY: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ERASED: "The personal data of entry {entry} was erased; the rest is proven.",
        Kind.ALTERED_ENTRY: "Entry {entry} of seal {seal} was altered{columns}.",
        Kind.MISSING_ENTRY: "Entry {entry} of seal {seal} is missing.",
        Kind.ALTERED_LEAF: "Entry {entry} of seal {seal} is genuine, but the hash kept beside it "
        "was altered.",
    }
)


@dataclass(frozen=True, slots=True)
class Member:
    """That an entry belongs to a seal, as it is stored.

    :param leaf: the entry's leaf hash when it was sealed; tells which entry was altered
    :param entry: what is stored now, None if there is no such entry any more
    """

    entry_id: int
    leaf: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    :param seal: number of the seal
    :param entry: id of the entry, or None where it is the seal or cannot be told
    :param message: a sentence for a person
    """

    kind: Kind
    seal: int
    entry: int | None
    message: str

    @property
    def is_break(self) -> bool:
        """Whether it is more than an erasure."""
        return self.kind != Kind.ERASED


def verify_chain(
    seals: Iterable[Seal],
    entries_of: Callable[[int], Iterable[Member]],
    keys: MacKeys,
    *,
    chain: str,
    anchors: Mapping[int, bytes] = MappingProxyType({}),
) -> Iterator[Finding]:
    """Yield what is wrong, in the order of the chain; nothing if all is well.

    One break does not hide the next: each seal is checked by itself and against its neighbour.

    :param seals: all of the chain, by number
    :param entries_of: number of a seal -> its entries, in the order of their ids
    :param chain: as given to ``genesis``
    :param anchors: number of a seal -> its MAC, as kept outside the database
    """
    # What the next seal may name as its predecessor; nothing where the predecessor is missing.
    last, links = 0, (genesis(chain),)
    for seal in seals:
        number = seal.number
        if number <= last:
            yield _of_seal(Kind.REORDERED_SEAL, number, last=last)
        elif number > last + 1:
            gap = f"{last + 1}" if number == last + 2 else f"{last + 1} to {number - 1}"
            yield _of_seal(Kind.MISSING_SEAL, last + 1, gap=gap)
        elif not any(_same(link, seal.previous) for link in links):
            yield _of_seal(Kind.BROKEN_LINK, number, last=last)
        if number in anchors and not _same(anchors[number], seal.mac):
            yield _of_seal(Kind.OTHER_SEAL, number)
        finding, expected = _check_mac(seal, keys)
        if finding:
            yield finding
        yield from _check_entries(seal, entries_of(number))
        if number > last:
            # Where only the stored MAC was altered, the next seal names the one it had: no break.
            last, links = number, (seal.mac, expected)
    newest = max(anchors, default=0)
    if newest > last:
        yield _of_seal(Kind.CUT_OFF, last + 1, last=last, newest=newest)


def _check_mac(seal: Seal, keys: MacKeys) -> tuple[Finding | None, bytes]:
    """Return what is wrong with a seal, and the MAC that it should have (or has, if unknown)."""
    key_id = seal.key_id
    if key_id not in keys:
        return _of_seal(Kind.UNKNOWN_KEY, seal.number, key=key_id[:32]), seal.mac
    if seal.key != keys.label(key_id):
        return _of_seal(Kind.WRONG_KEY, seal.number, key=key_id), seal.mac
    try:
        expected = seal.expected_mac(keys)
    except (TypeError, ValueError):  # a column holds what no seal can hold
        expected = b""
    if _same(expected, seal.mac):
        return None, expected
    return _of_seal(Kind.ALTERED_SEAL, seal.number), expected


def _check_entries(seal: Seal, members: Iterable[Member]) -> Iterator[Finding]:
    listed, present = MerkleRoot(), MerkleRoot()  # of the leaves as stored, and as computed now
    wrong_leaves: list[int] = []  # no more than the seal has entries
    for member in members:
        entry_id, entry = member.entry_id, member.entry
        listed.add(member.leaf or b"")
        if entry is None:
            present.add(member.leaf or b"")
            yield _of_entry(Kind.MISSING_ENTRY, seal.number, entry_id)
            continue
        try:
            computed, columns = leaf(entry), entry.wrong_columns()
        except (TypeError, ValueError):  # a column holds what no entry can hold
            computed, columns = b"", []
        present.add(computed)
        if columns:
            # Their commitments may be as they were: the leaf alone would not show it.
            named = f": {', '.join(columns)}"
            yield _of_entry(Kind.ALTERED_ENTRY, seal.number, entry_id, columns=named)
        elif computed != member.leaf or entry.id != entry_id:
            wrong_leaves.append(entry_id)
        elif entry.is_erased:
            yield _of_entry(Kind.ERASED, seal.number, entry_id)
    # Only all leaves together tell whether entry or stored leaf is the one that was sealed.
    genuine = _same(present.digest(), seal.root)
    for entry_id in wrong_leaves:
        kind = Kind.ALTERED_LEAF if genuine else Kind.ALTERED_ENTRY
        yield _of_entry(kind, seal.number, entry_id, columns="")
    if listed.count != seal.count:
        kind = Kind.MISSING_ENTRY if listed.count < seal.count else Kind.ADDED_ENTRY
        yield _of_seal(kind, seal.number, expected=seal.count, listed=listed.count)
    elif not genuine and not _same(listed.digest(), seal.root):
        # Whoever altered an entry altered the leaf beside it as well, or the root.
        yield _of_seal(Kind.ALTERED_ENTRY, seal.number)


def _same(left: object, right: object) -> bool:
    """Compare two hashes. What is no hash at all, as in an emptied column, equals nothing."""
    return isinstance(left, bytes) and isinstance(right, bytes) and hmac.compare_digest(left, right)


def _of_seal(kind: Kind, seal: int, **more: object) -> Finding:
    return Finding(kind, seal, None, _OF_SEAL[kind].format(seal=seal, **more))


def _of_entry(kind: Kind, seal: int, entry: int, **more: object) -> Finding:
    return Finding(kind, seal, entry, _OF_ENTRY[kind].format(seal=seal, entry=entry, **more))
