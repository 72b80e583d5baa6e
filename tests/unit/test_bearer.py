"""Bearer tokens: every slip of a finger is noticed, only the right one fits, and none prints."""

import base64
import doctest
import hashlib
import random
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import bearer
from odoo.addons.mfg_integration_base.tools.bearer import (
    BearerError,
    BearerToken,
    digest,
    from_authorization,
    generate,
    matches,
    parse,
)

TOKEN = generate(random.Random(7).randbytes)
OTHER = generate(random.Random(8).randbytes)
TEXT = TOKEN.encode()


def code_of(text, function=parse):
    with pytest.raises(BearerError) as refused:
        function(text)
    assert len(text) < 12 or text not in str(refused.value)
    return refused.value.code


def test_examples():
    assert doctest.testmod(bearer).failed == 0


def test_the_format_is_the_documented_one():
    key_id, rest = TEXT[4:16], TEXT[17:]
    assert (len(TEXT), TEXT[:4], TEXT[16]) == (67, "mfg_", "_")
    assert key_id == TOKEN.key_id
    assert len(base64.urlsafe_b64decode(rest[:43] + "=")) == 32
    crc = base64.b32decode(rest[43:].upper() + "=")
    assert crc == zlib.crc32(TEXT[:60].encode()).to_bytes(4, "big")


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=32, max_size=32))
def test_round_trip(first, second):
    parts = {8: first, 32: second}
    token = generate(lambda count: parts[count])
    assert parse(token.encode()) == token
    assert matches(parse(token.encode()), digest(token))


def test_generate_asks_for_enough_randomness():
    asked = []
    generate(lambda count: asked.append(count) or bytes(count))
    assert asked == [8, 32]


def test_every_wrong_character_is_noticed():
    for place in range(len(TEXT)):
        for character in string.ascii_letters + string.digits + "_-":
            wrong = TEXT[:place] + character + TEXT[place + 1 :]
            if wrong != TEXT:
                assert code_of(wrong) in ("mistyped", "not_a_token")


def test_every_swap_of_neighbours_is_noticed():
    for place in range(len(TEXT) - 1):
        wrong = TEXT[:place] + TEXT[place + 1] + TEXT[place] + TEXT[place + 2 :]
        if wrong != TEXT:
            assert code_of(wrong) in ("mistyped", "not_a_token")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mfg_",
        TEXT[:-1],
        TEXT[1:],
        TEXT + "a",
        f" {TEXT}",
        f"{TEXT}\n",
        TEXT.upper(),
        TEXT * 2,
        "whsec_" + TEXT,
        TEXT.replace("_", "-"),
        TEXT[:20] + "é" + TEXT[21:],
        "\ud800" + TEXT[1:],
    ],
)
def test_what_is_no_token(text):
    assert code_of(text) == "not_a_token"


def test_stored_is_a_plain_sha_256_of_the_whole():
    assert digest(TOKEN) == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    "stored",
    [None, "", "x", "é", "\ud800", digest(OTHER), digest(TOKEN)[:-1], digest(TOKEN).upper(), TEXT],
)
def test_what_does_not_match(stored):
    assert not matches(TOKEN, stored)


def test_nothing_prints():
    assert repr(TOKEN) == f"<BearerToken mfg_{TOKEN.key_id}_***>"
    assert TEXT[17:] not in f"{TOKEN} {TOKEN!r} {[TOKEN]}"


def test_equality_and_hash():
    same = BearerToken(TEXT)
    assert same == TOKEN and hash(same) == hash(TOKEN) and TOKEN != OTHER and TOKEN != TEXT


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Basic YTpi", None),
        ("Bearertoken x", None),
        ("mfg_x", None),
        (f"Bearer {TEXT}", TEXT),
        (f"BEARER {TEXT}", TEXT),
        (f"bearer   {TEXT}", TEXT),
        ("Bearer a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
        ("Bearer " + "a" * 4096, "a" * 4096),
    ],
)
def test_header(header, token):
    assert from_authorization(header) == token


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer é",
        "Bearer " + "a" * 4097,
        "Bearer a\n",
        "Bearer \ta",
    ],
)
def test_malformed_header(header):
    assert code_of(header, from_authorization) == "bad_header"
