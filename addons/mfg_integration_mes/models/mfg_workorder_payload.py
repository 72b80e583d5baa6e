"""The data of an operation's way between start and finish: ``record -> dict``."""

from .mfg_production_payload import (
    moment,
    order_ref,
    quantity_of,
    uom_name,
    workcenter_ref,
    workorder_ref,
)

PAUSED = "mfg.production.workorder.paused.v1"
RESUMED = "mfg.production.workorder.resumed.v1"
PROGRESS_REPORTED = "mfg.production.workorder.progress_reported.v1"
CANCELLED = "mfg.production.workorder.cancelled.v1"
RESCHEDULED = "mfg.production.workorder.rescheduled.v1"


def cancelled(workorder):
    return {
        "workorder": workorder_ref(workorder),
        "order": order_ref(workorder.production_id),
        "workcenter": workcenter_ref(workorder.workcenter_id),
    }


def paused(workorder):
    """Of a pause and of its end."""
    return cancelled(workorder) | {"operator": workorder._mfg_operator()}


def progress_reported(workorder, before):
    """:param before: ``{workorder: its good quantity until now}``"""
    uom = workorder.product_uom_id
    return paused(workorder) | {
        "good_delta": quantity_of(workorder.qty_produced - before[workorder], uom),
        "good_total": quantity_of(workorder.qty_produced, uom),
        "uom": uom_name(uom),
    }


def rescheduled(workorder, before):
    """:param before: ``{workorder: (start, finish, work center) until now}``"""
    return {
        "workorder": workorder_ref(workorder),
        "order": order_ref(workorder.production_id),
        "old": _plan(*before[workorder]),
        "new": _plan(*workorder._mfg_plan()),
    }


def _plan(start, finish, workcenter):
    return {
        "workcenter": workcenter_ref(workcenter),
        "planned_start_at": moment(start),
        "planned_end_at": moment(finish),
    }
