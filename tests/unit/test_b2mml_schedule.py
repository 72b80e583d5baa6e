"""What we write is B2MML of the version asked for, and says what the event says."""

import json
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from odoo.addons.mfg_integration_base.tools.envelope import EventRecord
from odoo.addons.mfg_integration_mes.tools.b2mml.build import ORDER
from odoo.addons.mfg_integration_mes.tools.b2mml.check import check
from odoo.addons.mfg_integration_mes.tools.b2mml.names import VERSIONS
from odoo.addons.mfg_integration_mes.tools.b2mml.nodes import B2mmlError
from odoo.addons.mfg_integration_mes.tools.b2mml.read import read
from odoo.addons.mfg_integration_mes.tools.b2mml.write import WRITTEN, write

DATA = Path(__file__).resolve().parents[2] / "addons" / "mfg_integration_mes" / "data"
OLD = ("V0600", "V0401")


def _examples():
    found = {}
    for path in DATA.glob("mfg_event_type*.xml"):
        for record in ElementTree.parse(path).iter("record"):
            code = record.findtext("field[@name='code']")
            if code in WRITTEN:
                found[code] = json.loads(record.findtext("field[@name='example']"))
    return found


EXAMPLES = _examples()
RELEASED = EXAMPLES["mfg.production.order.released.v1"]


def written(code, data, version):
    record = EventRecord(
        id="0192f3a0-0000-7000-8000-000000000077",
        source="/odoo/plant/1",
        type=code,
        subject="",
        time=datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc),
        dataschema="",
        sequence=1,
        partitionkey="",
        traceparent="",
        correlationid="",
        causationid="",
        data_text=json.dumps(data),
    )
    return etree.fromstring(write(record, version))


def released(version, **changes):
    return written("mfg.production.order.released.v1", {**RELEASED, **changes}, version)


def test_every_type_that_is_written_is_in_the_catalogue():
    assert set(EXAMPLES) == set(WRITTEN)


