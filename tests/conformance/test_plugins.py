"""A name in the selection and a model of that name: neither without the other."""

import pytest

from odoo.addons.mfg_integration_base.exceptions import UnknownPlugin
from odoo.addons.mfg_integration_base.models.mfg_plugin import KINDS


@pytest.mark.parametrize("contract", KINDS)
def test_every_name_has_its_model_and_every_model_its_name(env, plugins, contract):
    models = {name for name in env.registry if name.startswith(f"{contract}.")}
    assert models == {plugin._name for plugin in plugins(contract).values()}


@pytest.mark.parametrize("contract", KINDS)
@pytest.mark.parametrize("code", ["", "nonsense", "http.x", "../json"])
def test_an_unknown_name_is_refused(env, contract, code):
    with pytest.raises(UnknownPlugin):
        env[contract]._mfg_resolve(code)


@pytest.mark.parametrize("contract", KINDS)
def test_no_plugin_is_abstract(env, plugins, contract):
    """Each overrides at least one method of its contract."""
    base = type(env[contract])
    for code, plugin in plugins(contract).items():
        own = {
            name
            for cls in type(plugin).__mro__
            if getattr(cls, "_name", None) == plugin._name
            for name in vars(cls)
        }
        promised = {
            name for name in dir(base) if name.startswith("_") and callable(getattr(base, name))
        }
        assert own & promised - set(dir(object)), f"{contract}.{code} implements nothing"
