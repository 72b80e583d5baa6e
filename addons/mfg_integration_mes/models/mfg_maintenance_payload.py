"""The data of the events of maintenance requests: ``record -> dict``."""

from .mfg_production_payload import moment, workcenter_ref

CREATED = "mfg.maintenance.request.created.v1"
STAGE_CHANGED = "mfg.maintenance.request.stage_changed.v1"

PRIORITIES = {"0": "very_low", "1": "low", "2": "normal", "3": "high"}


def created(request):
    workcenters = request._mfg_workcenters()
    return {
        "request": {"uuid": request.mfg_uuid, "name": request.name},
        "equipment": _equipment(request.equipment_id),
        "workcenters": [workcenter_ref(workcenter) for workcenter in workcenters],
        "type": request.maintenance_type,
        "priority": PRIORITIES.get(request.priority),
        "stage": request.stage_id.with_context(lang="en_US").name,
        "done": request.stage_id.done,
        "scheduled_start_at": moment(request.schedule_date),
        "scheduled_end_at": moment(request.schedule_end),
    }


def stage_changed(request, before):
    """:param before: ``{request: its stage until now}``"""
    return created(request) | {"old_stage": before[request].with_context(lang="en_US").name or None}


def _equipment(equipment):
    if not equipment:
        return None
    return {"serial": equipment.serial_no or None, "name": equipment.name}
