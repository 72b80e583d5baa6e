"""Merkle roots: the published vectors, and an independent reading of the definition."""

import doctest
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import merkle
from odoo.addons.mfg_integration_base.tools.merkle import MerkleRoot, leaf_hash

# The eight inputs and roots that implementations of certificate transparency agree on.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(data):
    """MTH(D[n]) of RFC 6962 section 2.1, word for word."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    split = 1
    while split * 2 < len(data):
        split *= 2
    left, right = by_definition(data[:split]), by_definition(data[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(data):
    return MerkleRoot(map(leaf_hash, data)).digest()


def test_examples():
    assert doctest.testmod(merkle).failed == 0


@pytest.mark.parametrize("count", range(9))
def test_published_vectors(count):
    assert root(INPUTS[:count]).hex() == by_definition(INPUTS[:count]).hex() == ROOTS[count]


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_agrees_with_the_definition(data):
    assert root(data) == by_definition(data)


def test_asking_in_between_changes_nothing():
    tree = MerkleRoot()
    for count, data in enumerate(INPUTS, 1):
        tree.add(leaf_hash(data))
        assert (tree.count, tree.digest().hex()) == (count, ROOTS[count])


def test_keeps_one_hash_per_level():
    tree = MerkleRoot(leaf_hash(b"") for _ in range(1023))
    assert len(tree._subtrees) == 10
    tree.add(leaf_hash(b""))
    assert len(tree._subtrees) == 1


def test_an_inner_node_is_no_leaf():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert root([b"a", b"b"]) != root([left + right])
