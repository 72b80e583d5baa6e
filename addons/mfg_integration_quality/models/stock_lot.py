from odoo import fields, models


class StockLot(models.Model):
    _inherit = "stock.lot"

    mfg_hold_count = fields.Integer(string="Active holds", compute="_compute_mfg_hold_count")

    def _compute_mfg_hold_count(self):
        # sudo: a warehouse user sees that a lot is held without seeing the integration's records.
        holds = self.env["mfg.quality.hold"].sudo()
        counts = dict(
            holds._read_group(
                [("lot_id", "in", self.ids), ("state", "=", "active")], ["lot_id"], ["__count"]
            )
        )
        for lot in self:
            lot.mfg_hold_count = counts.get(lot._origin.sudo(), 0)
