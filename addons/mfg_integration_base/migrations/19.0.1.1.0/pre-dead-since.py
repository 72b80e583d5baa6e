"""Dead messages say since when, before a constraint asks for it."""


def migrate(cr, version):
    """Add the column and fill it; a dead message that left its key says so."""
    if not version:
        return
    for table in ("mfg_outbox_message", "mfg_inbox_message"):
        cr.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS dead_at timestamp")
        cr.execute(
            f"UPDATE {table} SET dead_at = statement_timestamp() AT TIME ZONE 'UTC',"  # noqa: S608
            " key_id = COALESCE(key_id, 0) WHERE state = 'dead'"
        )
