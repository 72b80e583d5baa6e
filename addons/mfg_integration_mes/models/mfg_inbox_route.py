from odoo import api, fields, models

SHOP_FLOOR = [
    ("production_report", "Production report"),
    ("production_increment", "Production increment"),
    ("workcenter_downtime", "Downtime of a work center"),
    ("lot_creation", "Lot or serial number"),
    ("workorder_state", "State of an operation"),
    ("labor_report", "Labor time"),
    ("workcenter_state", "State of a machine"),
    ("material_consumption", "Consumed components"),
]
"""What a shop floor sends, by handler."""

PRODUCTION = ("production_report", "production_increment")
"""Handlers of what was made."""


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    handler = fields.Selection(
        selection_add=SHOP_FLOOR, ondelete={code: "cascade" for code, _name in SHOP_FLOOR}
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
