"""What partners come in by: a connector that carries jobs has none of it."""

from odoo import api, models


class MfgCredential(models.Model):
    _inherit = "mfg.credential"

    @api.constrains("connector_id")
    def _check_not_builtin(self):
        self.connector_id._check_not_builtin()


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    @api.constrains("connector_id")
    def _check_not_builtin(self):
        self.connector_id._check_not_builtin()
