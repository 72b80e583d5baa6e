"""Performance messages of every version become the production report that they mean."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.addons.mfg_integration_mes.tools.b2mml.check import check
from odoo.addons.mfg_integration_mes.tools.b2mml.names import VERSIONS
from odoo.addons.mfg_integration_mes.tools.b2mml.nodes import B2mmlError
from odoo.addons.mfg_integration_mes.tools.b2mml.read import read
from odoo.addons.mfg_integration_mes.tools.report import SCHEMA

from tests.simulators.b2mml_mes import NAMESPACES, performance

ORDER = "0192f3a0-0000-7000-8000-000000000001"
WORKORDER = "0192f3a0-0000-7000-8000-000000000011"
REPORT = {
    "order": ORDER,
    "workorder": WORKORDER,
    "sequence": 3,
    "status": "finished",
    "good_total": 8,
    "scrap_total": 2,
    "scrap": [
        {"quantity": 2, "reason": "crack"},
        {"quantity": 0.5, "reason": "bent", "product": "FURN_0100", "lot": "C-1"},
    ],
    "consumption": [
        {"product": "FURN_0100", "quantity": 20, "uom": "Units"},
        {"product": "4711", "quantity": 10.25, "lot": "A-2026-11"},
    ],
    "lot": "L-2026-11",
    "operator": "Pat",
    "started_at": "2026-11-24T06:04:00Z",
    "ended_at": "2026-11-24T08:51:00Z",
    "reported_at": "2026-11-24T08:51:02Z",
}


def message(version="V0700", report=REPORT, **changes):
    return etree.fromstring(performance(version, [{**report, **changes}]))


def without(report, *names):
    return {name: value for name, value in report.items() if name not in names}


def at(root, *path):
    """The first element on a path of local names, each anywhere below the one before."""
    node = root
    for name in path:
        node = next(node.iter(f"{{*}}{name}"))
    return node


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_of_an_operation(version):
    assert read(message(version)) == REPORT


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_of_a_whole_order(version):
    report = without(REPORT, "workorder")
    assert read(message(version, report)) == report


def test_what_the_tests_read_is_b2mml():
    check(message())


def test_the_report_is_one():
    assert not compile_schema(dict(SCHEMA)).errors(read(message()))


_words = (
    st.text(
        st.characters(categories=("L", "N", "P"), include_characters=" "), min_size=1, max_size=12
    )
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
_quantities = st.integers(0, 10**6) | st.decimals(
    0, 10**6, allow_nan=False, allow_infinity=False, places=3
).map(lambda d: int(d) if d == int(d) else float(d))
_lots = st.fixed_dictionaries({}, optional={"lot": _words})
_times = (
    st.datetimes()
    .map(lambda d: d.replace(year=2025).isoformat() + "Z")
    .map(lambda text: text.replace("+00:00Z", "Z"))
)


@st.composite
def _reports(draw):
    report = {
        "order": ORDER,
        "sequence": draw(st.integers(1, 2**31 - 1)),
        "status": draw(st.sampled_from(["progress", "finished"])),
        "good_total": draw(_quantities),
        "reported_at": "2026-11-24T08:51:02Z",
    }
    if draw(st.booleans()):
        report["workorder"] = WORKORDER
    own = draw(st.lists(st.tuples(st.integers(0, 1000), _words), max_size=3))
    parts = draw(st.lists(st.tuples(_quantities, _words, _words, _lots), max_size=2))
    lines = [{"quantity": quantity, "reason": reason} for quantity, reason in own]
    lines += [
        {"quantity": quantity, "reason": reason, "product": product, **lot}
        for quantity, reason, product, lot in parts
        if product != "THE-PRODUCT"
    ]
    if lines:
        report |= {"scrap": lines, "scrap_total": sum(quantity for quantity, _reason in own)}
    used = draw(st.lists(st.tuples(_words, _quantities, _words | st.none(), _lots), max_size=3))
    if used:
        report["consumption"] = [
            {"product": product, "quantity": quantity, **({"uom": uom} if uom else {}), **lot}
            for product, quantity, uom, lot in used
        ]
    report |= draw(st.fixed_dictionaries({}, optional={"lot": _words, "operator": _words}))
    if draw(st.booleans()):
        report |= {"correction": True, "correction_reason": draw(_words)}
    if draw(st.booleans()):
        report["revision"] = draw(st.integers(1, 99))
    return report


@given(report=_reports(), version=st.sampled_from(list(VERSIONS)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_what_both_can_say_comes_back(report, version):
    root = message(version, report)
    assert read(root) == report
    if version == "V0700":
        check(root)


# === Parts === #


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Completed", "finished"),
        ("Closed", "finished"),
        ("Running", "progress"),
        ("Held", "progress"),
        ("Aborted", "progress"),
        ("", "progress"),
    ],
)
def test_states(state, status):
    root = message()
    at(root, "SegmentState").text = state
    assert read(root)["status"] == status


def test_the_state_of_the_response_counts_where_the_segment_has_none():
    root = message("V0600")
    segment_state = at(root, "SegmentState")
    segment_state.getparent().remove(segment_state)
    state = etree.SubElement(
        at(root, "ProductionResponse"), f"{{{NAMESPACES['V0600']}}}ResponseState"
    )
    state.text = "Completed"
    assert read(root)["status"] == "finished"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24T09:51:00+01:00", "2026-11-24T08:51:00Z"),
        ("2026-11-24T08:51:00.25Z", "2026-11-24T08:51:00.250000Z"),
        ("2026-11-24T24:00:00Z", "2026-11-25T00:00:00Z"),
        (" 2026-11-24T08:51:00Z\n", "2026-11-24T08:51:00Z"),
    ],
)
def test_times(text, utc):
    root = message()
    at(root, "ActualEndTime").text = text
    assert read(root)["ended_at"] == utc


def test_without_a_number_the_later_message_counts_more():
    numbers = [
        read(etree.fromstring(performance("V0700", [without(REPORT, "sequence")], created=created)))
        for created in ("2026-11-24T08:51:02Z", "2026-11-24T08:51:03Z", "2026-11-24T10:51:04+02:00")
    ]
    assert [report["sequence"] for report in numbers] == [848825462, 848825463, 848825464]


def test_the_version_of_a_response_is_its_number():
    root = message(report=without(REPORT, "sequence"))
    version = etree.Element(f"{{{NAMESPACES['V0700']}}}Version")
    version.text = "17"
    at(root, "OperationsResponse").insert(1, version)
    check(root)
    assert read(root)["sequence"] == 17


def test_serial_numbers():
    report = {**without(REPORT, "lot"), "good_total": 2, "serials": ["S1", "S2"]}
    assert read(message(report=report)) == report


def test_several_lots_of_one_piece_each_are_serial_numbers():
    root = message(report={**without(REPORT, "lot", "scrap", "scrap_total"), "good_total": 1})
    first = at(root, "MaterialActual")
    for serial, actual in (("S1", first), ("S2", etree.fromstring(etree.tostring(first)))):
        lot = etree.Element(f"{{{NAMESPACES['V0700']}}}MaterialLotID")
        lot.text = serial
        actual.insert(2, lot)
        first.addnext(actual)
    report = read(root)
    assert (report["good_total"], set(report["serials"])) == (2, {"S1", "S2"})


def test_the_elements_of_the_oldest_form():
    """MaterialProducedActual and MaterialConsumedActual, before there was MaterialActual."""
    raw = performance("V0401", [without(REPORT, "scrap", "scrap_total")]).decode()
    produced, *consumed = raw.split("<MaterialActual>")[1:]
    for old, name in [(produced, "Produced"), *[(each, "Consumed") for each in consumed]]:
        part, _, rest = old.partition("</MaterialActual>")
        part = part.replace(f"<MaterialUse>{name}</MaterialUse>", "")
        raw = raw.replace(
            "<MaterialActual>" + old,
            f"<Material{name}Actual>{part}</Material{name}Actual>{rest}",
        )
    assert "MaterialUse" not in raw
    assert read(etree.fromstring(raw.encode())) == without(REPORT, "scrap", "scrap_total")


def test_of_several_quantities_the_one_without_key_counts():
    root = message()
    quantity = at(root, "MaterialActual", "Quantity")
    rate = etree.fromstring(etree.tostring(quantity))
    at(rate, "QuantityString").text = "41.9"
    etree.SubElement(rate, quantity.tag.replace("Quantity", "Key")).text = "ProdRate"
    quantity.addprevious(rate)
    assert read(root)["good_total"] == 8


def test_a_bare_noun_is_read():
    noun = at(message(), "OperationsPerformance")
    published = etree.Element(f"{{{NAMESPACES['V0700']}}}PublishedDate")
    published.text = "2026-11-24T08:51:02Z"
    noun.insert(1, published)
    check(noun)
    assert read(noun) == REPORT


def test_a_segment_that_only_groups_others():
    root = message()
    segment = at(root, "SegmentResponse")
    group = etree.Element(segment.tag)
    etree.SubElement(group, segment.tag.replace("Response", "State")).text = "Running"
    segment.getparent().replace(segment, group)
    segment.tag += "Child"
    group.append(segment)
    assert read(root) == REPORT


# === What is refused === #


def _text(*path):
    def change(root, value):
        at(root, *path).text = value

    return change


def _remove(*path):
    def change(root, _value):
        node = at(root, *path)
        node.getparent().remove(node)

    return change


@pytest.mark.parametrize(
    ("change", "value", "said"),
    [
        (_text("OperationsRequestID"), "4711", "'4711' is not the UUID of an order"),
        (_text("SegmentRequirementID"), "10", "'10' is not the UUID of an operation"),
        (_remove("OperationsRequestID"), "", "OperationsRequestID is missing"),
        (_remove("SegmentRequirementID"), "", "SegmentRequirementID is missing"),
        (_text("ActualEndTime"), "2026-11-24T08:51:00", "has no time zone"),
        (_text("ActualEndTime"), "24.11.2026", "has no time zone"),
        (_text("ActualEndTime"), "2026-02-30T08:51:00Z", "is not a time that exists"),
        (_text("ActualEndTime"), "2026-11-24T06:03:59Z", "ActualEndTime is before"),
        (_text("CreationDateTime"), "", "CreationDateTime is missing"),
        (_text("QuantityString"), "41fs.9", "'41fs.9' is not a number"),
        (_text("QuantityString"), "NaN", "is not a number"),
        (_text("QuantityString"), "INF", "is not a number"),
        (_text("QuantityString"), "1e999", "is too large"),
        (_text("QuantityString"), "0.1234567890123456789", "more digits than can be kept"),
        (_text("QuantityString"), "-1", "less than nothing"),
        (_text("Quantity", "DataType"), "boolean", "neither true nor false"),
        (_remove("MaterialActual", "Quantity"), "", "Quantity is missing"),
        (_remove("QuantityString"), "", "QuantityString is missing"),
        (_text("MaterialUse"), "Inventoried", "'Inventoried' has no place in a report"),
        (_text("MaterialUse"), "Consumed", "No MaterialActual says what was produced"),
        (_remove("MaterialUse"), "", "MaterialUse is missing"),
        (_remove("MaterialActualProperty"), "", "ScrapReason is missing"),
        (_text("SegmentData", "ValueString"), "1.5", "1.5 is not a whole number"),
        (_text("SegmentData", "ValueString"), "x", "'x' is not a number"),
    ],
)  # fmt: skip
def test_refused_with_what_is_wrong_and_where(change, value, said):
    root = message()
    change(root, value)
    with pytest.raises(B2mmlError) as refused:
        read(root)
    assert said in str(refused.value)
    assert refused.value.line and refused.value.path in str(refused.value)


@pytest.mark.parametrize("version", ["V0600", "V0401"])
def test_an_operation_that_is_not_named_by_its_uuid(version):
    root = message(version)
    at(root, "SegmentResponse", "ID").text = "0010"
    with pytest.raises(B2mmlError, match="is the UUID of the operation"):
        read(root)


@pytest.mark.parametrize("name", ["ProductSegmentID", "ProcessSegmentID"])
def test_the_operation_in_one_of_the_other_places(name):
    root = message("V0600")
    at(root, "SegmentResponse", "ID").tag = f"{{{NAMESPACES['V0600']}}}{name}"
    assert read(root) == REPORT


def test_two_lots_of_one_quantity():
    report = {**REPORT, "consumption": [{"product": "4711", "quantity": 10, "lot": "A"}]}
    root = message(report=report)
    lot = list(root.iter("{*}MaterialLotID"))[-1]
    lot.addnext(etree.fromstring(etree.tostring(lot).replace(b">A<", b">B<")))
    with pytest.raises(B2mmlError, match="give each its own MaterialActual"):
        read(root)


def test_assembly_is_not_dropped_in_silence():
    root = message()
    actual = at(root, "MaterialActual")
    etree.SubElement(actual, actual.tag.replace("Material", "Assembly"))
    with pytest.raises(B2mmlError, match="assembled"):
        read(root)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<a/>", "The namespace '' is none of B2MML"),
        (b'<a xmlns="http://www.mesa.org/xml/B2MML-V0500"/>', "is none of B2MML"),
        (b'<Ab xmlns="http://www.mesa.org/xml/B2MML"/>', "Ab is not read here"),
        (b'<SyncX xmlns="http://www.mesa.org/xml/B2MML"/>', "has an ApplicationArea"),
        (b'<OperationsPerformance xmlns="http://www.mesa.org/xml/B2MML"/>', "no SegmentResponse"),
    ],
)
def test_what_is_no_message(raw, said):
    with pytest.raises(B2mmlError, match=said):
        read(etree.fromstring(raw))


def test_several_segments_are_not_one_report():
    root = etree.fromstring(performance("V0700", [REPORT, REPORT]))
    with pytest.raises(B2mmlError, match="holds 2 segment responses"):
        read(root)


@given(data=st.data())
@settings(max_examples=150)
def test_a_message_with_a_part_missing_or_changed_is_read_or_refused(data):
    root = message(data.draw(st.sampled_from(list(VERSIONS))))
    nodes = list(root.iter())[1:]
    for node in data.draw(st.lists(st.sampled_from(nodes), max_size=4)):
        if data.draw(st.booleans()):
            node.text = data.draw(st.sampled_from(["", "x", "1", "-1", "true", ORDER, "\n"]))
        elif node.getparent() is not None:
            node.getparent().remove(node)
    try:
        assert read(root)
    except B2mmlError as refused:
        assert str(refused)


def test_rework_is_a_part_of_the_report():
    rework = (
        '<MaterialActual><MaterialUse OtherValue="Rework">Other</MaterialUse><Quantity>'
        "<QuantityString>3</QuantityString></Quantity><MaterialActualProperty>"
        "<ID>ReworkReason</ID><Value><ValueString>burr</ValueString></Value>"
        "</MaterialActualProperty></MaterialActual>"
    )
    document = read(etree.fromstring(performance("V0700", [REPORT], extra=rework)))
    assert document["rework_total"] == 3
    assert document["rework"] == [{"quantity": 3, "reason": "burr"}]
    assert not compile_schema(dict(SCHEMA)).errors(document)
