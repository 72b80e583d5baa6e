"""What partners read of a work center's working hours and capacity, and of changes to them."""

from .mfg_production_payload import product_ref, uom_name, workcenter_ref

CALENDAR_CHANGED = "mfg.workcenter.calendar_changed.v1"
CAPACITY_CHANGED = "mfg.workcenter.capacity_changed.v1"


def calendar_facts(workcenter):
    calendar = workcenter.resource_calendar_id
    return {
        "calendar": calendar.name or None,
        "timezone": calendar.tz or None,
        "hours": [
            {
                "weekday": int(line.dayofweek) + 1,  # ISO 8601: 1 is Monday
                "week": line.week_type or None,
                "from": round(line.hour_from, 4),
                "to": round(line.hour_to, 4),
            }
            for line in calendar.attendance_ids.sorted(
                lambda a: (a.week_type or "", a.dayofweek, a.hour_from, a.hour_to)
            )
            if not line.display_type and line.day_period != "lunch"
        ],
    }


def capacity_facts(workcenter):
    return {
        "efficiency": round(workcenter.time_efficiency, 4),
        "setup_minutes": round(workcenter.time_start, 4),
        "cleanup_minutes": round(workcenter.time_stop, 4),
        "alternatives": sorted(
            (workcenter_ref(other) for other in workcenter.alternative_workcenter_ids),
            key=lambda ref: (ref["code"] or "", ref["name"]),
        ),
        "capacities": [
            {
                "product": product_ref(line.product_id) if line.product_id else None,
                "uom": uom_name(line.product_uom_id),
                "capacity": round(line.capacity, 4),
                "setup_minutes": round(line.time_start, 4),
                "cleanup_minutes": round(line.time_stop, 4),
            }
            for line in workcenter.capacity_ids.sorted("id")
        ],
    }


FACTS = {CALENDAR_CHANGED: calendar_facts, CAPACITY_CHANGED: capacity_facts}
"""By event type: ``work center -> plain values`` that can be compared."""


def changed(workcenter, changes):
    """:param changes: as ``tools.changes.changed_values`` gives them"""
    return {"workcenter": workcenter_ref(workcenter), "changes": changes}
