"""A part of the audit trail as a file that proves by itself who made it.

JSON Lines; the last line is an Ed25519 signature (RFC 8032) over the bytes of all lines before it.
Whoever holds the public key can check it without this system and without its secrets.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = "mfg-audit-export-1"


class ExportError(ValueError):
    """The file is not what was signed, or not by this key."""


def public_key(seed: bytes) -> str:
    """Return the public key in base64.

    :param seed: 32 secret bytes
    """
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def write(seed: bytes, head: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the file.

    :param seed: 32 secret bytes that the signing key is made of
    :param head: what the file is about
    :param lines: JSON values, in their order
    """
    body = b"".join(_lines({"kind": "head", "format": FORMAT, **head}, lines))
    key = Ed25519PrivateKey.from_private_bytes(seed)
    mark = {
        "kind": "signature",
        "algorithm": "Ed25519",
        "public_key": public_key(seed),
        "signature": base64.b64encode(key.sign(body)).decode(),
    }
    return body + _line(mark)


def read(file: bytes, key: str) -> list[dict[str, Any]]:
    """Check a file and return its lines without the signature.

    :param key: the public key in base64, known from elsewhere: the one in the file proves nothing
    :raises ExportError: altered, cut off, or of another signer
    """
    body, _, last = file.removesuffix(b"\n").rpartition(b"\n")
    body += b"\n"
    try:
        mark = json.loads(last)
        signature = base64.b64decode(mark["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(
            signature, body
        )
        return [json.loads(line) for line in body.splitlines()]
    except InvalidSignature:
        raise ExportError("The file was altered, or signed with another key.") from None
    except (ValueError, KeyError, TypeError):
        raise ExportError("The file does not end with its signature.") from None


def _lines(head: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    yield _line(head)
    for line in lines:
        yield _line(line)


def _line(value: Mapping[str, Any]) -> bytes:
    # ASCII only: no reader takes a separator of Unicode's for the end of a line.
    return json.dumps(value, sort_keys=True).encode() + b"\n"
