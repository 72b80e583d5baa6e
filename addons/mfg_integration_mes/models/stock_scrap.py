from functools import partial

from odoo import api, fields, models

from . import mfg_production_payload as payload

REPORTED = frozenset({"mfg_booking", "mfg_reason", "mfg_progress_id"})
"""What a report says. Taken from reports only: counted scrap leaves no stock."""


class StockScrap(models.Model):
    _inherit = "stock.scrap"

    mfg_booking = fields.Selection(
        [
            ("in_process", "Lost in process: it never was in stock"),
            ("at_close", "Taken from stock when the order closes"),
        ],
        string="Shop-floor scrap",
        readonly=True,
        copy=False,
        help="Scrapped pieces of an order's own product, as reported from the shop floor. They are "
        "counted here; stock moves only where the product's scrap policy says so.",
    )
    mfg_reason = fields.Char(
        string="Reported reason", readonly=True, copy=False, help="In the words of the shop floor."
    )
    mfg_progress_id = fields.Many2one(
        "mfg.mes.progress",
        string="Shop-floor report",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._mfg_allowed(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._mfg_allowed(vals))

    @api.model
    def _mfg_allowed(self, vals):
        if self._mfg_cause():
            return vals
        return {name: value for name, value in vals.items() if name not in REPORTED}

    def _mfg_production(self):
        return self.production_id or self.workorder_id.production_id

    def _mfg_ordering_key(self):
        order = self._mfg_production()
        return order._mfg_ordering_key() if order else super()._mfg_ordering_key()

    def _mfg_plant(self):
        return self._mfg_production()._mfg_plant() if self._mfg_production() else None

    def do_scrap(self):
        facts = self.filtered("mfg_booking")
        facts._mfg_record()
        result = super(StockScrap, self - facts).do_scrap()
        self.filtered(lambda scrap: scrap._mfg_production())._mfg_emit(
            payload.SCRAP_RECORDED, payload.scrap_recorded
        )
        return result

    def _mfg_record(self):
        """Count scrapped pieces that are not in stock.

        Odoo would take them from the components' location: it warns when there are none, and
        otherwise silently scraps the goods of another order.
        """
        self._check_company()
        for scrap in self:
            scrap.write(
                {
                    "name": self.env["ir.sequence"].next_by_code("stock.scrap") or scrap.name,
                    "state": "done",
                    "date_done": fields.Datetime.now(),
                }
            )

    def _mfg_correct(self, quantity, reason):
        """Lower a counted quantity; the note and the event are the trail.

        :param quantity: how much less, positive
        """
        self.ensure_one()
        self.scrap_qty -= quantity
        self._message_log(
            body=self.env._(
                "Corrected by %(quantity)s: %(reason)s", quantity=-quantity, reason=reason
            )
        )
        self._mfg_emit(
            payload.SCRAP_RECORDED,
            partial(payload.scrap_recorded, quantity=-quantity, correction=True),
        )

    def _mfg_take_from_stock(self):
        """Give counted scrap its stock move, now that the order has produced the pieces."""
        for scrap in self.filtered(lambda s: not s.product_uom_id.is_zero(s.scrap_qty)):
            scrap.location_id = scrap.production_id.location_dest_id
            move = self.env["stock.move"].create(scrap._prepare_move_values())
            move.with_context(is_scrap=True)._action_done()
