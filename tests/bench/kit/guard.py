"""What makes figures worthless, and what has to be known to read them."""

import os
import platform

from tests.harness import databases

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings of PostgreSQL without which a commit is not on the disk when it returns."""


class NotDurableError(Exception):
    """The database server does not keep what it acknowledges: its speed means nothing."""


def check_durable(settings: dict[str, str]) -> None:
    """:raises NotDurableError: one of ``DURABLE`` is off"""
    off = [name for name in DURABLE if settings[name] == "off"]
    if off:
        raise NotDurableError(
            f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off on this PostgreSQL:"
            " nobody runs a business on that, and a benchmark there shows nothing. Switch it on."
        )


def settings_of(database: str) -> dict[str, str]:
    """The server's settings as a session of ours in this database sees them."""
    rows = databases.query(
        database,
        "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
        [[*DURABLE, "server_version"]],
    )
    return dict(rows)


def machine(settings: dict[str, str]) -> str:
    """One line about where the figures come from, and how busy it was before they were taken."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()},"
        f" PostgreSQL {settings['server_version']} (fsync and synchronous_commit on),"
        f" load before the start {load}"
    )
