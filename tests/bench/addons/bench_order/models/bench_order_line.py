from odoo import fields, models


class BenchOrderLine(models.Model):
    _name = "bench.order.line"
    _description = "Order line for benchmarks"

    order_id = fields.Many2one("bench.order", required=True, ondelete="cascade", index=True)
    name = fields.Char(required=True)
    quantity = fields.Float(default=1.0)
    price = fields.Float()
