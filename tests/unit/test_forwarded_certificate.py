"""Forwarded certificates: from trusted proxies only, one only, and in the agreed form only."""

import base64
import doctest
import ssl
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import forwarded_certificate
from odoo.addons.mfg_integration_base.tools.forwarded_certificate import (
    Form,
    ForwardedCertificateError,
    TrustedProxies,
    fingerprint,
    matches,
    parse_fingerprint,
    read,
)

from tests.harness.certificates import Authority

PEM = Authority("Root").issue("plant 7").certificate
DER = ssl.PEM_cert_to_DER_cert(PEM)
X509 = x509.load_der_x509_certificate(DER)
OTHER = Authority("Other").issue("plant 8").certificate
FIELD = f":{base64.b64encode(DER).decode()}:"
ESCAPED = quote(PEM, safe="")
PROXIES = TrustedProxies.parse("10.0.0.0/28 # the pair at the gate\n\nfd00::5\n192.0.2.7")


def reading(value, form=Form.RFC9440, peer="10.0.0.3", proxies=PROXIES):
    values = [value] if isinstance(value, str) else value
    return read(values, name="Client-Cert", form=form, peer=peer, proxies=proxies)


def code_of(function, *args, **kwargs):
    with pytest.raises(ForwardedCertificateError) as refused:
        function(*args, **kwargs)
    return refused.value.code


def test_examples():
    assert doctest.testmod(forwarded_certificate).failed == 0


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (Form.RFC9440, FIELD),
        (Form.RFC9440, f"  {FIELD} "),
        (Form.NGINX, ESCAPED),
        (Form.NGINX, ESCAPED.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")),
        (Form.NGINX, ESCAPED.replace("%0A", "%0D%0A")),
        (Form.NGINX, ESCAPED.removesuffix("%0A")),
        (Form.NGINX, ESCAPED.replace("%0A", "%20%0A%09")),
    ],
)
def test_what_is_read(form, value):
    certificate = reading(value, form)
    assert certificate.der == DER
    assert certificate.subject == "CN=plant 7"
    assert certificate.fingerprint == X509.fingerprint(hashes.SHA256()).hex()
    assert certificate.not_before == X509.not_valid_before_utc
    assert certificate.not_after == X509.not_valid_after_utc


@pytest.mark.parametrize("values", [[], [""], ["", " "]])
@pytest.mark.parametrize("peer", ["10.0.0.3", "8.8.8.8", ""])
def test_no_certificate_shown(values, peer):
    assert reading(values, Form.NGINX, peer) is None


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.0.0.0", True),
        ("10.0.0.15", True),
        ("::ffff:10.0.0.3", True),
        ("fd00::5", True),
        ("fd00:0::0005", True),
        ("192.0.2.7", True),
        ("10.0.0.16", False),
        ("::ffff:10.0.0.16", False),
        ("::10.0.0.3", False),
        ("fd00::6", False),
        ("127.0.0.1", False),
        ("", False),
        ("10.0.0.3, 8.8.8.8", False),
        ("10.0.0.3:443", False),
        ("localhost", False),
        ("010.0.0.3", False),
    ],
)
def test_who_is_trusted(peer, trusted):
    assert PROXIES.trust(peer) is trusted
    if trusted:
        assert reading(FIELD, peer=peer)
    else:
        assert code_of(reading, FIELD, peer=peer) == "untrusted_peer"


def test_nobody_is_trusted_by_default():
    assert code_of(reading, FIELD, proxies=TrustedProxies()) == "untrusted_peer"
    assert code_of(reading, FIELD, proxies=TrustedProxies.parse("# none\n")) == "untrusted_peer"


def test_a_stranger_learns_only_that():
    """What a stranger sends is not even looked at."""
    for value in ("rubbish", "x" * 20000, [FIELD, FIELD]):
        assert code_of(reading, value, peer="8.8.8.8") == "untrusted_peer"


def test_the_refusal_names_the_address():
    with pytest.raises(
        ForwardedCertificateError, match=r"^Client-Cert came from 8\.8\.8\.8, which"
    ):
        reading(FIELD, peer="8.8.8.8")


