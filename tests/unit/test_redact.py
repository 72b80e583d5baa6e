"""Nothing that is kept may hold a secret, and what is kept stays readable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import redact


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("webhook-signature", True),
        ("Cookie", True),
        ("Set-Cookie", True),
        ("X-Api-Key", True),
        ("apikey", True),
        ("x-amz-security-token", True),
        ("client_secret", True),
        ("userPassword", True),
        ("passwd", True),
        ("private_key", True),
        ("access-key-id", True),
        ("pin", True),
        ("webhook-id", False),
        ("Content-Type", False),
        ("shipping", False),
        ("key", False),
        ("compass", False),
    ],
)
def test_names(name, sensitive):
    assert redact.is_sensitive(name) is sensitive


def test_headers_keep_their_names_and_harmless_values():
    given_headers = {"Authorization": "Bearer abcdef", "webhook-id": "m1", "Content-Length": 5}
    assert redact.headers(given_headers) == {
        "Authorization": "***",
        "webhook-id": "m1",
        "Content-Length": "5",
    }
    assert redact.headers([("Cookie", "a=b")]) == {"Cookie": "***"}


def test_values_are_masked_at_any_depth():
    document = {"a": [{"password": "x", "qty": 5}], "token": {"deep": 1}, "pin": "", "secret": None}
    assert redact.value(document) == {
        "a": [{"password": "***", "qty": 5}],
        "token": "***",
        "pin": "",
        "secret": None,
    }
    assert document["token"] == {"deep": 1}, "the original is left alone"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ('{"ok": 1.50}', '{"ok": 1.50}'),  # kept in the partner's own spelling
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ('[{"password": "ä"}]', '[{"password": "***"}]'),
        # The first of two equal keys is lost in reading, but would still stand in the text.
        ('{"a": {"password": "hunter2"}, "a": 1}', '{"a": 1}'),
        ("grant=x&client_secret=hunter2&b=1", "grant=x&client_secret=***&b=1"),
        ('{"password": "hunter2", broken', '{"password": "***", broken'),
        ("Authorization: Bearer abcdef.ghi", "Authorization: *** ***"),
        ("sent Bearer abcdef-ghi today", "sent Bearer *** today"),
        ("sent basic dXNlcjpwYXNz", "sent basic ***"),
        ("<title>It failed</title>", "<title>It failed</title>"),
        ("", ""),
    ],
)
def test_text(raw, clean):
    assert redact.text(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        "refused: hunter/2 €",
        "refused: hunter%2F2%20%E2%82%AC",
        '{"echo": "hunter/2 \\u20ac"}',
        '{"echo": "hunter/2 €"}',
    ],
)
def test_a_known_secret_goes_wherever_it_stands(raw):
    clean = redact.text(raw, secrets=["hunter/2 €"])
    assert "hunter" not in clean
    assert "***" in clean


def test_the_longest_known_secret_goes_first():
    assert redact.text("x=secretlonger", ["secret", "secretlonger"]) == "x=***"


def test_short_values_are_not_searched_for():
    assert redact.text("abc 2026", ["abc", "2026", ""]) == "abc 2026"


@given(st.text() | st.binary(), st.integers(0, 80))
def test_excerpt_is_bounded_and_storable(raw, limit):
    clean = redact.excerpt(raw, limit)
    assert len(clean) <= limit
    assert "\0" not in clean
    clean.encode()


@given(st.text("xyz "), st.text("xyz "), st.integers(0, 60))
def test_a_cut_never_leaves_a_part_of_a_secret(before, after, limit):
    clean = redact.excerpt(f"{before}QQQQQQQQ{after}", limit, ["QQQQQQQQ"])
    assert "Q" not in clean


@pytest.mark.parametrize(
    ("raw", "limit", "clean"),
    [
        (b"short", 100, "short"),
        (b"\xffx\0", 100, "\ufffdx\ufffd"),
        ("a" * 100, 60, "a" * 30 + "… [cut, 100 characters in all]"),
        (b"a" * 100, 40, "a" * 15 + "… [cut, 100 bytes in all]"),
        (b"a" * 100, 5, "… [cu"),
        (b"a" * 100, 0, ""),
        ("\ud800", 9, "?"),
    ],
)
def test_excerpt(raw, limit, clean):
    assert redact.excerpt(raw, limit) == clean


@pytest.mark.parametrize("part", ["a", "token", "token=", "token: ", "{", '{"token":', "Bearer "])
def test_no_text_makes_the_search_slow(part):
    """A quarter of a megabyte; a search that grows with the square would run for minutes."""
    assert redact.excerpt(part * (250_000 // len(part)), 100)


def test_a_deep_body_is_still_masked():
    raw = "[" * 100_000 + '{"password": "hunter2"'
    assert "hunter2" not in redact.text(raw)


@given(st.dictionaries(st.sampled_from(["password", "x", "token"]), st.text(min_size=8)))
def test_json_stays_json(document):
    clean = json.loads(redact.text(json.dumps(document)))
    assert set(clean) == set(document)
    assert all(clean[key] == "***" for key in clean if key != "x")
