"""Client certificates as text: what is read, what is refused, and that the key stays hidden."""

import os
import re
import tempfile
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from odoo.addons.mfg_integration_base.tools import client_certificate
from odoo.addons.mfg_integration_base.tools.client_certificate import (
    ClientCertificateError,
    parse,
)

from tests.harness.certificates import Authority, key_pem

ROOT = Authority("Root")
MIDDLE = Authority("Middle", parent=ROOT)
ISSUED = MIDDLE.issue("plant 7")


def code_of(text):
    with pytest.raises(ClientCertificateError) as refused:
        parse(text)
    for line in text.splitlines():
        assert len(line) < 40 or line not in str(refused.value)
    return refused.value.code


def test_what_everybody_may_know():
    certificate = parse(ISSUED.pem)
    assert (certificate.subject, certificate.issuer) == ("CN=plant 7", "CN=Middle")
    assert certificate.not_before < datetime.now(timezone.utc) < certificate.not_after
    assert re.fullmatch("[0-9A-F]+", certificate.serial)
    assert re.fullmatch("[0-9A-F]{2}(:[0-9A-F]{2}){31}", certificate.fingerprint)


def test_the_key_does_not_print():
    certificate = parse(ISSUED.pem)
    assert "PRIVATE" in certificate.pem
    assert "-----" not in f"{certificate!r} {certificate}"


def test_any_order_and_anything_between():
    stranger = Authority("Stranger").pem
    text = "\r\n".join(
        [
            "Bag Attributes",
            "  friendlyName: x",
            ROOT.pem,
            ISSUED.key,
            stranger,
            MIDDLE.pem.replace("\n", "\r\n"),
            "subject=plant",
            ISSUED.certificate,
            "",
        ]
    )
    certificate = parse(text)
    chain = ISSUED.certificate + MIDDLE.pem + ROOT.pem
    assert certificate.pem == chain + ISSUED.key
    assert parse(certificate.pem) == certificate


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ec", "ed25519", "rsa"],
)
def test_kinds_of_keys(key):
    issued = ROOT.issue(key=key)
    certificate = parse(issued.pem)
    assert certificate.pem.endswith("PRIVATE KEY-----\n")
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        traditional = key_pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL)
        assert "BEGIN PRIVATE" not in traditional
        assert parse(issued.certificate + traditional) == certificate


def with_content_of(block, garbage="AAAA"):
    lines = block.splitlines()
    return "\n".join([lines[0], garbage, lines[-1], ""])


ENCRYPTED = ROOT.issue(passphrase="hunter2")
OLD_STYLE = key_pem(
    ec.generate_private_key(ec.SECP256R1()),
    passphrase="hunter2",
    form=serialization.PrivateFormat.TraditionalOpenSSL,
)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "no_certificate", "paste the certificate"),
        ("MIIC5zCCAc8CAQ", "no_certificate", "paste the certificate"),
        (ISSUED.key, "no_certificate", "holds no certificate"),
        (ISSUED.certificate, "no_key", "paste the key"),
        (ENCRYPTED.pem, "encrypted_key", "passphrase"),
        (ISSUED.certificate + OLD_STYLE, "encrypted_key", "passphrase"),
        (ISSUED.certificate + ROOT.issue().key, "mismatch", "CN=plant 7"),
        (ISSUED.pem + ISSUED.key, "many_keys", "2 private keys"),
        (with_content_of(ISSUED.certificate) + ISSUED.key, "bad_certificate", "Certificate 1"),
        (ISSUED.certificate + with_content_of(ISSUED.key), "bad_key", "damaged"),
        (ISSUED.certificate + with_content_of(ISSUED.key, "?ä"), "bad_key", "damaged"),
        (ISSUED.pem[:-30], "cut_off", "breaks off"),
        (ISSUED.pem.replace("END CERT", "END HURT"), "cut_off", "breaks off"),
        (ISSUED.certificate * 60, "cut_off", "breaks off"),
        ("-----BEGIN " * 5000, "cut_off", "breaks off"),
        ("-" * 70_000, "too_long", "characters"),
    ],
)
def test_what_is_wrong_is_said(text, code, said):
    assert code_of(text) == code
    with pytest.raises(ClientCertificateError, match=said):
        parse(text)


def test_a_key_that_openssl_finds_too_weak():
    weak = ROOT.issue(key=rsa.generate_private_key(65537, 1024))
    assert code_of(weak.pem) == "refused"


@pytest.mark.parametrize(("days", "code"), [((-9, -2), "expired"), ((2, 9), "not_yet_valid")])
def test_validity_at_the_given_time(days, code):
    certificate = parse(ROOT.issue(days=days).pem)  # reading does not ask
    now = datetime.now(timezone.utc)
    with pytest.raises(ClientCertificateError) as refused:
        certificate.check_valid(now)
    assert refused.value.code == code
    side = certificate.not_after if code == "expired" else certificate.not_before
    assert f"{side:%Y-%m-%d}" in str(refused.value)
    certificate.check_valid(certificate.not_before)
    certificate.check_valid(certificate.not_after)
    second = timedelta(seconds=1)
    for moment in (certificate.not_before - second, certificate.not_after + second):
        with pytest.raises(ClientCertificateError):
            certificate.check_valid(moment)
    certificate.check_not_expired(certificate.not_before - second)


# -- OpenSSL has the last word


@pytest.fixture
def opened(monkeypatch):
    """The paths that keys are read from, each with its mode at that time."""
    seen = []
    real = client_certificate.secret_file

    class Recorded:
        def __init__(self, content):
            self._file = real(content)

        def __enter__(self):
            path = self._file.__enter__()
            seen.append((path, os.stat(path).st_mode & 0o777))
            return path

        def __exit__(self, *exc_info):
            return self._file.__exit__(*exc_info)

    monkeypatch.setattr(client_certificate, "secret_file", Recorded)
    return seen


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="a system without memory files")
def test_the_key_never_touches_the_disk(opened, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    parse(ISSUED.pem)
    assert len(opened) == 1
    assert all(path.startswith("/proc/self/fd/") for path, _mode in opened)
    assert not any(os.path.exists(path) for path, _mode in opened)


def test_elsewhere_its_file_is_private_and_goes_at_once(opened, monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parse(ISSUED.pem)
    assert [os.path.dirname(path) for path, _mode in opened] == [str(tmp_path)]
    assert {mode for _path, mode in opened} == {0o600}
    assert os.listdir(tmp_path) == []


def test_a_file_goes_when_the_key_is_refused_too(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    weak = ROOT.issue(key=rsa.generate_private_key(65537, 1024))
    assert code_of(weak.pem) == "refused"
    assert os.listdir(tmp_path) == []
