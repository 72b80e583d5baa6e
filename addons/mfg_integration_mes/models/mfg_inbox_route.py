from odoo import api, fields, models

HANDLER = "production_report"


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    handler = fields.Selection(
        selection_add=[(HANDLER, "Production report")], ondelete={HANDLER: "cascade"}
    )

    @api.model_create_multi
    def create(self, vals_list):
        routes = super().create(vals_list)
        routes.connector_id._mfg_grant_service_user()
        return routes

    def write(self, vals):
        result = super().write(vals)
        if "handler" in vals or "connector_id" in vals:
            self.connector_id._mfg_grant_service_user()
        return result
