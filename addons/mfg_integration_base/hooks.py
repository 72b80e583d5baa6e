"""Install and uninstall: what the ORM does not make or remove by itself."""


def post_init_hook(env):
    """Tune the hot tables: they live on updates, and their dead rows slow every claim."""
    for table in ("mfg_outbox_message", "mfg_inbox_message", "mfg_outbox_key", "mfg_inbox_key"):
        env.cr.execute(
            f"ALTER TABLE {table} SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,"
            " autovacuum_vacuum_threshold = 1000)"
        )


def uninstall_hook(env):
    """Drop tables that no model has, and the trigger functions; triggers go with their tables."""
    env.cr.execute("DROP TABLE IF EXISTS mfg_audit_member, mfg_audit_unsealed")
    for function in (
        "mfg_attempt_freeze", "mfg_audit_entry_freeze", "mfg_audit_entry_erase",
        "mfg_audit_member_freeze", "mfg_audit_queue",
    ):  # fmt: skip
        env.cr.execute(f"DROP FUNCTION IF EXISTS {function}() CASCADE")
