from odoo import fields, models

from . import mfg_material_payload as payload


class StockMove(models.Model):
    """What partners are told of the components of an order."""

    _inherit = "stock.move"

    mfg_short = fields.Boolean(
        string="Shortage told",
        readonly=True,
        copy=False,
        help="Partners were told that this component is short, and not yet that it is there.",
    )

    def _mfg_ordering_key(self):
        order = self.raw_material_production_id
        return order._mfg_ordering_key() if order else super()._mfg_ordering_key()

    def _mfg_plant(self):
        order = self.raw_material_production_id
        return order._mfg_plant() if order else super()._mfg_plant()

    def _action_assign(self, force_qty=False):
        result = super()._action_assign(force_qty=force_qty)
        self._mfg_tell_shortage()
        return result

    def _mfg_tell_shortage(self):
        """Tell what a reservation has just not found, once, of orders that partners know."""
        short = self.filtered(
            lambda move: (
                not move.mfg_short
                and move.raw_material_production_id.mfg_released_at
                and move._mfg_missing()
            )
        )
        if short:
            short.mfg_short = True
            short._mfg_emit(payload.SHORTAGE_DETECTED, payload.shortage_detected)
        self._mfg_tell_supply()

    def _mfg_missing(self):
        """Quantity that is not there to be taken, in the move's unit.

        A component that another order or a transfer is to bring (``waiting``) is on its way.
        """
        if self.picked or self.state not in ("confirmed", "partially_available"):
            return 0
        missing = self.product_uom_qty - self.quantity
        return missing if self.product_uom.compare(missing, 0) > 0 else 0

    def _recompute_state(self):
        # Reserved by hand, or less is needed: neither asks for a reservation.
        result = super()._recompute_state()
        self._mfg_tell_supply()
        return result

    def _mfg_tell_supply(self):
        supplied = self.filtered(lambda move: move.mfg_short and move.state == "assigned")
        if supplied:
            supplied.mfg_short = False
            supplied._mfg_emit(payload.SHORTAGE_RESOLVED, payload.shortage_resolved)

    def _action_done(self, cancel_backorder=False):
        moves = super()._action_done(cancel_backorder=cancel_backorder)
        moves.filtered(
            lambda move: move.raw_material_production_id and move.state == "done"
        )._mfg_emit(payload.CONSUMED, payload.consumed)
        return moves
