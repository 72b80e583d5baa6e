"""Install and uninstall: what the ORM does not make or remove by itself."""


def post_init_hook(env):
    """Tune the hot tables: they live on updates, and their dead rows slow every claim."""
    for table in ("mfg_outbox_message", "mfg_inbox_message", "mfg_outbox_key", "mfg_inbox_key"):
        env.cr.execute(
            f"ALTER TABLE {table} SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,"
            " autovacuum_vacuum_threshold = 1000)"
        )


def uninstall_hook(env):
    """Drop the trigger functions; the triggers themselves go with their tables."""
    for function in ("mfg_attempt_freeze", "mfg_audit_entry_freeze"):
        env.cr.execute(f"DROP FUNCTION IF EXISTS {function}() CASCADE")