@pytest.mark.parametrize("code", sorted(WRITTEN))
def test_valid_against_the_schemas(code):
    check(written(code, EXAMPLES[code], "V0700"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("code", "root"),
    [
        ("mfg.production.order.released.v1", "Process{}"),
        ("mfg.production.order.quantity_changed.v1", "Change{}"),
        ("mfg.production.order.cancelled.v1", "Cancel{}"),
        ("mfg.production.report.rejected.v1", "ConfirmBOD"),
    ],
)
def test_the_message_of_an_event(code, root, version):
    names = VERSIONS[version]
    found = written(code, EXAMPLES[code], version)
    assert found.tag == f"{{{names.namespace}}}" + root.format(names.schedule)


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("code", sorted(set(WRITTEN) - {"mfg.production.report.rejected.v1"}))
def test_older_versions_have_their_elements_in_order(code, version):
    """Of these no schemas are at hand: the sequences of the types that are written are a table."""
    kinds = {
        "ProductionSchedule": "schedule",
        "ProductionRequest": "request",
        "SegmentRequirement": "segment",
        "ProductionParameter": "parameter",
        "EquipmentRequirement": "equipment",
        "MaterialRequirement": "material",
        "MaterialRequirementProperty": "property",
        "Parameter": "property",
        "Quantity": ("QuantityString", "DataType", "UnitOfMeasure"),
        "Value": ("ValueString", "DataType", "UnitOfMeasure"),
    }
    checked = set()
    for node in written(code, EXAMPLES[code], version).iter():
        name = etree.QName(node).localname
        if name in kinds and len(node):
            order = kinds[name] if isinstance(kinds[name], tuple) else ORDER[version][kinds[name]]
            places = [order.index(etree.QName(child).localname) for child in node]
            assert places == sorted(places), name
            checked.add(name)
    assert {"ProductionRequest", "SegmentRequirement", "MaterialRequirement"} <= checked


@pytest.mark.parametrize("version", VERSIONS)
def test_values_have_type_and_unit_where_the_older_versions_demand_them(version):
    for node in released(version).iter("{*}Quantity", "{*}Value"):
        assert [etree.QName(child).localname for child in node][1:] == ["DataType", "UnitOfMeasure"]


def test_a_repetition_is_the_same_bytes():
    assert etree.tostring(released("V0700")) == etree.tostring(released("V0700"))


def test_an_order_without_operations_is_named_by_its_uuid():
    root = released("V0700", operations=[])
    check(root)
    (request,) = read(root)["requests"]
    (segment,) = request["segments"]
    assert segment["id"] == RELEASED["order"]["uuid"] == request["id"]


def test_characters_that_xml_does_not_have():
    product = {**RELEASED["product"], "name": "Desk\x0b\ud7ff \x00 <b>&amp;"}
    root = released("V0700", product=product)
    check(root)
    (request,) = read(root)["requests"]
    assert request["segments"][0]["materials"][0]["description"] == "Desk \ud7ff <b>&amp;"


def test_an_unknown_type():
    with pytest.raises(KeyError):
        written("mfg.production.order.completed.v1", {}, "V0700")


def test_why_a_report_was_rejected():
    data = EXAMPLES["mfg.production.report.rejected.v1"]
    root = written("mfg.production.report.rejected.v1", data, "V0700")
    expression = next(root.iter("{*}ResponseExpression"))
    assert (expression.text, expression.get("actionCode")) == (data["external_id"], "Rejected")
    assert next(root.iter("{*}Description")).text == data["detail"]
    assert f"reason: {data['reason']}" in [note.text for note in root.iter("{*}Note")]


# === Round trip === #


def as_event(document):
    """Of a schedule that was read: what the event said of it."""
    (request,) = document["requests"]
    (outer,) = request["segments"]
    produced, *components = outer["materials"]
    return {
        "order": {"uuid": request["id"], "name": request["description"]},
        "revision": outer["parameters"][0]["values"][0]["value"],
        "product": _product(produced),
        "quantity": produced["quantities"][0]["value"],
        "uom": produced["quantities"][0]["unit"],
        "tracking": produced["properties"]["Tracking"][0]["value"],
        "urgent": request["priority"] == "1",
        "planned_start_at": outer.get("earliest_start_at"),
        "planned_end_at": outer.get("latest_end_at"),
        "operations": [_operation(segment) for segment in outer.get("segments", [])],
        "components": [
            *(_component(material, None) for material in components),
            *(
                _component(material, segment["id"])
                for segment in outer.get("segments", [])
                for material in segment.get("materials", [])
            ),
        ],
    }


def _product(material):
    code = material["materials"][0]
    uuid = material["properties"]["UUID"][0]["value"]
    return {
        "uuid": uuid,
        "code": None if code == uuid else code,
        "name": material["description"],
    }


def _operation(segment):
    parameters = {
        parameter["id"]: [value["value"] for value in parameter["values"]]
        for parameter in segment["parameters"]
    }
    return {
        "workorder": segment["id"],
        "name": segment["description"],
        "sequence": parameters["Sequence"][0],
        "quantity": parameters["PlannedQuantity"][0],
        "duration_minutes": round(float(segment["duration"][2:-1]) / 60, 2),
        "planned_start_at": segment.get("earliest_start_at"),
        "planned_end_at": segment.get("latest_end_at"),
        "workcenter": segment["equipment"][0]["ids"][0],
        "after": parameters.get("After", []),
    }


def _component(material, workorder):
    return {
        "product": _product(material),
        "quantity": material["quantities"][0]["value"],
        "uom": material["quantities"][0]["unit"],
        "tracking": material["properties"]["Tracking"][0]["value"],
        "workorder": workorder,
    }


_names = st.text("abcäÄ -/&<0", min_size=1, max_size=8).map(lambda t: " ".join(t.split()))
_names = _names.filter(bool)
_uuids = st.integers(1, 10**6).map(lambda n: f"0192f3a0-0000-7000-8000-{n:012}")
_quantities = st.integers(0, 10**6) | st.integers(0, 10**6).map(lambda n: n / 1000)
_products = st.fixed_dictionaries({"uuid": _uuids, "code": _names | st.none(), "name": _names})
_trackings = st.sampled_from(["none", "lot", "serial"])
_moments = st.sampled_from([None, "2026-11-24T06:00:00Z", "2026-11-24T06:00:00.500000Z"])


@st.composite
def _orders(draw):
    operations = [
        {
            "workorder": uuid,
            "name": draw(_names),
            "sequence": draw(st.integers(0, 99)),
            "workcenter": {"code": draw(_names), "name": draw(_names)},
            "quantity": draw(_quantities),
            "duration_minutes": draw(st.integers(0, 10**5)) / 4,
            "planned_start_at": draw(_moments),
            "planned_end_at": None,
            "after": draw(st.lists(_uuids, max_size=2)),
        }
        for uuid in draw(st.lists(_uuids, max_size=3, unique=True))
    ]
    places = st.sampled_from([None, *(operation["workorder"] for operation in operations)])
    components = [
        {
            "product": draw(_products),
            "quantity": draw(_quantities),
            "uom": draw(_names),
            "tracking": draw(_trackings),
            "workorder": draw(places),
        }
        for _number in range(draw(st.integers(0, 3)))
    ]
    return {
        **RELEASED,
        "order": {"uuid": draw(_uuids), "name": draw(_names)},
        "revision": draw(st.integers(1, 9)),
        "product": draw(_products),
        "quantity": draw(_quantities),
        "uom": draw(_names),
        "tracking": draw(_trackings),
        "urgent": draw(st.booleans()),
        "bom": draw(_names | st.none()),
        "operations": operations,
        "components": components,
    }


@given(order=_orders(), version=st.sampled_from(list(VERSIONS)))
@settings(max_examples=60)
def test_what_both_can_say_comes_back(order, version):
    root = released(version, **order)
    if version == "V0700":
        check(root)
    found = as_event(read(root))
    expected = {name: order[name] for name in found}
    expected["operations"] = [
        {**operation, "workcenter": operation["workcenter"]["code"]}
        for operation in order["operations"]
    ]
    place = {operation["workorder"]: n for n, operation in enumerate(order["operations"])}
    expected["components"] = sorted(
        order["components"], key=lambda component: place.get(component["workorder"], -1)
    )
    assert found == expected


# === Reading === #


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_before_its_begin_is_refused(version):
    root = released(version, planned_end_at="2026-11-24T05:59:59Z")
    with pytest.raises(B2mmlError, match=r"LatestEndTime.*is before"):
        read(root)


@pytest.mark.parametrize(
    ("data_type", "text"),
    [
        ("double", "41fs.9"),
        ("boolean", "faflse"),
        ("int", "0r3"),
        ("decimal", "1,5"),
        ("float", ""),
    ],
)
def test_a_value_that_is_none_of_its_type(data_type, text):
    root = released("V0600")
    quantity = next(root.iter("{*}Quantity"))
    quantity[0].text, quantity[1].text = text, data_type
    with pytest.raises(B2mmlError, match="QuantityString"):
        read(root)


def test_a_quantity_without_unit_or_type_is_read():
    root = released("V0600")
    quantity = next(root.iter("{*}Quantity"))
    for child in list(quantity)[1:]:
        quantity.remove(child)
    (request,) = read(root)["requests"]
    assert request["segments"][0]["materials"][0]["quantities"] == [{"value": "10"}]


def test_the_schemas_refuse_what_is_wrong():
    root = released("V0700")
    identifier = next(root.iter("{*}OperationsRequest"))[0]
    identifier.getparent().remove(identifier)
    with pytest.raises(B2mmlError, match=r"Line \d+: .*Description"):
        check(root)
    with pytest.raises(B2mmlError, match="Only B2MML V0700"):
        check(released("V0600"))


INFORMATION = """
<SyncMaterialInformation xmlns="http://www.mesa.org/xml/B2MML" releaseID="">
 <ApplicationArea><CreationDateTime>2026-11-23T09:30:00Z</CreationDateTime></ApplicationArea>
 <DataArea><Sync/><MaterialInformation><ID>all</ID>
  <MaterialDefinition><ID>4711</ID><Description>Plate</Description>
   <MaterialDefinitionProperty><ID>Weight</ID><Value><ValueString>1.5</ValueString>
    <DataType>decimal</DataType><UnitOfMeasure>KGM</UnitOfMeasure></Value>
   </MaterialDefinitionProperty><MaterialClassID>PLATES</MaterialClassID></MaterialDefinition>
  <MaterialLot><ID>L-1</ID><MaterialDefinitionID>4711</MaterialDefinitionID></MaterialLot>
 </MaterialInformation></DataArea></SyncMaterialInformation>
"""
EQUIPMENT = """
<Equipment xmlns="http://www.mesa.org/xml/B2MML-V0600"><ID>LINE1</ID>
 <Equipment><ID>PRESS1</ID><Description>Press</Description></Equipment></Equipment>
"""


def test_material_information():
    document = read(etree.fromstring(INFORMATION))
    assert document["resources"] == [
        {
            "kind": "MaterialDefinition",
            "id": "4711",
            "description": "Plate",
            "classes": ["PLATES"],
            "properties": {"Weight": [{"value": 1.5, "unit": "KGM"}]},
        },
        {"kind": "MaterialLot", "id": "L-1", "materials": ["4711"]},
    ]


def test_equipment_with_its_parts():
    document = read(etree.fromstring(EQUIPMENT))
    assert [(each["id"], each.get("description")) for each in document["resources"]] == [
        ("LINE1", None),
        ("PRESS1", "Press"),
    ]
