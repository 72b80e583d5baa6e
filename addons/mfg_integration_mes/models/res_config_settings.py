from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    mfg_over_tolerance = fields.Float(related="company_id.mfg_over_tolerance", readonly=False)
    mfg_operation_check = fields.Selection(related="company_id.mfg_operation_check", readonly=False)
