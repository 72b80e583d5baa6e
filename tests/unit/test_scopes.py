"""Scopes: nothing is allowed that no entry names, and no request gets more than the grant."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import scopes
from odoo.addons.mfg_integration_base.tools.scopes import ScopeError, Scopes

RESOURCES = st.lists(st.sampled_from(["a", "b", "ab", "v1"]), min_size=1, max_size=3).map(".".join)
PATTERNS = st.one_of(RESOURCES, RESOURCES.map("{}.*".format), st.just("*"))
ENTRIES = st.tuples(st.sampled_from(["read", "write"]), PATTERNS).map(":".join)
TEXTS = st.lists(ENTRIES, max_size=4).map(" ".join)


def code_of(function, *args):
    with pytest.raises(ScopeError) as refused:
        function(*args)
    return refused.value.code


def test_examples():
    assert doctest.testmod(scopes).failed == 0


@pytest.mark.parametrize(
    ("text", "action", "resource", "allowed"),
    [
        ("", "write", "production.report.v1", False),
        ("", "read", "messages", False),
        ("write:production.report.v1", "write", "production.report.v1", True),
        ("write:production.report.v1", "read", "production.report.v1", False),
        ("write:production.report.v1", "write", "production.report.v2", False),
        ("write:production.report.v1", "write", "production.report.v10", False),
        ("write:production.report.v1", "write", "production.report", False),
        ("write:production.*", "write", "production.report.v1", True),
        ("write:production.*", "write", "production.v1", True),
        ("write:production.*", "write", "production", False),
        ("write:production.*", "write", "productions.report.v1", False),
        ("write:production.*", "read", "production.report.v1", False),
        ("write:*", "write", "production.report.v1", True),
        ("write:*", "write", "messages", True),
        ("write:*", "read", "messages", False),
        ("read:messages", "read", "messages", True),
        ("read:messages\nread:catalogue", "read", "catalogue", True),
        ("write:*", "write", "", False),
        ("write:*", "write", "*", False),
        ("write:*", "write", "production.*", False),
        ("write:production.*", "write", "production.*", False),
        ("write:*", "write", "a b", False),
        ("write:*", "write", "A.v1", False),
        ("write:*", "delete", "messages", False),
        ("write:*", "", "messages", False),
    ],
)
def test_allows(text, action, resource, allowed):
    assert Scopes.parse(text).allows(action, resource) is allowed


@pytest.mark.parametrize(
    "entry",
    [
        "write",
        "write:",
        ":x",
        "*",
        "*:*",
        "delete:x",
        "Write:x",
        "write:X",
        "write:a*",
        "write:a.**",
        "write:*.v1",
        "write:.a",
        "write:a..b",
        "write:a.",
        "write:a,read:b",
        "write:1",
        "write:a:b",
        "write:é",
        "write:a#",
    ],
)
def test_the_bad_entry_is_named_and_what_is_allowed(entry):
    with pytest.raises(ScopeError) as refused:
        Scopes.parse(f"read:messages\n{entry} write:b")
    assert refused.value.code == "bad_scope"
    assert f"“{entry}”" in str(refused.value) and "production.*" in str(refused.value)


def test_too_long():
    assert code_of(Scopes.parse, "read:a " * 1429) == "too_long"
    assert Scopes.parse("read:a " * 1428)


@given(TEXTS)
def test_round_trip(text):
    parsed = Scopes.parse(text)
    assert Scopes.parse(str(parsed)) == parsed
    assert str(parsed).split() == sorted(set(text.split()))
    assert bool(parsed) is bool(text)


@pytest.mark.parametrize(
    ("granted", "requested", "narrowed"),
    [
        ("write:a.* read:messages", None, "read:messages write:a.*"),
        ("write:a.* read:messages", " ", "read:messages write:a.*"),
        ("write:a.* read:messages", "write:a.b.v1", "write:a.b.v1"),
        ("write:a.* read:messages", "write:*", "write:a.*"),
        ("write:a.* write:b.c.v1 read:x", "write:*", "write:a.* write:b.c.v1"),
        ("write:a.*", "write:a.*", "write:a.*"),
        ("write:*", "write:a.* write:b", "write:a.* write:b"),
        ("write:a.* read:x", "write:b.* read:x", None),
        ("write:a.*", "read:a.b", None),
        ("write:a.*", "openid", None),
        ("write:a.*", "write:a", None),
        ("", "read:messages", None),
        ("", None, None),
    ],
)
def test_narrowed(granted, requested, narrowed):
    scopes_ = Scopes.parse(granted)
    if narrowed is None:
        assert code_of(scopes_.narrowed, requested) == "invalid_scope"
    else:
        assert str(scopes_.narrowed(requested)) == narrowed


@given(TEXTS, TEXTS, st.sampled_from(["read", "write"]), RESOURCES)
def test_narrowed_is_the_intersection(granted, requested, action, resource):
    have, want = Scopes.parse(granted), Scopes.parse(requested)
    try:
        given_ = have.narrowed(requested)
    except ScopeError:
        return
    both = have.allows(action, resource) and (not want or want.allows(action, resource))
    assert given_.allows(action, resource) is both
