from typing import NamedTuple

from odoo import fields, models

from . import mfg_production_payload as payload


class Plan(NamedTuple):
    """Where things stood: ``{record: (start, end)}``, operations with their work center."""

    workorders: dict
    orders: dict
    components: dict
    deliveries: dict


class MfgDowntime(models.Model):
    """What a downtime moved: kept per record, from where it was first to where it is now."""

    _inherit = "mfg.downtime"

    def _plan(self, orders):
        """The ``Plan`` of these orders and of what depends on them."""
        raw = orders.move_raw_ids.filtered(lambda m: m.state not in ("done", "cancel"))
        deliveries = {}
        for order in orders:
            for delivery in order._mfg_deliveries():
                expected = deliveries.get(delivery, delivery.date)
                deliveries[delivery] = max(expected, order.date_finished or expected)
        return Plan(
            workorders={
                w: (w.date_start, w.date_finished, w.workcenter_id) for w in orders.workorder_ids
            },
            orders={o: (o.date_start, o.date_finished) for o in orders},
            components={m: (m.date, m.date) for m in raw},
            deliveries={m: (expected, expected) for m, expected in deliveries.items()},
        )

    def _known_impacts(self, model):
        return {i.res_id: i for i in self.impact_ids if i.model == model}

    def _note_impact(self, before, after):
        """Keep what moved, and from where it was first."""
        created, emit_for = [], self.env["mfg.downtime.impact"]
        for kind, was, now in zip(
            ("workorder", "production", "component", "delivery"), before, after, strict=True
        ):
            known = self._known_impacts(next(iter(now))._name) if now else {}
            for record, (start, end, *place) in now.items():
                impact = known.get(record.id)
                if not impact and (start, end, *place) == tuple(was[record]):
                    continue
                vals = self._impact_values(kind, record, start, end, place)
                vals |= self._risk(kind, record, impact.before if impact else was[record][1], end)
                if impact:
                    if vals["at_risk"] and not impact.at_risk:
                        emit_for |= impact
                    impact.write(vals)
                    continue
                was_start, was_end, *was_place = was[record]
                created.append(
                    {
                        "downtime_id": self.id,
                        "kind": kind,
                        "model": record._name,
                        "res_id": record.id,
                        "before_start": was_start,
                        "before": was_end,
                        "workcenter_before_id": was_place[0].id if was_place else False,
                        **vals,
                    }
                )
        emit_for |= self.env["mfg.downtime.impact"].create(created).filtered("at_risk")
        for impact in emit_for.filtered(lambda i: i.kind == "delivery"):
            impact._mfg_tell_delivery()

    def _impact_values(self, kind, record, start, end, place):
        order = self.env["mrp.production"]
        if kind == "production":
            order = record
        elif kind == "workorder":
            order = record.production_id
        elif kind == "component":
            order = record.raw_material_production_id
        is_move = record._name == "stock.move"
        return {
            "name": record.picking_id.name or record.display_name
            if kind == "delivery"
            else (record.product_id.display_name if is_move else record.display_name),
            "production_id": order.id,
            "product_id": record.product_id.id,
            "quantity": record.product_uom_qty if is_move else 0,
            "after_start": start,
            "after": end,
            "workcenter_after_id": place[0].id if place else False,
            "undone": bool(self.ended_at),
        }

    def _risk(self, kind, record, was, now):
        """What was promised, and whether it can still be kept."""
        if kind not in ("production", "delivery") or not now:
            return {"at_risk": False, "promised_at": False}
        promised = record._mfg_promised_at() or was
        return {"at_risk": bool(promised and now > promised), "promised_at": promised}


class MfgDowntimeImpact(models.Model):
    _inherit = "mfg.downtime.impact"

    def _mfg_tell_delivery(self):
        """Tell partners and the sales order's people that a delivery is expected late."""
        move = self.env["stock.move"].browse(self.res_id)
        order = move._mfg_sale_order()
        (order or move)._mfg_emit(payload.DELIVERY_AT_RISK, payload.delivery_at_risk(self, move))
        if order:
            # sudo: who reports a downtime may not write to sales orders; it is a note.
            order.sudo().message_post(
                body=self.env._(
                    "%(product)s is expected on %(expected)s, promised was %(promised)s: %(cause)s",
                    product=move.product_id.display_name,
                    expected=fields.Datetime.to_string(self.after),
                    promised=fields.Datetime.to_string(self.promised_at),
                    cause=self.downtime_id.display_name,
                )
            )


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    def _mfg_promised_at(self):
        return self.date_deadline

    def _mfg_deliveries(self):
        """Moves to customers that wait for what this order makes, found through the chain."""
        finished = self.move_finished_ids.filtered(lambda m: m.state != "cancel")
        chain = self.env["stock.move"].browse(finished._rollup_move_dests())
        return chain.filtered(
            lambda m: m.location_dest_id.usage == "customer" and m.state not in ("done", "cancel")
        )


class StockMove(models.Model):
    _inherit = "stock.move"

    def _mfg_sale_order(self):
        """The sales order that a delivery is of; empty (or none) where sales are not installed."""
        # sudo: what is told does not depend on the rights of who reports.
        return self.sudo()["sale_line_id"].order_id if "sale_line_id" in self._fields else None

    def _mfg_promised_at(self):
        order = self._mfg_sale_order()
        return (order and order.commitment_date) or self.date_deadline or self.date
