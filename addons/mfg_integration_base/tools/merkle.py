"""Merkle tree hashes with SHA-256, as RFC 6962 section 2.1 defines them."""

import hashlib
from collections.abc import Iterable


class MerkleRoot:
    """The root over leaves that come one after the other; keeps one hash per level only.

    >>> MerkleRoot().digest().hex()[:8]
    'e3b0c442'
    """

    __slots__ = ("_subtrees", "count")

    def __init__(self, leaves: Iterable[bytes] = ()):
        """:param leaves: leaf hashes of 32 bytes"""
        self.count = 0
        self._subtrees: list[bytes] = []  # complete ones, one for each bit set in count
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        bit = self.count
        while bit & 1:
            leaf = _node(self._subtrees.pop(), leaf)
            bit >>= 1
        self._subtrees.append(leaf)
        self.count += 1

    def digest(self) -> bytes:
        """Return the root so far; of no leaves, the hash of nothing."""
        if not self._subtrees:
            return hashlib.sha256().digest()
        *others, root = self._subtrees
        for subtree in reversed(others):
            root = _node(subtree, root)
        return root


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    # Another prefix than a leaf's: else an inner node could be shown as an entry.
    return hashlib.sha256(b"\x01" + left + right).digest()
