"""Backlogs of any size in a moment: copies of one emitted message, made in SQL.

One message is emitted the ordinary way; its copies differ in their ids and keys. They all belong to
its one event: nothing that claims or settles reads events.
"""

from psycopg2 import sql

from tests.harness import databases

from .payload import token
from .suite import Link, Suite

TABLE = "mfg_outbox_message"
OWN = ("id", "uuid", "ordering_key")
PER_STATEMENT = 100_000


def add_messages(suite: Suite, link: Link, number: int, *, keys: int, prefix: str) -> None:
    """Add ``number`` new messages to a subscription, over ``keys`` ordering keys by turns.

    One event more is emitted, as their model. They are not admitted yet: the state in which
    emission leaves them.
    """
    suite.emit([token(0)], link.event)
    ((model,),) = databases.query(
        suite.database,
        f"SELECT max(id) FROM {TABLE} WHERE subscription_id = %s",
        [link.subscription_id],
    )
    copied = [column for column in _columns(suite.database) if column not in OWN]
    statement = sql.SQL(
        "INSERT INTO {table} (uuid, ordering_key, {copied})"
        " SELECT gen_random_uuid()::text, %s || n %% %s, {copied}"
        " FROM ONLY {table}, generate_series(%s::bigint, %s) AS n WHERE id = %s"
    ).format(table=sql.Identifier(TABLE), copied=sql.SQL(", ").join(map(sql.Identifier, copied)))
    with databases.connect(suite.database) as connection, connection.cursor() as cursor:
        for start in range(0, number, PER_STATEMENT):
            end = min(start + PER_STATEMENT, number) - 1
            cursor.execute(statement, [prefix, keys, start, end, model])


def add_history(suite: Suite, number: int) -> None:
    """Add ``number`` messages that were delivered over the last year, newest first."""
    taken = {
        "id": "nextval('mfg_outbox_message_id_seq')",
        "uuid": "gen_random_uuid()::text",
        "key_id": "n",
        "state": "'done'",
        "attempt_count": "1",
        "tries": "1",
        "finished_at": "now() - n * interval '3 seconds'",
    }
    columns = _columns(suite.database)
    statement = sql.SQL(
        "INSERT INTO {history} ({columns})"
        " SELECT {values} FROM (SELECT * FROM ONLY {table} LIMIT 1) m,"
        " generate_series(%s::bigint, %s) AS n"
    ).format(
        history=sql.Identifier(f"{TABLE}_history"),
        table=sql.Identifier(TABLE),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(
            sql.SQL(taken[c]) if c in taken else sql.Identifier("m", c) for c in columns
        ),
    )
    with databases.connect(suite.database) as connection, connection.cursor() as cursor:
        for start in range(1, number + 1, PER_STATEMENT):
            cursor.execute(statement, [start, min(start + PER_STATEMENT - 1, number)])


def vacuum(database: str) -> None:
    """Leave the tables as they are on a system that has had time for it."""
    with databases.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _columns(database: str) -> list[str]:
    rows = databases.query(
        database,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER'"
        " ORDER BY ordinal_position",
        [TABLE],
    )
    return [name for (name,) in rows]
