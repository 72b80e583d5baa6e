"""Configuration that is cached per process, and how it is forgotten."""

import psycopg2

from .cursors import own_env

LOOK_TIMEOUT = "100ms"
"""How long a second look waits for a table that is being altered."""


class Unconfirmed(Exception):
    """What a transaction sees, and others do not: not to be cached. ``value``: what it is."""

    def __init__(self, value):
        super().__init__()
        self.value = value


def forget(env):
    """Forget cached configuration now, and again once this transaction is committed.

    Until then other threads see, and cache, what was before.
    """
    env.registry.clear_cache()
    env.cr.postcommit.add(env.registry.clear_cache)


def confirmed(env, look):
    """Return ``look(env)`` if a look from outside this transaction finds the same.

    What a transaction sees may be older than the last change, or a change of its own that is
    never committed. Cached, it would stay until the next change of configuration.

    :raises Unconfirmed: for the caller to use, not to cache
    """
    seen = look(env)
    # While modules are loaded, this transaction may have locked the very tables.
    if not env.registry.ready:
        raise Unconfirmed(seen)
    try:
        with own_env(env.registry) as fresh:
            fresh.cr.execute("SELECT set_config('lock_timeout', %s, true)", [LOOK_TIMEOUT])
            same = look(fresh) == seen
    except psycopg2.Error as error:  # no connection, or the table is being altered
        raise Unconfirmed(seen) from error
    if not same:
        raise Unconfirmed(seen)
    return seen
