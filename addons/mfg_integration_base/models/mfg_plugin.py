import logging

from odoo import api, models

from ..exceptions import UnknownPlugin

_logger = logging.getLogger(__name__)

KINDS = {
    "mfg.transport": [("mfg.connector", "transport")],
    "mfg.codec": [("mfg.inbox.route", "codec"), ("mfg.connector", "codec")],
    "mfg.inbox.handler": [("mfg.inbox.route", "handler")],
    "mfg.reconciliation.kind": [("mfg.reconciliation", "kind")],
}
"""Contract model -> (model, selection field) whose values name the plug-ins."""


class MfgPlugin(models.AbstractModel):
    """The one rule of extension: selection value ``x`` is implemented by model ``mfg.<kind>.x``."""

    _name = "mfg.plugin"
    _description = "Plug-in resolver"

    @api.model
    def _mfg_resolve(self, code):
        """The model that implements ``code`` of this contract.

        :raises UnknownPlugin: no such model, or it does not inherit the contract
        """
        name = f"{self._mfg_contract()}.{code}"
        implementation = self.env.get(name)
        if (
            implementation is None
            or self._mfg_contract() not in type(implementation)._mfg_ancestors()
        ):
            raise UnknownPlugin(self.env._("No plug-in “%s” is installed.", name))
        return implementation

    @classmethod
    def _mfg_ancestors(cls):
        return {getattr(base, "_name", None) for base in cls.__mro__}

    @api.model
    def _mfg_contract(self):
        for kind in KINDS:
            if self._name == kind or self._name.startswith(f"{kind}."):
                return kind
        raise UnknownPlugin(self.env._("“%s” is not a plug-in contract.", self._name))

    def _register_hook(self):
        result = super()._register_hook()
        if self._name not in KINDS:
            return result
        for model, field in KINDS[self._name]:
            for code in self.env[model]._fields[field].get_values(self.env):
                try:
                    self._mfg_resolve(code)
                except UnknownPlugin:
                    _logger.error(
                        "%s.%s offers “%s”, but no model %s.%s implements it; it is refused at "
                        "use.",
                        model,
                        field,
                        code,
                        self._name,
                        code,
                    )
        return result
