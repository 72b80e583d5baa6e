"""Events of production orders as schedule messages.

One request is one order. Its outer segment is the order itself: what it makes, and the components
that belong to no operation; the segments inside are its operations. Segments are named by our
UUIDs, which a performance message names in its turn.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lxml import etree

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools import rfc3339  # noqa: TID251
from odoo.addons.mfg_integration_base.tools.envelope import EventRecord  # noqa: TID251

from .build import build, material, parameter, quantity
from .envelope import message
from .names import Version

__all__ = ["write_cancelled", "write_quantity_changed", "write_released"]

_SECONDS = Decimal(60)


def write_released(version: Version, record: EventRecord, data: Mapping[str, Any]):
    """``Process`` of a schedule: the whole order.

    :param data: of ``mfg.production.order.released.v1``, numbers as Decimal
    """
    definition = data["bom"] or data["product"]["code"] or data["product"]["uuid"]
    by_operation: dict[str | None, list[Mapping[str, Any]]] = {}
    known = {operation["workorder"] for operation in data["operations"]}
    for component in data["components"]:
        place = component["workorder"] if component["workorder"] in known else None
        by_operation.setdefault(place, []).append(component)
    operations = [
        _operation(version, definition, operation, by_operation.get(operation["workorder"], ()))
        for operation in data["operations"]
    ]
    outer = _order_segment(
        version,
        data,
        definition,
        data["quantity"],
        by_operation.get(None, ()),
        operations,
    )
    request = _request(
        version,
        data,
        "Released",
        outer,
        StartTime=data["planned_start_at"],
        EndTime=data["due_at"] or data["planned_end_at"],
        Priority="1" if data["urgent"] else "0",
        OperationsDefinitionID=definition,
    )
    return message(version, record, "Process", _schedule(version, record, "Released", request))


def write_quantity_changed(version: Version, record: EventRecord, data: Mapping[str, Any]):
    """``Change`` of a schedule: the order's new quantity and revision, nothing else.

    :param data: of ``mfg.production.order.quantity_changed.v1``
    """
    definition = data["product"]["code"] or data["product"]["uuid"]
    outer = _order_segment(version, data, definition, data["new_quantity"], (), [])
    request = _request(version, data, "Released", outer)
    return message(version, record, "Change", _schedule(version, record, "Released", request))


def write_cancelled(version: Version, record: EventRecord, data: Mapping[str, Any]):
    """``Cancel`` of a schedule: the order will not be made.

    :param data: of ``mfg.production.order.cancelled.v1``
    """
    definition = data["product"]["code"] or data["product"]["uuid"]
    outer = _order_segment(version, data, definition, data["quantity"], (), [])
    request = _request(version, data, "Cancelled", outer)
    return message(version, record, "Cancel", _schedule(version, record, "Cancelled", request))


def _schedule(
    version: Version, record: EventRecord, state: str, request: etree._Element
) -> etree._Element:
    return build(
        version,
        "schedule",
        version.schedule,
        {
            "ID": record.id,
            "PublishedDate": rfc3339.format_utc(record.time),
            "OperationsType": "Production",
            "ScheduleState": state,
            version.request: request,
        },
    )


def _request(
    version: Version, data: Mapping[str, Any], state: str, outer: etree._Element, **parts: str
) -> etree._Element:
    return build(
        version,
        "request",
        version.request,
        {
            "ID": data["order"]["uuid"],
            "Description": data["order"]["name"],
            "Version": str(int(data["revision"])),
            "OperationsType": "Production",
            "RequestState": state,
            "SegmentRequirement": outer,
            **parts,
        },
    )


def _order_segment(version, data, definition, amount, components, operations):
    product = data["product"]
    properties = {"Tracking": data["tracking"]} if "tracking" in data else {}
    produced = material(
        version, 1, "Produced", product, quantity(version, "Quantity", amount, data["uom"]),
        properties,
    )  # fmt: skip
    revision = quantity(version, "Value", Decimal(int(data["revision"])), data_type="integer")
    return build(
        version,
        "segment",
        "SegmentRequirement",
        {
            "ID": data["order"]["uuid"],
            "ProcessSegmentID": definition,
            "OperationsDefinitionID": definition,
            "OperationsSegmentID": definition,
            "EarliestStartTime": data.get("planned_start_at"),
            "LatestEndTime": data.get("planned_end_at"),
            # The older versions have no Version in a request.
            version.parameter: [parameter(version, "Revision", revision)],
            "MaterialRequirement": [produced, *_components(version, components, 2)],
            version.child_requirement: operations,
        },
    )


def _operation(version, definition, operation, components):
    center = operation["workcenter"]
    amount = quantity(version, "Value", operation["quantity"])
    sequence = quantity(version, "Value", Decimal(int(operation["sequence"])), data_type="integer")
    parameters = [
        parameter(version, "PlannedQuantity", amount),
        parameter(version, "Sequence", sequence),
    ]
    if operation["after"]:
        after = [
            quantity(version, "Value", uuid, data_type="string") for uuid in operation["after"]
        ]
        parameters.append(parameter(version, "After", *after))
    return build(
        version,
        "segment",
        version.child_requirement,
        {
            "ID": operation["workorder"],
            "Description": operation["name"],
            "ProcessSegmentID": operation["name"],
            "OperationsDefinitionID": definition,
            "OperationsSegmentID": operation["name"],
            "EarliestStartTime": operation["planned_start_at"],
            "LatestEndTime": operation["planned_end_at"],
            "Duration": f"PT{_plain(operation['duration_minutes'] * _SECONDS)}S",
            version.parameter: parameters,
            "EquipmentRequirement": build(
                version,
                "equipment",
                "EquipmentRequirement",
                {
                    "ID": "1",
                    "EquipmentID": center["code"] or center["name"],
                    "Description": center["name"],
                },
            ),
            "MaterialRequirement": _components(version, components, 1),
        },
    )


def _components(version, components, first):
    return [
        material(
            version,
            number,
            "Consumed",
            component["product"],
            quantity(version, "Quantity", component["quantity"], component["uom"]),
            {"Tracking": component["tracking"]},
        )
        for number, component in enumerate(components, first)
    ]


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
