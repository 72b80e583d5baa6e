"""Finished messages leave the hot tables."""

from odoo import SUPERUSER_ID, api

OLD_INDEXES = (
    "mfg_outbox_message__connector_idx",
    "mfg_outbox_message__event_idx",
    "mfg_inbox_message__connector_idx",
    "mfg_inbox_message__record_idx",
)


def migrate(cr, version):
    """Move what has ended; indexes that are no more go."""
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    for table, model in (
        ("mfg_outbox_message", "mfg.outbox.message"),
        ("mfg_inbox_message", "mfg.inbox.message"),
    ):
        columns = ", ".join(
            field.name for field in env[model]._fields.values() if field.store and field.column_type
        )
        cr.execute(
            f"WITH gone AS (DELETE FROM ONLY {table}"  # noqa: S608 - names of our own
            "   WHERE state IN ('done', 'cancelled') RETURNING *)"
            f" INSERT INTO {table}_history ({columns}) SELECT {columns} FROM gone"
        )
        link = table.removesuffix("_message").removeprefix("mfg_") + "_message_id"
        cr.execute(
            f"UPDATE ONLY {table} m SET attempt_id = ("  # noqa: S608
            f" SELECT max(a.id) FROM mfg_attempt a WHERE a.{link} = m.id AND a.closed_at IS NULL)"
            " WHERE m.state = 'running'"
        )
    for index in OLD_INDEXES:
        cr.execute(f"DROP INDEX IF EXISTS {index}")
