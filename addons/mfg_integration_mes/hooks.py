"""What the ORM cannot know when the addon is installed into a running factory."""

from odoo.tools import SQL


def post_init_hook(env):
    """Orders that are under way were released before anybody listened.

    They count as released, so that what happens to them from now on is told; nobody is sent a
    release event for them.
    """
    env.cr.execute(
        SQL(
            """
            UPDATE mrp_production
               SET mfg_revision = 1,
                   mfg_released_at = coalesce(create_date, now() AT TIME ZONE 'UTC'),
                   mfg_closed_at = CASE WHEN state = 'done' THEN date_finished END
             WHERE state NOT IN ('draft', 'cancel')
            """
        )
    )
    env.invalidate_all()
