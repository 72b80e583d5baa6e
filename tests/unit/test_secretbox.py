"""Secrets at rest: round trips, rotation, every kind of tampering, and nothing that prints."""

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.secretbox import (
    KeyRing,
    SecretBoxError,
    decrypt,
    encrypt,
    generate_key,
    needs_rotation,
)

KEY_1 = base64.b64encode(b"1" * 32).decode()
KEY_2 = base64.b64encode(b"2" * 32).decode()
NONCE = bytes(range(12))
OLD = KeyRing.parse(f"k1:{KEY_1}")
NEW = KeyRing.parse(f"k2:{KEY_2},k1:{KEY_1}")


@given(st.binary(), st.binary(), st.binary(min_size=12, max_size=12))
def test_round_trip(plaintext, aad, nonce):
    assert decrypt(NEW, encrypt(NEW, plaintext, aad, nonce), aad) == plaintext


def test_the_token_is_aes_256_gcm_as_documented():
    version, key_id, encoded = encrypt(OLD, b"hello", b"aad", NONCE).split(":")
    sealed = base64.b64decode(encoded)
    assert (version, key_id, sealed[:12]) == ("v1", "k1", NONCE)
    assert AESGCM(b"1" * 32).decrypt(NONCE, sealed[12:], b"aad") == b"hello"


def test_rotation():
    token = encrypt(OLD, b"hello", b"a", NONCE)
    assert NEW.current == "k2"
    assert decrypt(NEW, token, b"a") == b"hello"
    assert needs_rotation(NEW, token)
    assert not needs_rotation(OLD, token)
    assert not needs_rotation(NEW, encrypt(NEW, b"hello", b"a", NONCE))


def _code(call, *args):
    with pytest.raises(SecretBoxError) as refused:
        call(*args)
    return refused.value.code


def test_a_token_belongs_to_its_record():
    token = encrypt(OLD, b"hello", b"mfg.credential,7", NONCE)
    assert _code(decrypt, OLD, token, b"mfg.credential,8") == "not_authentic"


def test_a_lost_key_is_named():
    token = encrypt(NEW, b"hello", b"", NONCE)
    assert _code(decrypt, OLD, token, b"") == "unknown_key"
    other = KeyRing.parse(f"k2:{KEY_1}")
    assert _code(decrypt, other, token, b"") == "not_authentic"


@given(st.data())
def test_any_changed_bit_is_noticed(data):
    version, key_id, encoded = encrypt(OLD, b"hello", b"", NONCE).split(":")
    sealed = bytearray(base64.b64decode(encoded))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    token = ":".join([version, key_id, base64.b64encode(sealed).decode()])
    assert _code(decrypt, OLD, token, b"") == "not_authentic"


@given(st.text() | st.from_regex(r"\Av1:k1:[A-Za-z0-9+/=]{0,60}\Z"))
def test_no_text_raises_anything_else(token):
    assert _code(decrypt, OLD, token, b"") in ("bad_token", "unknown_key", "not_authentic")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "v1",
        "v1:k1",
        "v2:k1:AAAA",
        "v1:k1:###",
        "v1:k1:AAAA",
        "v1::AAAA",
        "plain secret",
        "v1:ü:",
    ],
)
def test_bad_tokens(token):
    assert _code(decrypt, OLD, token, b"") == "bad_token"
    assert _code(needs_rotation, OLD, token) == "bad_token"


@pytest.mark.parametrize("size", [0, 11, 13])
def test_nonce_length(size):
    assert _code(encrypt, OLD, b"hello", b"", bytes(size)) == "bad_nonce"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key"),
        (" , ", "no key"),
        (KEY_1, "Key 1: is not written as name:base64"),
        (f"k1:{KEY_1},{KEY_2}", "Key 2: is not written as name:base64"),
        (f":{KEY_1}", "Key 1: its name"),
        (f"{KEY_1}:k1", "Key 1: its name"),
        (f"k1:{KEY_1},k1:{KEY_2}", "Key k1: is given twice"),
        ("k1:not base64!", "Key k1: is not base64"),
        ("k1:" + base64.b64encode(b"short").decode(), "Key k1: has 5 bytes instead of 32"),
        ("k1:", "Key k1: has 0 bytes"),
    ],
)
def test_a_bad_key_ring_says_what_is_wrong_and_shows_nothing(text, said):
    with pytest.raises(SecretBoxError) as refused:
        KeyRing.parse(text)
    assert refused.value.code == "bad_key_ring"
    assert said in str(refused.value)
    for part in text.replace(",", ":").split(":"):
        assert len(part) < 8 or part not in str(refused.value)


def test_a_key_file_may_hold_one_key_a_line():
    ring = KeyRing.parse(f"k2:{KEY_2}\r\n k1 : {KEY_1}\n")
    assert repr(ring) == "<KeyRing k2:***, k1:***>"
    assert ring.current == "k2"


def test_nothing_prints_a_key():
    shown = f"{NEW!r} {NEW!s} {NEW._boxes!r}"
    for secret in (KEY_1, KEY_2, "1" * 32, "2" * 32, repr(b"1" * 32)):
        assert secret not in shown


def test_generated_keys_work():
    ring = KeyRing.parse("new:" + generate_key(secrets.token_bytes))
    assert decrypt(ring, encrypt(ring, b"x", b"", NONCE), b"") == b"x"
    assert generate_key(secrets.token_bytes) != generate_key(secrets.token_bytes)
