"""Signing keys: which signs, what is refused, how they are derived, and that none prints."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from odoo.addons.mfg_integration_base.tools.mac_keys import MacKeys, derive
from odoo.addons.mfg_integration_base.tools.secretbox import KeyRing

K1, K2 = b"1" * 32, b"2" * 32
KEYS = MacKeys({"k2": K2, "k1": K1})


def test_the_first_one_signs_and_all_check():
    assert KEYS.current == "k2"
    assert [key_id in KEYS for key_id in ("k1", "k2", "k3")] == [True, True, False]
    assert KEYS.mac("k1", b"x") == hmac.new(K1, b"x", hashlib.sha256).digest()
    assert KEYS.key("k2") == K2
    with pytest.raises(KeyError):
        KEYS.mac("k3", b"x")


def test_a_label_tells_keys_of_one_id_apart():
    assert KEYS.label("k1") == MacKeys({"k1": K1}).label("k1")
    assert KEYS.label("k1") != MacKeys({"k1": K2}).label("k1")
    assert KEYS.label("k1").startswith("k1:") and len(KEYS.label("k1")) == 19


@pytest.mark.parametrize("keys", [{}, {"k1": b""}, {"k2": K2, "k1": b"1" * 31}])
def test_refused(keys):
    with pytest.raises(ValueError, match=r"no key|Key k1: has (0|31) bytes, below 32"):
        MacKeys(keys)


def test_nothing_prints():
    assert repr(KEYS) == "<MacKeys k2:***, k1:***>"


@pytest.mark.parametrize("purpose", ["audit-seal", "access-token", ""])
def test_derivation_is_hkdf_expand(purpose):
    expand = HKDFExpand(hashes.SHA256(), 32, b"mfg-derive-1:" + purpose.encode())
    assert derive(K1, purpose) == expand.derive(K1)


def test_a_ring_derives_by_purpose():
    text = ",".join(f"{i}:{base64.b64encode(k).decode()}" for i, k in [("k2", K2), ("k1", K1)])
    ring = KeyRing.parse(text)
    keys = ring.derive("a")
    assert keys.current == "k2"
    assert keys.key("k1") == derive(K1, "a")
    assert len({keys.key("k1"), keys.key("k2"), ring.derive("b").key("k1"), K1, K2}) == 5
    assert "111" not in repr(ring) + repr(keys)
