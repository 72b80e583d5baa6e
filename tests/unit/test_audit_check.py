"""The chain's verifier: every way to tamper is found, named rightly, and nothing else is."""

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.audit_check import Kind, Member, verify_chain
from odoo.addons.mfg_integration_base.tools.audit_seal import (
    Entry,
    Seal,
    commit,
    genesis,
    leaf,
    seal,
)
from odoo.addons.mfg_integration_base.tools.mac_keys import MacKeys
from odoo.addons.mfg_integration_base.tools.merkle import MerkleRoot

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
OLD = MacKeys({"k1": b"1" * 32})
KEYS = MacKeys({"k2": b"2" * 32, "k1": b"1" * 32})
COLUMNS = ("recorded_at", "user_id", "act", "model", "res_id", "uuid", "company_id")
PERSONAL = ("user_login", "name", "reason", "before", "after")
SIZES = (3, 1, 0, 2)  # of the seals 1 to 4; the first two are under the older key


def an_entry(entry_id):
    columns = {
        "recorded_at": T0 + timedelta(seconds=entry_id),
        "user_id": 2,
        "act": "retry",
        "model": "mfg.outbox.message",
        "res_id": entry_id + 100,
        "uuid": None,
        "company_id": 1,
    }
    personal = {"user_login": "anna", "name": "P7", "reason": "x", "before": None, "after": "{}"}
    salt = bytes([entry_id]) * 16
    return Entry(entry_id, columns, personal, salt, commit(salt, personal))


def a_chain(keys_of=(OLD, OLD, KEYS, KEYS), chain="plant", first=1):
    """Return ``(seals, members)``: a list, and number -> list."""
    seals, members, entry_id, previous = [], {}, first, genesis(chain)
    for number, (size, keys) in enumerate(zip(SIZES, keys_of, strict=True), 1):
        entries = [an_entry(entry_id + offset) for offset in range(size)]
        entry_id += size
        members[number] = [Member(entry.id, leaf(entry), entry) for entry in entries]
        made = seal(
            keys,
            number=number,
            previous=previous,
            root=MerkleRoot(member.leaf for member in members[number]).digest(),
            count=size,
            first_at=entries[0].columns["recorded_at"] if entries else None,
            last_at=entries[-1].columns["recorded_at"] if entries else None,
            sealed_at=T0 + timedelta(hours=number),
        )
        seals.append(made)
        previous = made.mac
    return seals, members


def found(seals, members, keys=KEYS, chain="plant", **more):
    findings = list(verify_chain(seals, lambda n: members.get(n, []), keys, chain=chain, **more))
    assert all(f.message.endswith(".") and "{" not in f.message for f in findings)
    return [(str(f.kind), f.seal, f.entry) for f in findings]


def with_entry(members, number, index, **changes):
    member = members[number][index]
    members[number][index] = replace(member, entry=replace(member.entry, **changes))


OTHER = {
    str: lambda value: value + "!",
    bytes: lambda value: bytes([value[0] ^ 1]) + value[1:],
    int: lambda value: value + 1,
    datetime: lambda value: value + timedelta(microseconds=1),
    type(None): lambda value: "x",
}


def altered(value):
    return OTHER[type(value)](value)


def test_a_whole_chain():
    seals, members = a_chain()
    assert found(seals, members) == []
    assert found(seals, members, anchors={4: seals[3].mac, 1: seals[0].mac}) == []
    assert found([], {}) == []


def test_it_reads_on_as_it_goes():
    """Nothing is read before it is asked for, and a break is told before the rest is read."""
    seals, members = a_chain()
    with_entry(members, 1, 0, id=99)
    read = []

    def feed():
        for made in seals:
            read.append(made.number)
            yield made

    findings = verify_chain(feed(), members.get, KEYS, chain="plant")
    assert read == []
    assert next(findings).seal == 1
    assert read == [1]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["other", None])
def test_each_column(column, value):
    seals, members = a_chain()
    columns = dict(members[1][1].entry.columns)
    if value is None and columns[column] is None:
        return
    columns[column] = value and altered(columns[column])
    with_entry(members, 1, 1, columns=columns)
    assert found(seals, members) == [("altered_entry", 1, 2)]


@pytest.mark.parametrize("column", PERSONAL)
@pytest.mark.parametrize("value", ["other", None])
def test_each_personal_column(column, value):
    seals, members = a_chain()
    personal = dict(members[1][1].entry.personal)
    if value is None and personal[column] is None:
        return
    personal[column] = value and altered(personal[column])
    with_entry(members, 1, 1, personal=personal)
    (finding,) = verify_chain(seals, members.get, KEYS, chain="plant")
    assert (finding.kind, finding.seal, finding.entry) == (Kind.ALTERED_ENTRY, 1, 2)
    assert finding.message == f"Entry 2 of seal 1 was altered: {column}."


