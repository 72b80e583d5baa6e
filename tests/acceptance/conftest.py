"""Servers and databases for the acceptance tests; they come from the environment (MFG_*, PG*)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import databases
from tests.harness.server import OdooServer

from .partner import Partner
from .site import Site


@pytest.fixture(scope="session")
def template() -> str:
    """A database with our addons and demo data that nobody is connected to."""
    return os.environ["MFG_TEST_TEMPLATE"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """For the logs of this module's processes."""
    return tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    """A database of this module's own."""
    name = f"mfg_{request.module.__name__.rpartition('.')[2]}_{os.getpid()}"
    databases.create_from_template(name, template)
    yield name
    databases.drop(name)


@pytest.fixture(scope="module")
def quiet_site(database: str, folder: Path) -> Iterator[Site]:
    """A running Odoo whose scheduled actions are off: nothing moves by itself."""
    with OdooServer(database, folder, cron_threads=0) as server:
        yield Site(server)


@pytest.fixture
def partner() -> Iterator[Partner]:
    with Partner() as running:
        yield running
