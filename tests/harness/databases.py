"""Databases made for one test or scenario, and dropped after it.

The connection comes from libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD).
"""

import configparser
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

MAINTENANCE = "postgres"


@contextmanager
def connect(database: str) -> Iterator["psycopg2.extensions.connection"]:
    """An autocommit connection, closed at the end of the block."""
    with closing(psycopg2.connect(dbname=database)) as connection:
        connection.autocommit = True
        yield connection


def query(database: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple]:
    """The rows of one statement, run and committed by itself."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def exists(name: str) -> bool:
    return bool(query(MAINTENANCE, "SELECT 1 FROM pg_database WHERE datname = %s", [name]))


def create_from_template(name: str, template: str) -> None:
    """Copy ``template`` (to which nobody may be connected); an older ``name`` is dropped."""
    drop(name)
    _maintain("CREATE DATABASE {} TEMPLATE {}", name, template)


def drop(name: str) -> None:
    """Drop the database if there is one, ending whatever is still connected to it."""
    _maintain("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def pg_dump_copy(source: str, target: str, workdir: Path) -> None:
    """Copy a database in use as an administrator would: pg_dump, createdb, pg_restore.

    :raises AssertionError: one of the programs failed
    """
    archive = workdir / f"{target}.dump"
    try:
        pg_dump(source, archive)
        pg_restore(archive, target)
    finally:
        archive.unlink(missing_ok=True)


def pg_dump(source: str, archive: Path, layout: str = "custom") -> None:
    """Write a database into a file; it may be in use.

    :param layout: ``custom`` for ``pg_restore``, ``plain`` to be read
    :raises AssertionError: the program failed
    """
    compress = ["--compress=0"] if layout == "custom" else []
    _run(
        "pg_dump", f"--format={layout}", *compress, "--no-owner", f"--file={archive}", source
    )  # fmt: skip


def filestore(database: str) -> Path:
    """Where Odoo keeps the files of a database; there may be none."""
    config = configparser.RawConfigParser()
    config.read(os.environ["ODOO_RC"])
    return Path(config["options"]["data_dir"]) / "filestore" / database


def pg_restore(archive: Path, target: str) -> None:
    """Make a database, perhaps on another server, of what ``pg_dump`` wrote; an older one is
    dropped.

    :raises AssertionError: the program failed
    """
    drop(target)
    _maintain("CREATE DATABASE {} TEMPLATE template0", target)
    _run(
        "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--jobs=2",
        f"--dbname={target}", str(archive),
    )  # fmt: skip


def _maintain(statement: str, *names: str) -> None:
    with connect(MAINTENANCE) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _run(*argv: str) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{argv[0]} failed:\n{done.stderr[-2000:]}")
