"""Encodings and sizes of request bodies."""

import gzip
import zlib

import pytest

from odoo.addons.mfg_integration_base.tools.http_body import (
    BodyError,
    decode,
    is_json_type,
    media_type,
)

LIMIT = 1000


@pytest.mark.parametrize(
    ("header", "name", "is_json"),
    [
        ("application/json", "application/json", True),
        ("Application/JSON ; charset=utf-8", "application/json", True),
        ("application/cloudevents+json", "application/cloudevents+json", True),
        ("text/json", "text/json", False),
        ("application/jsonp", "application/jsonp", False),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", False),
        ("", "", False),
    ],
)
def test_media_types(header, name, is_json):
    assert media_type(header) == name
    assert is_json_type(header) is is_json


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_plain(encoding):
    assert decode(b"x" * LIMIT, encoding, limit=LIMIT) == b"x" * LIMIT


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_gzip(encoding):
    assert decode(gzip.compress(b"x" * LIMIT), encoding, limit=LIMIT) == b"x" * LIMIT


REFUSED = {
    "plain": (b"x" * (LIMIT + 1), "", "too_large"),
    "one byte more inside": (gzip.compress(b"x" * (LIMIT + 1)), "gzip", "too_large"),
    "bomb": (gzip.compress(bytes(500_000)), "gzip", "too_large"),
    "not gzip": (b"{}", "gzip", "bad_encoding"),
    "zlib instead of gzip": (zlib.compress(b"{}"), "gzip", "bad_encoding"),
    "cut off": (gzip.compress(b"{}")[:-1], "gzip", "bad_encoding"),
    "wrong checksum": (gzip.compress(b"{}")[:-8] + bytes(8), "gzip", "bad_encoding"),
    "second member": (gzip.compress(b"{}") * 2, "gzip", "bad_encoding"),
    "empty": (b"", "gzip", "bad_encoding"),
    "brotli": (b"{}", "br", "unsupported_encoding"),
    "twice": (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", "unsupported_encoding"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    body, encoding, code = REFUSED[case]
    with pytest.raises(BodyError) as refused:
        decode(body, encoding, limit=LIMIT)
    assert refused.value.code == code
