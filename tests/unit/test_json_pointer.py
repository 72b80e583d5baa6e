"""The examples of RFC 6901 section 5, and what is not there."""

import pytest

from odoo.addons.mfg_integration_base.tools.json_pointer import PointerError, parse, resolve

DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}

FOUND = {
    "": DOCUMENT,
    "/foo": ["bar", "baz"],
    "/foo/0": "bar",
    "/": 0,
    "/a~1b": 1,
    "/c%d": 2,
    "/e^f": 3,
    "/g|h": 4,
    "/i\\j": 5,
    '/k"l': 6,
    "/ ": 7,
    "/m~0n": 8,
}


@pytest.mark.parametrize("pointer", FOUND)
def test_found(pointer):
    assert resolve(DOCUMENT, pointer) == FOUND[pointer]


@pytest.mark.parametrize(
    "pointer",
    ["/bar", "/foo/2", "/foo/-", "/foo/01", "/foo/-1", "/foo/x", "/foo/0/x", "/foo/\u0660", "/a/b"],
)
def test_nothing_there(pointer):
    with pytest.raises(PointerError):
        resolve(DOCUMENT, pointer)


@pytest.mark.parametrize("pointer", ["foo", "/m~n", "/m~", "/~2", "/nothing/m~", "/~/foo"])
def test_not_a_pointer(pointer):
    with pytest.raises(ValueError, match="not a JSON pointer"):
        parse(pointer)
    with pytest.raises(ValueError, match="not a JSON pointer"):
        resolve(DOCUMENT, pointer)


def test_tilde_one_is_not_read_twice():
    assert resolve({"~1": "here", "/": "not here"}, "/~01") == "here"


def test_the_way_to_the_place():
    assert parse("") == []
    assert parse("/") == [""]
    assert parse("/a~1b/~01/0") == ["a/b", "~1", "0"]
