from odoo import fields, models

from .mrp_production import OWNERS


class StockPickingType(models.Model):
    _inherit = "stock.picking.type"

    mfg_owner_default = fields.Selection(
        OWNERS,
        string="Run by",
        help="Who reports on the orders of this operation type, unless a work center of theirs "
        "says otherwise.",
    )
