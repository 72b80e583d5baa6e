from collections.abc import Iterator

import pytest

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests.common import get_db_name


@pytest.fixture
def env() -> Iterator[api.Environment]:
    """The test database; nothing of a test stays in it."""
    with Registry(get_db_name()).cursor() as cr:
        try:
            yield api.Environment(cr, SUPERUSER_ID, {})
        finally:
            cr.rollback()


@pytest.fixture
def plugins(env):
    """A function: the plug-ins of a contract, ``{code: model}``, by the selection that names
    them."""

    def find(contract):
        from odoo.addons.mfg_integration_base.models.mfg_plugin import KINDS

        codes = {
            code
            for model, field in KINDS[contract]
            for code in env[model]._fields[field].get_values(env)
        }
        assert codes
        return {code: env[contract]._mfg_resolve(code) for code in codes}

    return find
