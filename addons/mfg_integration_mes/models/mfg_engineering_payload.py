"""What partners read of a bill of materials and its operations, and of changes to them.

Facts are plain values that can be compared; a change is told with what differs.
"""

from .mfg_production_payload import product_ref, quantity_of, uom_name, workcenter_ref

BOM_CHANGED = "mfg.engineering.bom.changed.v1"
ROUTING_CHANGED = "mfg.engineering.routing.changed.v1"


def bom_ref(bom):
    return {
        "uuid": bom.mfg_uuid,
        "code": bom.code or None,
        "name": bom.with_context(lang="en_US").display_name,
    }


def bom_facts(bom):
    # A bill for all variants names the only one, if there is only one.
    product = bom.product_id or bom.product_tmpl_id.product_variant_ids
    return {
        "code": bom.code or None,
        "product": product_ref(product) if len(product) == 1 else None,
        "quantity": quantity_of(bom.product_qty, bom.product_uom_id),
        "uom": uom_name(bom.product_uom_id),
        "type": bom.type,
        "active": bom.active,
    }


def bom_line_facts(line):
    return {
        "product": product_ref(line.product_id),
        "quantity": quantity_of(line.product_qty, line.product_uom_id),
        "uom": uom_name(line.product_uom_id),
        "operation": line.operation_id.mfg_uuid or None,
    }


def operation_facts(operation):
    return {
        "name": operation.name,
        "sequence": operation.sequence,
        "workcenter": workcenter_ref(operation.workcenter_id),
        "cycle_minutes": round(operation.time_cycle, 4),
        "active": operation.active,
        "after": sorted(operation.blocked_by_operation_ids.mapped("mfg_uuid")),
    }
