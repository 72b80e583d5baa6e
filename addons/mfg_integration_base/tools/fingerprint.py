"""What a database cannot take along when it is copied: where it runs and as what."""

import hashlib


def fingerprint(
    system_identifier: str, database_oid: int, database_name: str, environment: str
) -> str:
    """Return the fingerprint of a place, 64 hexadecimal digits.

    A dump restored elsewhere has another cluster (``pg_control_system()``), in the same cluster
    another oid; a renamed database and another declared environment count as another place too.

    :param system_identifier: of the PostgreSQL cluster, as text (it exceeds a signed 64-bit number)
    :param environment: ``production``, ``test`` or ``development``

    >>> fingerprint("7", 1, "a", "test") == fingerprint("7", 1, "at", "est")
    False
    """
    parts = ["mfg-fingerprint-1", str(system_identifier), str(database_oid), database_name]
    digest = hashlib.sha256()
    for part in (*parts, environment):
        raw = part.encode("utf-8", "surrogatepass")
        # The length in front keeps the parts apart, whatever they contain.
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()