@pytest.mark.parametrize("column", PERSONAL)
def test_each_commitment(column):
    """A value with a new commitment that fits it: the leaf tells."""
    seals, members = a_chain()
    entry = members[1][1].entry
    personal = entry.personal | {column: "forged"}
    with_entry(members, 1, 1, personal=personal, commitments=commit(entry.salt, personal))
    assert found(seals, members) == [("altered_entry", 1, 2)]


def test_erased_is_not_broken():
    seals, members = a_chain()
    with_entry(members, 1, 1, personal=dict.fromkeys(PERSONAL), salt=None)
    (finding,) = verify_chain(seals, members.get, KEYS, chain="plant")
    assert (finding.kind, finding.seal, finding.entry) == (Kind.ERASED, 1, 2)
    assert not finding.is_break


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": None},  # what it would hide is still there, and cannot be checked
        {"salt": b"short"},
        {"salt": bytes(16)},
        {"personal": dict.fromkeys(PERSONAL)},
        {"personal": dict.fromkeys(PERSONAL), "salt": None, "commitments": {}},
        {"personal": dict.fromkeys(PERSONAL), "salt": None, "columns": {}},
        {"personal": {}, "columns": {"act": True}},
        {"commitments": None},
        {"id": 9},
    ],
)
def test_what_only_looks_like_an_erasure(changes):
    seals, members = a_chain()
    with_entry(members, 1, 1, **changes)
    assert found(seals, members) == [("altered_entry", 1, 2)]


@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_entry_and_the_leaf_beside_it(number):
    seals, members = a_chain()
    with_entry(members, number, 0, columns={})
    entry = members[number][0].entry
    members[number][0] = replace(members[number][0], leaf=leaf(entry))
    assert found(seals, members) == [("altered_entry", number, None)]


@pytest.mark.parametrize("wrong", [b"", None, b"x" * 32])
def test_the_leaf_alone(wrong):
    seals, members = a_chain()
    members[1][1] = replace(members[1][1], leaf=wrong)
    assert found(seals, members) == [("altered_leaf", 1, 2)]


@pytest.mark.parametrize(("number", "index"), [(1, 0), (1, 1), (1, 2), (2, 0), (4, 0), (4, 1)])
def test_each_deletion(number, index):
    seals, members = a_chain()
    gone = members[number][index]
    members[number][index] = replace(gone, entry=None)
    assert found(seals, members) == [("missing_entry", number, gone.entry_id)]
    del members[number][index]
    assert found(seals, members) == [("missing_entry", number, None)]


@pytest.mark.parametrize(("number", "index"), [(1, 0), (1, 3), (2, 1), (3, 0), (4, 2)])
def test_each_insertion(number, index):
    seals, members = a_chain()
    entry = an_entry(50)
    members[number].insert(index, Member(50, leaf(entry), entry))
    assert found(seals, members) == [("added_entry", number, None)]


def test_an_entry_listed_twice():
    seals, members = a_chain()
    members[1].append(members[1][-1])
    assert found(seals, members) == [("added_entry", 1, None)]


def test_exchanged_entries():
    seals, members = a_chain()
    members[1][0], members[1][1] = members[1][1], members[1][0]
    assert found(seals, members) == [("altered_entry", 1, None)]
    seals, members = a_chain()
    members[1][0], members[2][0] = members[2][0], members[1][0]
    assert found(seals, members) == [("altered_entry", 1, None), ("altered_entry", 2, None)]


def test_an_entry_moved_to_another_seal():
    seals, members = a_chain()
    members[3].append(members[1].pop())
    assert found(seals, members) == [("missing_entry", 1, None), ("added_entry", 3, None)]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("name", [f.name for f in fields(Seal)])
def test_each_column_of_a_seal(index, name):
    seals, members = a_chain()
    seals[index] = replace(seals[index], **{name: altered(getattr(seals[index], name))})
    kinds = [kind for kind, _, _ in found(seals, members)]
    assert ("wrong_key" if name == "key" else "altered_seal") in kinds


@pytest.mark.parametrize("index", range(4))
def test_only_the_altered_mac_is_told(index):
    """The next seal still names the MAC that it had."""
    seals, members = a_chain()
    seals[index] = replace(seals[index], mac=bytes(32))
    assert found(seals, members) == [("altered_seal", index + 1, None)]


@pytest.mark.parametrize("empty", [b"", None])
def test_emptied_hashes_do_not_stop_it(empty):
    seals, members = a_chain()
    seals[1] = replace(seals[1], mac=empty, previous=empty, root=empty)
    assert found(seals, members) == [
        ("broken_link", 2, None),
        ("altered_seal", 2, None),
        ("altered_entry", 2, None),
        ("broken_link", 3, None),
    ]


@pytest.mark.parametrize("index", range(3))
def test_each_missing_seal(index):
    seals, members = a_chain()
    del seals[index]
    assert found(seals, members) == [("missing_seal", index + 1, None)]


def test_several_missing_seals_are_one_finding():
    seals, members = a_chain()
    (finding,) = verify_chain([seals[0], seals[3]], members.get, KEYS, chain="plant")
    assert (finding.kind, finding.seal) == (Kind.MISSING_SEAL, 2)
    assert finding.message.startswith("Seal 2 to 3 is missing")


