from odoo import api, models

from . import mfg_material_payload as payload


class MrpProduction(models.Model):
    """What partners are told of an order's components and lots."""

    _inherit = "mrp.production"

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        if any(vals.get("lot_producing_ids") for vals in vals_list):
            orders.filtered("lot_producing_ids")._mfg_tell_lots({})
        return orders

    def write(self, vals):
        lots = {o: o.lot_producing_ids for o in self} if "lot_producing_ids" in vals else None
        result = super().write(vals)
        if lots is not None:
            self._mfg_tell_lots(lots)
        return result

    def _mfg_tell_lots(self, before):
        """:param before: ``{order: its lots until now}``"""
        self.filtered(lambda o: o.lot_producing_ids != before.get(o))._mfg_emit(
            payload.LOT_ASSIGNED, payload.lot_assigned
        )

    def _mfg_release(self):
        fresh = self.filtered(lambda order: not order.mfg_released_at)
        # Confirming has reserved already, before partners knew the order.
        reserved = fresh.filtered(lambda order: order._mfg_is_reserved())
        result = super()._mfg_release()
        reserved.filtered("mfg_released_at")._mfg_emit(payload.RESERVED, payload.reserved)
        fresh.filtered("mfg_released_at").move_raw_ids.filtered(
            lambda move: move._should_assign_at_confirm()
        )._mfg_tell_shortage()
        return result

    def _compute_reservation_state(self):
        before = {order.id for order in self if order.id and order.reservation_state != "assigned"}
        result = super()._compute_reservation_state()
        self.filtered(
            lambda order: order.id in before and order.mfg_released_at and order._mfg_is_reserved()
        )._mfg_emit(payload.RESERVED, payload.reserved)
        return result

    def _mfg_is_reserved(self):
        """An order whose components are all taken, or that has none, counts as reserved in Odoo."""
        return self.reservation_state == "assigned" and any(
            move.state == "assigned" and not move.picked for move in self.move_raw_ids
        )
