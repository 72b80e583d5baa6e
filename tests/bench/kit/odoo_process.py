"""Odoo inside the benchmark's own process: registries, transactions, addons."""

import os
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import odoo.tools
from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry

from tests.harness import modules

from .run import BenchError

ADDONS = Path(__file__).resolve().parents[1] / "addons"
CONNECTIONS = 32


def set_up(more_addons: Sequence[Path] = ()) -> None:
    """Read Odoo's configuration, with the benchmarks' addons on top of its own.

    The path of the addons goes into the environment, so that every Odoo process that is started
    from here has the same.

    :raises BenchError: there is no configuration
    """
    conf = ConfigParser(interpolation=None)
    if not conf.read(os.environ.get("ODOO_RC", "")):
        raise BenchError("ODOO_RC names no configuration: run it as ./mfg bench NAME")
    own = conf["options"].get("addons_path", "")
    os.environ["ODOO_ADDONS_PATH"] = ",".join([own, str(ADDONS), *map(str, more_addons)])
    odoo.tools.config.parse_config(
        ["--no-http", "--log-level=warn", f"--db_maxconn={CONNECTIONS}"], setup_logging=True
    )


def install(database: str, *names: str) -> None:
    modules.module("install", database, *names)


@contextmanager
def opened(database: str) -> Iterator[Registry]:
    """The registry of a database; its connections are closed at the end."""
    try:
        yield Registry(database)
    finally:
        Registry.delete(database)
        sql_db.close_db(database)


@contextmanager
def transaction(registry: Registry) -> Iterator[api.Environment]:
    """A business transaction as a request has it: REPEATABLE READ, committed at the end."""
    with registry.cursor() as cr:
        yield api.Environment(cr, SUPERUSER_ID, {})