def test_exchanged_seals():
    seals, members = a_chain()
    seals[1], seals[2] = seals[2], seals[1]
    assert found(seals, members) == [("missing_seal", 2, None), ("reordered_seal", 2, None)]


def test_exchanged_numbers():
    seals, members = a_chain()
    seals[1], seals[2] = replace(seals[2], number=2), replace(seals[1], number=3)
    assert [f[:2] for f in found(seals, members)][:2] == [("broken_link", 2), ("altered_seal", 2)]


def test_a_seal_twice():
    seals, members = a_chain()
    seals.insert(1, seals[0])
    assert found(seals, members) == [("reordered_seal", 1, None)]


def test_a_seal_of_another_chain():
    """Made by the same keys, over entries of its own: only the link tells."""
    seals, members = a_chain()
    others, other_members = a_chain(chain="other", first=20)
    seals[1], members[2] = others[1], other_members[2]
    assert found(seals, members) == [("broken_link", 2, None), ("broken_link", 3, None)]


def test_a_chain_of_another_name():
    seals, members = a_chain(chain="other")
    assert found(seals, members) == [("broken_link", 1, None)]


def test_an_unknown_key():
    seals, members = a_chain()
    only_new = MacKeys({"k2": b"2" * 32})
    assert found(seals, members, only_new) == [("unknown_key", 1, None), ("unknown_key", 2, None)]


def test_entries_are_compared_even_without_the_key():
    seals, members = a_chain()
    with_entry(members, 2, 0, columns={})
    assert ("altered_entry", 2, 4) in found(seals, members, MacKeys({"k2": b"2" * 32}))


def test_a_wrong_key():
    seals, members = a_chain()
    wrong = MacKeys({"k2": b"2" * 32, "k1": b"x" * 32})
    assert found(seals, members, wrong) == [("wrong_key", 1, None), ("wrong_key", 2, None)]


def test_who_has_no_key_cannot_seal():
    _, members = a_chain()
    thief = MacKeys({"k2": b"?" * 32})
    forged, _ = a_chain(keys_of=(thief,) * 4)
    assert {kind for kind, _, _ in found(forged, members)} == {"wrong_key"}
    # With the label of the true key, the MAC does not fit.
    forged = [replace(made, key=KEYS.label("k2")) for made in forged]
    assert {kind for kind, _, _ in found(forged, members)} == {"altered_seal"}


def test_a_cut_off_tail_shows_against_an_anchor():
    seals, members = a_chain()
    anchor = {4: seals[3].mac}
    for kept in range(4):
        assert found(seals[:kept], members) == []
        assert found(seals[:kept], members, anchors=anchor) == [("cut_off", kept + 1, None)]


def test_a_chain_made_anew_shows_against_an_anchor():
    seals, _ = a_chain()
    anew, members = a_chain(first=20)
    assert found(anew, members) == []
    assert found(anew, members, anchors={2: seals[1].mac}) == [("other_seal", 2, None)]


def test_one_break_does_not_hide_the_next():
    seals, members = a_chain()
    with_entry(members, 1, 0, columns={})
    members[1][2] = replace(members[1][2], entry=None)
    with_entry(members, 2, 0, personal=dict.fromkeys(PERSONAL), salt=None)
    members[4].pop()
    assert sorted(found(seals, members), key=str) == [
        ("altered_entry", 1, 1),
        ("erased", 2, 4),
        ("missing_entry", 1, 3),
        ("missing_entry", 4, None),
    ]


SEALS, MEMBERS = a_chain()
VALUES = st.one_of(
    st.none(), st.text(max_size=3), st.integers(), st.datetimes(timezones=st.just(timezone.utc))
)


@given(
    st.sampled_from([(1, 0), (1, 2), (2, 0), (4, 1)]), st.sampled_from(COLUMNS + PERSONAL), VALUES
)
def test_any_other_value_of_any_column_is_found(place, column, value):
    number, index = place
    members = {n: list(of_seal) for n, of_seal in MEMBERS.items()}
    entry = members[number][index].entry
    part = "columns" if column in COLUMNS else "personal"
    before = getattr(entry, part)
    with_entry(members, number, index, **{part: before | {column: value}})
    same = (type(value), value) == (type(before[column]), before[column])
    assert found(SEALS, members) == ([] if same else [("altered_entry", number, entry.id)])


@given(
    st.integers(0, 3),
    st.sampled_from(["number", "count", "first_at", "last_at", "sealed_at", "root", "mac"]),
    st.one_of(st.integers(), st.binary(max_size=33), st.datetimes(timezones=st.just(timezone.utc))),
)
def test_any_other_value_in_a_seal_is_found(index, name, value):
    made = SEALS[index]
    if type(value) is not type(getattr(made, name)) or value == getattr(made, name):
        return
    seals = [*SEALS[:index], replace(made, **{name: value}), *SEALS[index + 1 :]]
    assert any(kind == "altered_seal" for kind, _, _ in found(seals, MEMBERS))
