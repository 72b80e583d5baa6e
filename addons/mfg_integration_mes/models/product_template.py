from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    mfg_scrap_policy = fields.Selection(
        [
            ("yield_loss", "Loss in process: only good pieces enter the stock"),
            ("produce_then_scrap", "Produced, then scrapped from stock"),
        ],
        string="Scrap reported by the shop floor",
        required=True,
        default="yield_loss",
        help="How scrapped pieces of this product are booked when its order closes. Either way the "
        "components of scrapped pieces are consumed, and only good pieces are left in stock.",
    )
    mfg_over_tolerance = fields.Float(
        string="Over-production tolerance (%)",
        help="How much more than ordered the shop floor may report, good and scrap together. "
        "0: the company's tolerance.",
    )

    _mfg_over_tolerance_positive = models.Constraint(
        "CHECK (mfg_over_tolerance >= 0)", "A tolerance is 0 % or more."
    )
