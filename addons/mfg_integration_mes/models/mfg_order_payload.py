"""The data of an order's way from entry to close: ``record -> dict``, as in the types' schemas.

What a shop floor has to have of an order (release, quantity, end) is in mfg_production_payload.
"""

from odoo import fields

from .mfg_production_payload import (
    moment,
    order_ref,
    product_ref,
    quantity_of,
    uom_name,
    workcenter_ref,
    workorder_ref,
)

CREATED = "mfg.production.order.created.v1"
SCHEDULED = "mfg.production.order.scheduled.v1"
UNSCHEDULED = "mfg.production.order.unscheduled.v1"
STARTED = "mfg.production.order.started.v1"
READY_TO_CLOSE = "mfg.production.order.ready_to_close.v1"
SPLIT = "mfg.production.order.split.v1"
MERGED = "mfg.production.order.merged.v1"


def _what(order):
    return {
        "order": order_ref(order),
        "product": product_ref(order.product_id),
        "quantity": quantity_of(order.product_qty, order.product_uom_id),
        "uom": uom_name(order.product_uom_id),
    }


def created(order):
    return _what(order) | {
        "owner": order.mfg_owner,
        "origin": order.origin or None,
        "bom": order.bom_id.code or None,
        "due_at": moment(order.date_deadline),
        "planned_start_at": moment(order.date_start),
        "backorder_of": order._mfg_backorder_of().mfg_uuid or None,
    }


def scheduled(order):
    workorders = order.workorder_ids.filtered(lambda w: w.state not in ("done", "cancel"))
    return {
        "order": order_ref(order),
        "planned_start_at": moment(order.date_start),
        "planned_end_at": moment(order.date_finished),
        "operations": [
            {
                "workorder": workorder_ref(workorder),
                "workcenter": workcenter_ref(workorder.workcenter_id),
                "planned_start_at": moment(workorder.date_start),
                "planned_end_at": moment(workorder.date_finished),
            }
            for workorder in workorders.sorted(lambda w: (w.sequence, w.id))
        ],
    }


def unscheduled(order):
    return {"order": order_ref(order)}


def started(order):
    """``started_at`` is the first operation's; it may not have one yet when the order has begun."""
    begun = order.workorder_ids.filtered(lambda w: w.state in ("progress", "done") and w.date_start)
    return _what(order) | {
        "started_at": min(begun.mapped("date_start"), default=fields.Datetime.now())
    }


def ready_to_close(order):
    return _what(order) | {
        "quantity_producing": quantity_of(order.qty_producing, order.product_uom_id)
    }


def split(order, parts):
    """:param parts: ``{order: the new orders that it was split into}``"""
    return _what(order) | {
        "parts": [
            {
                "order": order_ref(part),
                "quantity": quantity_of(part.product_qty, part.product_uom_id),
            }
            for part in parts[order]
        ]
    }


def merged(order, sources):
    """:param sources: the orders that became this one"""
    return _what(order) | {"sources": [order_ref(source) for source in sources]}
