"""The data of what goes into an order and comes out of it: ``record -> dict``."""

from .mfg_production_payload import (
    moment,
    order_ref,
    product_ref,
    quantity_of,
    uom_name,
    workorder_ref,
)

RESERVED = "mfg.production.components.reserved.v1"
SHORTAGE_DETECTED = "mfg.production.material.shortage_detected.v1"
SHORTAGE_RESOLVED = "mfg.production.material.shortage_resolved.v1"
CONSUMED = "mfg.production.material.consumed.v1"
LOT_ASSIGNED = "mfg.production.lot.assigned.v1"
UNBUILT = "mfg.production.unbuild.completed.v1"


def reserved(order):
    return {
        "order": order_ref(order),
        "components": [
            {
                "product": product_ref(move.product_id),
                "quantity": quantity_of(move.product_uom_qty, move.product_uom),
                "reserved": quantity_of(move.quantity, move.product_uom),
                "uom": uom_name(move.product_uom),
            }
            for move in order.move_raw_ids
            if move.state not in ("done", "cancel")
        ],
    }


def shortage_resolved(move):
    """:param move: a component move of an order"""
    return {
        "order": order_ref(move.raw_material_production_id),
        "workorder": workorder_ref(move.workorder_id),
        "product": product_ref(move.product_id),
        "quantity": quantity_of(move.product_uom_qty, move.product_uom),
        "uom": uom_name(move.product_uom),
    }


def shortage_detected(move):
    return shortage_resolved(move) | {
        "missing": quantity_of(move._mfg_missing(), move.product_uom),
        "need_by": moment(move.date),
    }


def consumed(move):
    return shortage_resolved(move) | {
        "quantity": quantity_of(move.quantity, move.product_uom),
        "lots": [
            {
                "lot": line.lot_id.name,
                "quantity": quantity_of(line.quantity, line.product_uom_id),
                "uom": uom_name(line.product_uom_id),
            }
            for line in move.move_line_ids
            if line.lot_id
        ],
    }


def lot_assigned(order):
    return {
        "order": order_ref(order),
        "product": product_ref(order.product_id),
        "lots": order.lot_producing_ids.mapped("name"),
    }


def unbuilt(unbuild):
    return {
        "unbuild": unbuild.name,
        "order": order_ref(unbuild.mo_id) if unbuild.mo_id else None,
        "product": product_ref(unbuild.product_id),
        "quantity": quantity_of(unbuild.product_qty, unbuild.product_uom_id),
        "uom": uom_name(unbuild.product_uom_id),
        "lots": unbuild.lot_id.mapped("name"),
    }
