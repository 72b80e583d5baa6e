"""The data of a snapshot of an open order: its release, and how far it is."""

from .mfg_production_payload import quantity_of, released

SNAPSHOT = "mfg.production.order.snapshot.v1"
SNAPSHOT_COMPLETED = "mfg.production.snapshot.completed.v1"


def snapshot(order, snapshot_uuid):
    data = released(order)
    uom = order.product_uom_id
    progress = {
        workorder.mfg_uuid: {
            "state": workorder.state,
            "good": quantity_of(workorder.qty_produced, uom),
        }
        for workorder in order.workorder_ids
    }
    return data | {
        "snapshot": snapshot_uuid,
        "state": order.state,
        "good": quantity_of(order.qty_produced, uom),
        "operations": [
            operation | progress[operation["workorder"]] for operation in data["operations"]
        ],
    }
