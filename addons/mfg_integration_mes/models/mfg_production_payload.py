"""The data of the production events: ``record -> dict``, shapes as in the event types' schemas.

Names are given beside identifiers for people who read a message; partners keep the identifiers.
"""

from decimal import Decimal

RELEASED = "mfg.production.order.released.v1"
QUANTITY_CHANGED = "mfg.production.order.quantity_changed.v1"
CANCELLED = "mfg.production.order.cancelled.v1"
COMPLETED = "mfg.production.order.completed.v1"
WORKORDER_STARTED = "mfg.production.workorder.started.v1"
WORKORDER_COMPLETED = "mfg.production.workorder.completed.v1"
SCRAP_RECORDED = "mfg.production.scrap.recorded.v1"
REPORT_REJECTED = "mfg.production.report.rejected.v1"
DOWNTIME_STARTED = "mfg.workcenter.downtime.started.v1"
DOWNTIME_ENDED = "mfg.workcenter.downtime.ended.v1"
DELIVERY_AT_RISK = "mfg.sale.order.delivery_at_risk.v1"


# === Parts === #


def quantity_of(value, uom):
    """A quantity as it is meant: rounded to its unit, without binary noise."""
    return Decimal(repr(uom.round(value)))


def order_ref(order):
    return {"uuid": order.mfg_uuid, "name": order.name}


def workorder_ref(workorder):
    return {"uuid": workorder.mfg_uuid, "name": workorder.name} if workorder else None


def product_ref(product):
    return {
        "uuid": product.mfg_uuid,
        "code": product.default_code or None,
        "name": _source(product).name,
    }


def workcenter_ref(workcenter):
    return {"code": workcenter.code or None, "name": workcenter.name}


def uom_name(uom):
    """A unit's name on the wire does not depend on who caused the event."""
    return _source(uom).name


def _source(record):
    return record.with_context(lang="en_US")


def moment(value):
    return value or None


# === Orders === #


def released(order):
    return {
        "order": order_ref(order),
        "revision": order.mfg_revision,
        "owner": order.mfg_owner,
        "product": product_ref(order.product_id),
        "quantity": quantity_of(order.product_qty, order.product_uom_id),
        "uom": uom_name(order.product_uom_id),
        "tracking": order.product_id.tracking,
        "urgent": order.priority == "1",
        "due_at": moment(order.date_deadline),
        "planned_start_at": moment(order.date_start),
        "planned_end_at": moment(order.date_finished),
        "origin": order.origin or None,
        "bom": order.bom_id.code or None,
        "backorder_of": order._mfg_backorder_of().mfg_uuid or None,
        "operations": [
            _operation(workorder)
            for workorder in order.workorder_ids.sorted(lambda w: (w.sequence, w.id))
            if workorder.state != "cancel"
        ],
        "components": [
            _component(move) for move in order.move_raw_ids if move.state not in ("done", "cancel")
        ],
    }


def _operation(workorder):
    planned = workorder.qty_production - workorder.qty_reported_from_previous_wo
    return {
        "workorder": workorder.mfg_uuid,
        "name": workorder.name,
        "sequence": workorder.sequence,
        "workcenter": workcenter_ref(workorder.workcenter_id),
        "quantity": quantity_of(planned, workorder.product_uom_id),
        "duration_minutes": round(workorder.duration_expected, 2),
        "planned_start_at": moment(workorder.date_start),
        "planned_end_at": moment(workorder.date_finished),
        "after": sorted(workorder.blocked_by_workorder_ids.mapped("mfg_uuid")),
    }


def _component(move):
    return {
        "product": product_ref(move.product_id),
        "quantity": quantity_of(move.product_uom_qty, move.product_uom),
        "uom": uom_name(move.product_uom),
        "tracking": move.product_id.tracking,
        "workorder": move.workorder_id.mfg_uuid or None,
    }


def quantity_changed(order, old_quantity):
    return {
        "order": order_ref(order),
        "revision": order.mfg_revision,
        "product": product_ref(order.product_id),
        "old_quantity": quantity_of(old_quantity, order.product_uom_id),
        "new_quantity": quantity_of(order.product_qty, order.product_uom_id),
        "uom": uom_name(order.product_uom_id),
    }


def cancelled(order):
    return {
        "order": order_ref(order),
        "revision": order.mfg_revision,
        "product": product_ref(order.product_id),
        "quantity": quantity_of(order.product_qty, order.product_uom_id),
        "uom": uom_name(order.product_uom_id),
    }


