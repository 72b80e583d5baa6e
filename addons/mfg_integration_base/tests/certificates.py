"""Certificate authorities made on the spot, for tests of TLS on loopback. Needs no Odoo."""

import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both as PEM text."""

    certificate: str
    key: str

    @property
    def pem(self):
        return self.certificate + self.key


class Authority:
    """Issues certificates.

    :param parent: the ``Authority`` that issues this one's certificate; itself without
    """

    def __init__(self, name="Test CA", parent=None):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        by = parent or self
        self._certificate = _build(self._name, self._key, by._name, by._key, ca=True)
        self.pem = _pem(self._certificate)

    def issue(self, name="plant", *, days=(-1, 30), key=None, passphrase=None):
        """A certificate for 127.0.0.1 that is valid between these days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        return Issued(
            _pem(_build(_name(name), key, self._name, self._key, days=days)),
            key_pem(key, passphrase=passphrase),
        )

    def server_context(self, clients=None, version=None):
        """A server at 127.0.0.1; with ``clients``, an ``Authority``, only for those it certified.

        :param version: the only ``ssl.TLSVersion`` that is spoken
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load(context, self.issue("127.0.0.1").pem)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.pem)
        if version:
            context.minimum_version = context.maximum_version = version
        return context


def load(context, pem):
    """Give an SSL context the certificate and key of this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "both.pem")
        with open(path, "w", encoding="ascii") as stream:
            stream.write(pem)
        context.load_cert_chain(path)


def key_pem(key, *, passphrase=None, form=serialization.PrivateFormat.PKCS8):
    """A private key as PEM text."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _build(subject, key, issuer, issuer_key, *, days=(-1, 30), ca=False):
    now = datetime.now(timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
