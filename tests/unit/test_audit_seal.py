"""What is sealed: bytes that nothing else has, commitments that survive an erasure, one MAC."""

import doctest
import hashlib
import hmac
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import audit_seal
from odoo.addons.mfg_integration_base.tools.audit_seal import (
    Entry,
    canonical,
    commit,
    genesis,
    leaf,
    seal,
)
from odoo.addons.mfg_integration_base.tools.mac_keys import MacKeys

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
SALT = bytes(range(16))
KEYS = MacKeys({"k2": b"2" * 32, "k1": b"1" * 32})
PERSONAL = {"user_login": "anna", "reason": None}
ENTRY = Entry(7, {"act": "retry", "recorded_at": T0}, PERSONAL, SALT, commit(SALT, PERSONAL))
ERASED = replace(ENTRY, personal=dict.fromkeys(PERSONAL), salt=None)
MOMENTS = st.datetimes(timezones=st.just(timezone.utc))
VALUES = st.one_of(st.none(), st.text(max_size=4), st.integers(), MOMENTS)
COLUMNS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)
SEALED = {
    "number": 3,
    "previous": b"p" * 32,
    "root": b"r" * 32,
    "count": 2,
    "first_at": T0,
    "last_at": T0,
    "sealed_at": T0,
}


def without_nulls(columns):
    # A time equals the same moment in another zone, and is meant to.
    return {name: (type(v), v) for name, v in columns.items() if v is not None}


def test_examples():
    assert doctest.testmod(audit_seal).failed == 0


@given(COLUMNS, COLUMNS)
def test_different_columns_have_different_bytes(one, other):
    same = without_nulls(one) == without_nulls(other)
    assert (canonical(one) == canonical(other)) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "x", "b": "y"}, {"a": "y", "b": "x"}),
        ({"a": "1"}, {"a": 1}),
        ({"a": ""}, {"a": None}),
        ({"a": ""}, {}),
        ({"a": "\ud800"}, {"a": "?"}),
        ({"a": "b\x00s"}, {"a": "b", "s": ""}),
        ({"a": T0}, {"a": "2026-11-23T12:00:00.000000+00:00"}),
        ({"a": T0}, {"a": T0 + timedelta(microseconds=1)}),
    ],
)
def test_what_must_not_look_alike(one, other):
    assert canonical(one) != canonical(other)


def test_a_moment_is_the_same_in_every_zone():
    there = T0.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert canonical({"a": there}) == canonical({"a": T0})


@pytest.mark.parametrize("value", [True, False, 1.0, b"x", [], {}])
def test_refused_types(value):
    with pytest.raises(TypeError, match=r"^secret_column: \w+ is no text, whole number or time.$"):
        canonical({"secret_column": value})


def test_refused_time_without_zone():
    with pytest.raises(ValueError, match="a: the time has no zone"):
        canonical({"a": T0.replace(tzinfo=None)})


@given(VALUES, VALUES)
def test_a_commitment_binds(one, other):
    same = (type(one), one) == (type(other), other)
    assert (commit(SALT, {"a": one}) == commit(SALT, {"a": other})) is same


def test_a_commitment_is_of_one_entry_and_column():
    of_a = commit(SALT, {"a": "x", "b": "x"})
    assert len({*of_a.values(), *commit(bytes(16), {"a": "x"}).values()}) == 3


@pytest.mark.parametrize("salt", [b"", bytes(15), bytes(17)])
def test_salts_of_another_length_are_refused(salt):
    with pytest.raises(ValueError, match=f"The salt has {len(salt)} bytes instead of 16"):
        commit(salt, PERSONAL)


