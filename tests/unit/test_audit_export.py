"""An exported part of the audit trail is the signer's, whole and unaltered, or it is nothing."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import audit_export
from odoo.addons.mfg_integration_base.tools.audit_export import ExportError

SEED = bytes(range(32))
KEY = audit_export.public_key(SEED)
LINES = [{"kind": "entry", "id": 1, "name": "Größe\u2028"}, {"kind": "entry", "id": 2}]
FILE = audit_export.write(SEED, {"from": "2026-01-01"}, LINES)


def test_it_reads_back():
    head, *lines = audit_export.read(FILE, KEY)
    assert head == {"kind": "head", "format": audit_export.FORMAT, "from": "2026-01-01"}
    assert lines == LINES


def test_any_ed25519_library_checks_it():
    *body, last = FILE.splitlines(keepends=True)
    mark = json.loads(last)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(KEY))
    key.verify(base64.b64decode(mark["signature"]), b"".join(body))  # raises if it is not
    assert mark["public_key"] == KEY


def test_the_published_key_of_a_published_seed():
    """RFC 8032 section 7.1, test 1."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert base64.b64decode(audit_export.public_key(seed)).hex() == expected


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(place, change):
    altered = bytearray(FILE)
    altered[place] ^= change
    try:
        lines = audit_export.read(bytes(altered), KEY)
    except ExportError:
        return
    # Of the last line, only the signature counts.
    assert place >= FILE.rindex(b'{"algorithm"') - 1
    assert lines[1:] == LINES


@pytest.mark.parametrize(
    "file",
    [
        b"", b"\n", b"{}", FILE[:-200], b"".join(FILE.splitlines(keepends=True)[1:]),
        b"".join(FILE.splitlines(keepends=True)[:-1]), FILE + FILE.splitlines()[1] + b"\n",
    ],
)  # fmt: skip
def test_what_is_not_the_whole_file(file):
    with pytest.raises(ExportError):
        audit_export.read(file, KEY)


def test_somebody_elses_signature_is_none():
    other = audit_export.write(bytes(32), {}, LINES)
    with pytest.raises(ExportError, match="another key"):
        audit_export.read(other, KEY)


def test_an_empty_period():
    assert len(audit_export.read(audit_export.write(SEED, {}, []), KEY)) == 1
