"""TLS client certificates: read from PEM text and checked.

One text holds the certificate, the certificates of its authorities if the partner needs them, and
the private key without a passphrase; in any order, with any text between them.
"""

import ssl
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from .secret_file import secret_file

MAX_CHARS = 64 * 1024
_MAX_BLOCKS = 50
_BEGIN, _END, _DASHES = "-----BEGIN ", "-----END ", "-----"
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE")
_KEY_SUFFIX = "PRIVATE KEY"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


class ClientCertificateError(ValueError):
    """The text or the certificate cannot be used; never shows a part of the text.

    ``code``: ``too_long``, ``cut_off``, ``no_certificate``, ``bad_certificate``, ``no_key``,
    ``many_keys``, ``encrypted_key``, ``bad_key``, ``mismatch``, ``refused``, ``expired``,
    ``not_yet_valid``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with its key, and what everybody may know of it.

    :param subject: distinguished name as RFC 4514 writes it; ``issuer`` alike
    :param not_before: first moment of validity, with a zone; ``not_after`` the last
    :param serial: in hexadecimal digits
    :param fingerprint: SHA-256 of the certificate, in hexadecimal pairs with colons
    :param pem: certificate, then its authorities in order, then the key; a secret
    """

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    serial: str
    fingerprint: str
    pem: str = field(repr=False)

    def check_not_expired(self, now: datetime) -> None:
        """:raises ClientCertificateError: it is no longer valid at ``now``, which has a zone"""
        if now > self.not_after:
            raise ClientCertificateError(
                "expired",
                f"The certificate {self.subject} expired on {_date(self.not_after)}: ask its "
                "issuer for a new one and store that.",
            )

    def check_valid(self, now: datetime) -> None:
        """:raises ClientCertificateError: it is not valid at ``now``, which has a zone"""
        self.check_not_expired(now)
        if now < self.not_before:
            raise ClientCertificateError(
                "not_yet_valid",
                f"The certificate {self.subject} is valid only from {_date(self.not_before)} on: "
                "wait until then, or store one that is valid now.",
            )


def parse(text: str) -> ClientCertificate:
    """Read certificate and key; whether it is valid today is not asked.

    The certificate is the one that the key belongs to. Of the others, those that lead from it
    to its root are kept and the rest is left out.

    :raises ClientCertificateError: with a sentence that says what is wrong and what to do
    """
    certificates, keys = [], []
    for label, block in _blocks(text):
        if label in _CERTIFICATES:
            certificates.append(_certificate(block, len(certificates) + 1))
        elif label.endswith(_KEY_SUFFIX):
            keys.append((label, block))
    if not certificates:
        raise ClientCertificateError(
            "no_certificate",
            "The text holds no certificate: paste the certificate (BEGIN CERTIFICATE) and its "
            "private key in PEM format; a .p12 or .pfx file must be converted first.",
        )
    if not keys:
        raise ClientCertificateError(
            "no_key",
            "The text holds no private key: paste the key (BEGIN PRIVATE KEY) below the "
            "certificate.",
        )
    if len(keys) > 1:
        raise ClientCertificateError(
            "many_keys", f"The text holds {len(keys)} private keys: leave only the certificate's."
        )
    key = _key(*keys[0])
    public = _public_bytes(key.public_key())
    leaf = next((c for c in certificates if _public_of(c) == public), None)
    if leaf is None:
        raise ClientCertificateError(
            "mismatch",
            f"The private key does not belong to the certificate {_name(certificates[0].subject)}: "
            "paste the key that the certificate was requested with.",
        )
    chain = _chain(leaf, certificates)
    certificate = ClientCertificate(
        subject=_name(leaf.subject),
        issuer=_name(leaf.issuer),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        serial=f"{leaf.serial_number:X}",
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(":").upper(),
        pem=_pem(chain, key),
    )
    # OpenSSL has rules of its own, on the length of keys for instance: better known now.
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    return certificate


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    # Python's ssl reads keys from files only.
    with secret_file(certificate.pem.encode()) as path:
        try:
            # With a password given, OpenSSL never asks for one on the terminal.
            context.load_cert_chain(path, password="")
        except ssl.SSLError as error:
            raise ClientCertificateError(
                "refused",
                f"The certificate {certificate.subject} cannot be used for TLS "
                f"({error.reason or 'refused by OpenSSL'}): ask its issuer for one with a common "
                "kind of key (RSA of 2048 bits or more, or ECDSA P-256).",
            ) from None


def _blocks(text: str) -> list[tuple[str, bytes]]:
    """Return the PEM blocks: (label, block with its first and last line).

    By hand, so that the time grows with the text only, whatever it holds.
    """
    if len(text) > MAX_CHARS:
        raise ClientCertificateError(
            "too_long",
            f"The text has more than {MAX_CHARS} characters: paste the certificate, its chain and "
            "its key, not a whole collection of authorities.",
        )
    found: list[tuple[str, bytes]] = []
    place = 0
    while (start := text.find(_BEGIN, place)) >= 0:
        label = text[start + len(_BEGIN) :].partition(_DASHES)[0]
        closing = f"{_END}{label}{_DASHES}"
        end = text.find(closing, start)
        if end < 0 or len(found) == _MAX_BLOCKS:
            raise ClientCertificateError(
                "cut_off",
                "The text breaks off, or is not PEM: paste it whole, each block from its BEGIN to "
                "its END line.",
            )
        place = end + len(closing)
        lines = text[start:place].splitlines()
        found.append((label, "\n".join(line.strip() for line in lines).encode("utf-8", "replace")))
    return found


def _certificate(block: bytes, number: int) -> x509.Certificate:
    block = block.replace(b"X509 CERTIFICATE", b"CERTIFICATE")
    try:
        certificate = x509.load_pem_x509_certificate(block)
        _name(certificate.subject), _name(certificate.issuer)  # read late by the library
    except _UNREADABLE:
        raise ClientCertificateError(
            "bad_certificate",
            f"Certificate {number} of the text is damaged: copy it again from its source.",
        ) from None
    return certificate


def _key(label: str, block: bytes) -> PrivateKeyTypes:
    if label.startswith("ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in block:
        raise ClientCertificateError(
            "encrypted_key",
            "The private key is protected by a passphrase: remove it (openssl pkey -in key.pem) "
            "and paste the result; it is encrypted when it is stored.",
        )
    try:
        key = serialization.load_pem_private_key(block, password=None)
        _public_bytes(key.public_key())
    except _UNREADABLE:
        raise ClientCertificateError(
            "bad_key",
            "The private key is damaged or of an unknown kind: export it again as an unencrypted "
            "PEM file.",
        ) from None
    return key


def _chain(leaf: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificate and those that issued it, one after the other."""
    chain = [leaf]
    while True:
        issuer = next((c for c in others if c not in chain and _issued(chain[-1], c)), None)
        if issuer is None:
            return chain
        chain.append(issuer)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _pem(chain: list[x509.Certificate], key: PrivateKeyTypes) -> str:
    parts = [certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain]
    parts.append(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return b"".join(parts).decode("ascii")


def _public_of(certificate: x509.Certificate) -> bytes | None:
    try:
        return _public_bytes(certificate.public_key())
    except _UNREADABLE:
        return None


def _public_bytes(public_key: PublicKeyTypes) -> bytes:
    return public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _name(name: x509.Name) -> str:
    return name.rfc4514_string() or "(no name)"


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
