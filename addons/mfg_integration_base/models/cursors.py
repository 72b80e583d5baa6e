"""Cursors of the engine's own, apart from the caller's transaction."""

from contextlib import contextmanager

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, STATUS_READY

from odoo import SUPERUSER_ID, api


@contextmanager
def own_env(registry):
    """An environment on a cursor of its own at READ COMMITTED; commits when the block ends well.

    Claiming, settling and accepting need READ COMMITTED: under Odoo's REPEATABLE READ, both
    ``SKIP LOCKED`` and ``ON CONFLICT DO NOTHING`` fail with a serialization error as soon as a row
    was changed after the snapshot. Code that needs another transaction inside the block calls
    :func:`next_transaction`.
    """
    with registry.cursor() as cr:
        read_committed(cr)
        yield api.Environment(cr, SUPERUSER_ID, {})


def read_committed(cr):
    """Put the transaction that starts now at READ COMMITTED; before its first statement."""
    if cr._cnx.status == STATUS_READY:
        # Goes out with BEGIN: no round trip of its own. Odoo sets the level of each new cursor.
        cr._cnx.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
    else:
        cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def next_transaction(cr):
    """Commit, and start the next transaction at READ COMMITTED."""
    cr.commit()  # pylint: disable=invalid-commit  # the engine's own cursor
    read_committed(cr)
