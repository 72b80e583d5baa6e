from odoo import fields, models
from odoo.exceptions import UserError

ORDER_CHANGED = "mfg.test.order.changed.v1"


class MfgTestOrder(models.Model):
    """The least that a business record needs to emit events and to be booked on."""

    _name = "test.mfg.order"
    _inherit = ["mfg.uuid.mixin"]
    _description = "Order for tests"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    quantity = fields.Float()
    booked = fields.Float(readonly=True)
    booking_count = fields.Integer(readonly=True)
    booked_by_id = fields.Many2one("res.users", readonly=True)

    def action_change(self, quantity):
        """A business method as it is meant to be: change, then emit."""
        self.write({"quantity": quantity})
        self._mfg_emit(
            ORDER_CHANGED, lambda order: {"name": order.name, "quantity": order.quantity}
        )

    def book(self, quantity):
        """What a handler calls; refuses as Odoo's own methods do."""
        for order in self:
            if order.booked + quantity > order.quantity:
                raise UserError(self.env._("Order %s: more than was ordered.", order.name))
            order.write(
                {
                    "booked": order.booked + quantity,
                    "booking_count": order.booking_count + 1,
                    "booked_by_id": self.env.uid,
                }
            )