def completed(order):
    uom = order.product_uom_id
    finished = order.move_finished_ids.filtered(
        lambda move: move.state == "done" and move.product_id == order.product_id
    )
    produced = sum(
        move.product_uom._compute_quantity(move.quantity, uom, round=False) for move in finished
    )
    scraps = order._mfg_finished_scraps()
    scrapped = sum(
        scrap.product_uom_id._compute_quantity(scrap.scrap_qty, uom, round=False)
        for scrap in scraps
    )
    # What is scrapped from stock at the close was produced first, and is no good all the same.
    to_scrap = sum(
        scrap.product_uom_id._compute_quantity(scrap.scrap_qty, uom, round=False)
        for scrap in scraps
        if scrap.mfg_booking == "at_close"
    )
    return {
        "order": order_ref(order),
        "product": product_ref(order.product_id),
        "planned_quantity": quantity_of(order.product_qty, uom),
        "good": quantity_of(produced - to_scrap, uom),
        "scrap": quantity_of(scrapped, uom),
        "uom": uom_name(uom),
        "lots": [
            {
                "lot": line.lot_id.name,
                "quantity": quantity_of(line.quantity, line.product_uom_id),
                "uom": uom_name(line.product_uom_id),
            }
            for line in finished.move_line_ids
            if line.lot_id
        ],
        "consumed": [
            {
                "product": product_ref(line.product_id),
                "lot": line.lot_id.name or None,
                "quantity": quantity_of(line.quantity, line.product_uom_id),
                "uom": uom_name(line.product_uom_id),
            }
            for line in order.move_raw_ids.filtered(lambda m: m.state == "done").move_line_ids
        ],
        "cost": _cost(finished, order),
        "backorder": order._mfg_backorder().mfg_uuid or None,
        "started_at": moment(order.date_start),
        "finished_at": moment(order.date_finished),
    }


def _cost(finished, order):
    """Cost of what was produced, where stock is valued; ``value`` comes with stock valuation."""
    if "value" not in finished._fields:
        return None
    return {
        "amount": Decimal(repr(order.company_id.currency_id.round(sum(finished.mapped("value"))))),
        "currency": order.company_id.currency_id.name,
    }


# === Work orders === #


def workorder_started(workorder):
    return {
        "workorder": workorder_ref(workorder),
        "order": order_ref(workorder.production_id),
        "workcenter": workcenter_ref(workorder.workcenter_id),
        "operator": workorder._mfg_operator(),
        "started_at": moment(workorder.date_start),
    }


def workorder_completed(workorder):
    uom = workorder.product_uom_id
    return {
        "workorder": workorder_ref(workorder),
        "order": order_ref(workorder.production_id),
        "workcenter": workcenter_ref(workorder.workcenter_id),
        "operator": workorder._mfg_operator(),
        "good": quantity_of(workorder.qty_produced, uom),
        "scrap": quantity_of(
            sum(
                scrap.product_uom_id._compute_quantity(scrap.scrap_qty, uom, round=False)
                for scrap in workorder.scrap_ids
                if scrap.product_id == workorder.product_id
            ),
            uom,
        ),
        "uom": uom_name(uom),
        # An open timer counts to the transaction's begin, which may be before its own.
        "duration_minutes": round(max(workorder.get_duration(), 0), 2),
        "started_at": moment(workorder.date_start),
        "finished_at": moment(workorder.date_finished),
    }


# === Scrap === #


def scrap_recorded(scrap, *, quantity=None, correction=False):
    """:param quantity: of a correction, negative; default: the whole record"""
    order = scrap._mfg_production()
    reasons = [scrap.mfg_reason] if scrap.mfg_reason else []
    reasons += _source(scrap.scrap_reason_tag_ids).mapped("name")
    return {
        "scrap": scrap.name,
        "order": order_ref(order),
        "workorder": workorder_ref(scrap.workorder_id),
        "product": product_ref(scrap.product_id),
        "lot": scrap.lot_id.name or None,
        "quantity": quantity_of(
            scrap.scrap_qty if quantity is None else quantity, scrap.product_uom_id
        ),
        "uom": uom_name(scrap.product_uom_id),
        "reasons": list(dict.fromkeys(reasons)),
        "stage": "finished" if scrap.product_id == order.product_id else "component",
        "in_process": bool(scrap.mfg_booking),
        "correction": correction,
    }


# === Downtime === #


def downtime_started(loss):
    """:param loss: the work center's loss record, ``mrp.workcenter.productivity``"""
    return {
        "workcenter": workcenter_ref(loss.workcenter_id),
        "downtime": loss.mfg_downtime_id.external_id or None,
        "reason": _source(loss.loss_id).name,
        "category": loss.loss_type,
        "comment": loss.description or None,
        "source": loss.mfg_downtime_id.connector_id.code or None,
        "started_at": moment(loss.date_start),
        "expected_end": moment(loss.mfg_downtime_id.expected_end),
    }


def downtime_ended(loss):
    minutes = (loss.date_end - loss.date_start).total_seconds() / 60
    return downtime_started(loss) | {
        "ended_at": moment(loss.date_end),
        "duration_minutes": round(minutes, 2),
    }


def delivery_at_risk(impact, move):
    """:param impact: ``mfg.downtime.impact`` of the delivery ``move``"""
    order = move._mfg_sale_order()
    return {
        "order": order.name if order else move.origin or None,
        "delivery": move.picking_id.name or None,
        "product": product_ref(move.product_id),
        "quantity": quantity_of(move.product_uom_qty, move.product_uom),
        "uom": uom_name(move.product_uom),
        "promised_at": moment(impact.promised_at),
        "expected_at": moment(impact.after),
        "cause": impact.downtime_id.display_name,
        "workcenter": workcenter_ref(impact.downtime_id.workcenter_id),
    }
