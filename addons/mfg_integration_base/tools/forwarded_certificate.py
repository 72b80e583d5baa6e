"""Mutual TLS that ends at a proxy in front of us: the client's certificate comes in a header.

Two forms are read: ``Client-Cert`` of RFC 9440 (``:<base64 of DER>:``), and what nginx puts into
``$ssl_client_escaped_cert`` (PEM, percent-encoded).

Anybody can send a header. It counts only where the connection itself comes from a proxy that is
configured as trusted, and that proxy must remove the header from what clients send. The handshake
with the proxy proves that the client holds the key. Whether anybody has certified the client
matters less, because a credential names its certificate by fingerprint.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .lifecycle import Word

MAX_CHARS = 16 * 1024
_PEM = re.compile(rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ForwardedCertificateError(ValueError):
    """The header, the certificate or the configuration cannot be used.

    ``code``: ``bad_network``, ``bad_fingerprint``, ``untrusted_peer``, ``duplicate_header``,
    ``too_long``, ``bad_header``, ``bad_certificate``, ``expired``, ``not_yet_valid``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Form(Word):
    """How the proxy writes the certificate."""

    RFC9440 = "rfc9440"
    NGINX = "nginx"


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The addresses of our own proxies; none by default."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """Read networks and addresses, one a line; ``#`` starts a comment.

        :raises ForwardedCertificateError: ``bad_network``: names the line
        """
        networks = []
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if not entry:
                continue
            try:
                network = ipaddress.ip_network(entry)
            except ValueError:
                raise ForwardedCertificateError(
                    "bad_network",
                    f"Line {number}, “{entry[:60]}”: is not an IP network such as 10.20.0.0/28, "
                    "or has bits set behind its prefix.",
                ) from None
            if network.prefixlen == 0:
                raise ForwardedCertificateError(
                    "bad_network", f"Line {number}, “{entry}”: would trust every address."
                )
            networks.append(network)
        return cls(tuple(dict.fromkeys(networks)))

    def trust(self, peer: str) -> bool:
        """Tell whether an address is one of our proxies; what is no address is not."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        # A server that listens on both families sees an IPv4 proxy as ::ffff:10.0.0.1.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class ForwardedCertificate:
    """The certificate of a client.

    :param fingerprint: as ``fingerprint`` makes it
    :param subject: distinguished name as RFC 4514 writes it
    :param not_before: first moment of validity, with a zone; ``not_after`` the last
    """

    fingerprint: str
    subject: str
    not_before: datetime
    not_after: datetime
    der: bytes = field(repr=False)

    def check_valid(self, now: datetime) -> None:
        """:raises ForwardedCertificateError: it is not valid at ``now``, which has a zone"""
        if now > self.not_after:
            raise ForwardedCertificateError(
                "expired",
                f"The certificate {self.subject} expired on {self.not_after:%Y-%m-%d %H:%M} UTC.",
            )
        if now < self.not_before:
            raise ForwardedCertificateError(
                "not_yet_valid",
                f"The certificate {self.subject} is valid only from "
                f"{self.not_before:%Y-%m-%d %H:%M} UTC on.",
            )


def read(
    values: Sequence[str], *, name: str, form: Form, peer: str, proxies: TrustedProxies
) -> ForwardedCertificate | None:
    """Return the certificate that a proxy has forwarded, None if the client showed none.

    From anywhere but a trusted proxy the header refuses the request instead of being ignored: it is
    a forgery, or a proxy that somebody forgot to configure, and both should be seen.

    :param values: all values of the header, as they were received
    :param name: of the header, for messages
    :param peer: where the connection comes from. Not what X-Forwarded-For says: with proxies in
        front, ``REMOTE_ADDR`` may have been replaced by that.
    :raises ForwardedCertificateError: ``untrusted_peer``, ``duplicate_header``, ``too_long``,
        ``bad_header``, ``bad_certificate``
    """
    values = [value for value in values if value.strip()]  # nginx sends "" for no certificate
    if not values:
        return None
    if not proxies.trust(peer):
        raise ForwardedCertificateError(
            "untrusted_peer",
            f"{name} came from {peer[:60] or 'an unknown address'}, which is not among the trusted "
            "proxies: only these may say which certificate a client has shown.",
        )
    if len(values) > 1:
        raise ForwardedCertificateError(
            "duplicate_header",
            f"{name} is there {len(values)} times: the proxy must replace what clients send.",
        )
    if len(values[0]) > MAX_CHARS:
        raise ForwardedCertificateError("too_long", f"{name} has more than {MAX_CHARS} characters.")
    reader = _from_field if form == Form.RFC9440 else _from_pem
    try:
        der = reader(values[0].strip())
    except (binascii.Error, ValueError):
        expected = "base64 between colons" if form == Form.RFC9440 else "one percent-encoded PEM"
        raise ForwardedCertificateError("bad_header", f"{name} is not {expected}.") from None
    return _certificate(der, name)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate in DER, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint that a person has pasted in the form of ``fingerprint``.

    :raises ForwardedCertificateError: ``bad_fingerprint``

    >>> parse_fingerprint("SHA256 Fingerprint=" + ":".join(["AB"] * 32)) == "ab" * 32
    True
    """
    digits = re.sub(r"[\s:]", "", text.rpartition("=")[2]).lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise ForwardedCertificateError(
            "bad_fingerprint",
            "The fingerprint is not a SHA-256 of 64 hexadecimal digits; shorter ones are SHA-1.",
        )
    return digits


def matches(certificate: ForwardedCertificate, stored: str | None) -> bool:
    """Tell whether a stored fingerprint is the certificate's; where none is stored, it is not."""
    return hmac.compare_digest(
        certificate.fingerprint.encode(), (stored or "").encode("utf-8", "replace")
    )


def _from_field(value: str) -> bytes:
    """Read a byte sequence of structured fields (RFC 8941 section 3.3.5), without parameters."""
    if len(value) < 3 or value[0] != ":" or value[-1] != ":":
        raise ValueError
    return base64.b64decode(value[1:-1], validate=True)


def _from_pem(value: str) -> bytes:
    # Not unquote_plus: a plus that the proxy has left alone is a digit of base64.
    match = _PEM.fullmatch(unquote_to_bytes(value.encode("ascii")))
    if match is None:
        raise ValueError
    return base64.b64decode(b"".join(match[1].split()), validate=True)


def _certificate(der: bytes, name: str) -> ForwardedCertificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        return ForwardedCertificate(
            fingerprint(der),
            certificate.subject.rfc4514_string() or "(no name)",
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            der,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ForwardedCertificateError(
            "bad_certificate", f"{name} holds no X.509 certificate, or a damaged one."
        ) from None