@pytest.mark.parametrize(
    "line",
    [
        "10.0.0.1/28",
        "10.0.0",
        "proxy.example",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/33",
        "10.0.0.1 10.0.0.2",
    ],
)
def test_bad_networks(line):
    with pytest.raises(ForwardedCertificateError, match="Line 2, “") as refused:
        TrustedProxies.parse(f"10.0.0.1\n{line}")
    assert refused.value.code == "bad_network" and line in str(refused.value)


@pytest.mark.parametrize(
    ("form", "value", "code"),
    [
        (Form.RFC9440, ESCAPED, "bad_header"),
        (Form.NGINX, FIELD, "bad_header"),
        (Form.RFC9440, [FIELD, FIELD], "duplicate_header"),
        (Form.NGINX, [ESCAPED, quote(OTHER)], "duplicate_header"),
        (Form.RFC9440, f"{FIELD}, {FIELD}", "bad_header"),
        (Form.RFC9440, f"{FIELD};a=1", "bad_header"),
        (Form.RFC9440, FIELD[1:], "bad_header"),
        (Form.RFC9440, FIELD[:-1], "bad_header"),
        (Form.RFC9440, FIELD[1:-1], "bad_header"),
        (Form.RFC9440, FIELD[:-1] + "x", "bad_header"),
        (Form.RFC9440, "x" + FIELD[1:], "bad_header"),
        (Form.RFC9440, ":", "bad_header"),
        (Form.RFC9440, "::", "bad_header"),
        (Form.RFC9440, ":!:", "bad_header"),
        (Form.RFC9440, f":{FIELD[5:]}", "bad_certificate"),
        (Form.RFC9440, ":AAAA:", "bad_certificate"),
        (Form.RFC9440, f":{base64.b64encode(DER + b'x').decode()}:", "bad_certificate"),
        (Form.RFC9440, f":{base64.b64encode(DER[:-1]).decode()}:", "bad_certificate"),
        (Form.RFC9440, ":é:", "bad_header"),
        (Form.RFC9440, ":" + "A" * 16384, "too_long"),
        (Form.NGINX, ESCAPED + quote(OTHER), "bad_header"),
        (Form.NGINX, "x" + ESCAPED, "bad_header"),
        (Form.NGINX, ESCAPED + "x", "bad_header"),
        (Form.NGINX, ESCAPED.replace("CERTIFICATE", "PRIVATE%20KEY"), "bad_header"),
        (Form.NGINX, ESCAPED[:-60], "bad_header"),
        (Form.NGINX, ESCAPED.replace("MII", "M%00I", 1), "bad_header"),
        (Form.NGINX, ESCAPED.replace("MII", "MI", 1), "bad_header"),
        (Form.NGINX, "é", "bad_header"),
        (Form.NGINX, "(null)", "bad_header"),
    ],
)
def test_what_is_refused(form, value, code):
    assert code_of(reading, value, form) == code


def test_a_header_of_spaces_takes_no_time():
    begin = "-----BEGIN CERTIFICATE-----"
    assert code_of(reading, begin + " " * 16000 + "x!", Form.NGINX) == "bad_header"


@given(st.text(max_size=60), st.sampled_from(list(Form)))
def test_nothing_else_is_raised(value, form):
    try:
        assert reading(value, form) is None
    except ForwardedCertificateError as error:
        assert error.code in ("bad_header", "bad_certificate")


def test_validity():
    certificate = reading(FIELD)
    first, last = certificate.not_before, certificate.not_after
    certificate.check_valid(first)
    certificate.check_valid(last)
    assert code_of(certificate.check_valid, first - timedelta(seconds=1)) == "not_yet_valid"
    assert code_of(certificate.check_valid, last + timedelta(seconds=1)) == "expired"


def test_fingerprints():
    certificate = reading(FIELD)
    assert fingerprint(DER) == certificate.fingerprint
    assert matches(certificate, certificate.fingerprint)
    for stored in (None, "", "é", "\ud800", fingerprint(b""), certificate.fingerprint.upper()):
        assert not matches(certificate, stored)


@pytest.mark.parametrize(
    "text", ["ab" * 32, " " + "AB" * 32, ":".join(["Ab"] * 32), "x=" + "ab" * 32]
)
def test_pasted_fingerprints(text):
    assert parse_fingerprint(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab" * 20, "ab" * 33, "ag" * 32, "٣" * 64])
def test_what_is_no_fingerprint(text):
    assert code_of(parse_fingerprint, text) == "bad_fingerprint"
