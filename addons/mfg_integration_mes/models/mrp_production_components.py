from collections import defaultdict
from decimal import Decimal

from odoo import Command, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject

from ..tools.allocation import allocate


class MrpProduction(models.Model):
    """Consumption of components: what was reported, or the bill of materials, never a mixture."""

    _inherit = "mrp.production"

    def _mfg_open_raw_moves(self):
        return self.move_raw_ids.filtered(lambda move: move.state not in ("done", "cancel"))

    def _mfg_add_components(self, consumption):
        """Add what was consumed and not planned, unless the bill of materials forbids it."""
        planned = self._mfg_open_raw_moves().product_id
        for product in consumption:
            if product in planned:
                continue
            if self.consumption == "strict":
                raise BusinessReject(
                    "unknown_reference",
                    self.env._(
                        "%(product)s is no component of %(order)s, and its bill of materials "
                        "allows no others.",
                        product=product.display_name,
                        order=self.name,
                    ),
                    "/consumption",
                )
            self.write(
                {
                    "move_raw_ids": [
                        Command.create(
                            {
                                "product_id": product.id,
                                "product_uom": product.uom_id.id,
                                "product_uom_qty": 0.0,
                                "raw_material_production_id": self.id,
                                "location_id": self.location_src_id.id,
                                "manual_consumption": True,
                            }
                        )
                    ]
                }
            )

    def _mfg_consume(self, moves, consumption):
        """Set consumption exactly as reported.

        :param moves: moves that are due: what was not reported of them is an explicit zero. Odoo
            consumes the planned quantity of a move that nobody has touched
        """
        by_product = defaultdict(self.env["stock.move"].browse)
        for move in self._mfg_open_raw_moves().sorted(lambda m: (m.workorder_id.sequence, m.id)):
            by_product[move.product_id] |= move
        for product, product_moves in by_product.items():
            demands = [
                Decimal(
                    repr(move.product_uom._compute_quantity(move.product_uom_qty, product.uom_id))
                )
                for move in product_moves
            ]
            shares = allocate(consumption.get(product, ()), demands)
            for move, parts in zip(product_moves, shares, strict=True):
                if parts or move in moves:
                    self._mfg_set_consumed(move, parts)

    def _mfg_consume_by_bom(self, moves, pieces):
        """Consume what the bill of materials says for ``pieces`` good and scrapped pieces."""
        for move in moves:
            quantity = move.product_uom.round(pieces * move.unit_factor)
            if move.has_tracking == "none":
                self._mfg_set_quantity(move, quantity)
                continue
            move._set_quantity_done(quantity)
            if any(not line.lot_id and line.quantity for line in move.move_line_ids):
                raise self._mfg_component_lot_required(move.product_id)
            move.picked = True

    def _mfg_set_consumed(self, move, parts):
        product, uom = move.product_id, move.product_uom
        parts = [
            (lot, uom.round(product.uom_id._compute_quantity(float(quantity), uom, round=False)))
            for lot, quantity in parts
        ]
        if product.tracking == "none":
            self._mfg_set_quantity(move, uom.round(sum(quantity for _lot, quantity in parts)))
            return
        if any(not lot for lot, quantity in parts if not uom.is_zero(quantity)):
            raise self._mfg_component_lot_required(product)
        may_create = self.picking_type_id.use_create_components_lots
        commands = [Command.delete(line.id) for line in move.move_line_ids]
        for name, quantity in parts:
            lot = self._mfg_lots(product, [name], create=may_create)
            commands.append(
                Command.create(
                    {
                        **move._prepare_move_line_vals(quantity=0),
                        "lot_id": lot.id,
                        "quantity": quantity,
                        "picked": True,
                    }
                )
            )
        move.move_line_ids = commands
        move.picked = True

    def _mfg_component_lot_required(self, product):
        return BusinessReject(
            "lot_required",
            self.env._(
                "Component %s is tracked: report which lots were consumed.", product.display_name
            ),
            "/consumption",
        )

    def _mfg_set_quantity(self, move, quantity):
        """Both at once: a move that is not picked is filled up at the close."""
        if move.product_uom.compare(move.quantity, quantity):
            move.quantity = quantity
        move.picked = True