def test_an_erased_entry_keeps_its_leaf():
    assert leaf(ERASED) == leaf(ENTRY)
    assert (ENTRY.is_erased, ERASED.is_erased) == (False, True)
    assert ENTRY.wrong_columns() == ERASED.wrong_columns() == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"personal": PERSONAL | {"user_login": "bert"}}, ["user_login"]),
        ({"personal": {"user_login": None, "reason": "x"}}, ["reason", "user_login"]),
        ({"personal": {}}, ["user_login"]),
        ({"personal": PERSONAL | {"later": "x"}}, ["later"]),
        ({"personal": PERSONAL | {"later": None}}, []),
        ({"salt": bytes(16)}, ["reason", "user_login"]),
        ({"salt": None}, ["user_login"]),
        ({"salt": None, "personal": dict.fromkeys(PERSONAL)}, []),
        ({"commitments": {}}, ["user_login"]),
    ],
)
def test_wrong_columns(changes, wrong):
    entry = replace(ENTRY, **changes)
    assert entry.wrong_columns() == wrong
    assert not (wrong and entry.is_erased)


def test_an_entry_without_commitments_was_not_erased():
    assert not replace(ERASED, commitments={}).is_erased


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 8},
        {"columns": {"act": "cancel", "recorded_at": T0}},
        {"columns": {"act": "retry"}},
        {"columns": {"act": "retry", "recorded_at": T0, "uuid": ""}},
        {"commitments": {}},
        {"commitments": commit(bytes(16), PERSONAL)},
        {"commitments": {"user_login": ENTRY.commitments["user_login"]}},
    ],
)
def test_every_part_is_in_the_leaf(changes):
    assert leaf(replace(ENTRY, **changes)) != leaf(ENTRY)


def test_personal_values_do_not_print():
    assert "anna" not in repr(ENTRY) and repr(SALT) not in repr(ENTRY)


def test_a_seal_is_under_the_current_key():
    made = seal(KEYS, **SEALED)
    assert (made.key, made.key_id) == (KEYS.label("k2"), "k2")
    assert made.mac == made.expected_mac(KEYS)
    assert {name: getattr(made, name) for name in SEALED} == SEALED


def test_the_mac_is_hmac_sha_256_as_documented():
    def framed(*parts):
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    moment = b"2026-11-23T12:00:00.000000+00:00"
    columns = framed(
        b"count", b"i", b"2",
        b"first_at", b"t", moment,
        b"key", b"s", KEYS.label("k2").encode(),
        b"last_at", b"t", moment,
        b"number", b"i", b"3",
        b"sealed_at", b"t", moment,
    )  # fmt: skip
    data = framed(b"mfg-audit-seal-1", b"p" * 32, b"r" * 32, columns)
    assert seal(KEYS, **SEALED).mac == hmac.new(b"2" * 32, data, hashlib.sha256).digest()


@pytest.mark.parametrize("name", [f.name for f in fields(audit_seal.Seal) if f.name != "mac"])
def test_every_part_is_in_the_mac(name):
    made = seal(KEYS, **SEALED)
    later = T0 + timedelta(microseconds=1)
    others = {int: 4, bytes: b"x" * 32, datetime: later, str: KEYS.label("k1")}
    altered = replace(made, **{name: others[type(getattr(made, name))]})
    assert altered.expected_mac(KEYS) != made.mac


def test_an_empty_seal():
    made = seal(KEYS, **SEALED | {"count": 0, "first_at": None, "last_at": None})
    assert made.mac == made.expected_mac(KEYS)


@pytest.mark.parametrize(
    "wrong",
    [{"number": 0}, {"count": -1}, {"previous": b""}, {"root": b"x" * 31}]
    + [{name: T0.replace(tzinfo=None)} for name in ("first_at", "last_at", "sealed_at")],
)
def test_what_cannot_be_sealed(wrong):
    with pytest.raises(ValueError, match=r"cannot be|not 32 bytes|no zone"):
        seal(KEYS, **SEALED | wrong)


def test_a_seal_needs_its_key():
    with pytest.raises(KeyError):
        seal(KEYS, **SEALED).expected_mac(MacKeys({"k1": b"1" * 32}))


def test_two_chains_begin_differently():
    assert genesis("a") != genesis("b") and len(genesis("")) == 32
