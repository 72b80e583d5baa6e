"""A message with several segment responses becomes messages of one each, and loses nothing."""

import pytest
from lxml import etree

from odoo.addons.mfg_integration_mes.tools.b2mml.check import check
from odoo.addons.mfg_integration_mes.tools.b2mml.message import open_message
from odoo.addons.mfg_integration_mes.tools.b2mml.names import VERSIONS
from odoo.addons.mfg_integration_mes.tools.b2mml.nodes import B2mmlError
from odoo.addons.mfg_integration_mes.tools.b2mml.read import read
from odoo.addons.mfg_integration_mes.tools.b2mml.split import split

from tests.simulators.b2mml_mes import NAMESPACES, performance

ORDER = "0192f3a0-0000-7000-8000-000000000001"


def report(number, **more):
    return {
        "order": ORDER,
        "workorder": f"0192f3a0-0000-7000-8000-0000000001{number:02}",
        "sequence": 1 + number,
        "status": "progress",
        "good_total": number,
        "reported_at": "2026-11-24T08:51:02Z",
        **more,
    }


REPORTS = [report(0), report(1, lot="L-1"), report(2, operator="Pat")]


def parts(raw):
    return split(open_message(etree.fromstring(raw)))


@pytest.mark.parametrize("version", VERSIONS)
def test_each_part_is_a_message_with_its_own_report(version):
    found = [etree.fromstring(part.body) for part in parts(performance(version, REPORTS))]
    assert [read(root) for root in found] == REPORTS
    if version == "V0700":
        for root in found:
            check(root)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_part_has_the_envelope_of_the_whole(version):
    raw = performance(version, REPORTS, bod_id="bod-7", verb="Sync")
    opened = [open_message(etree.fromstring(part.body)) for part in parts(raw)]
    whole = open_message(etree.fromstring(raw))
    for message in opened:
        assert (message.verb, message.noun, message.bod_id, message.sender) == (
            whole.verb, whole.noun, "bod-7", "MES",
        )  # fmt: skip
        assert message.created_at == whole.created_at


def test_segments_of_one_response():
    root = etree.fromstring(performance("V0700", REPORTS))
    first, *others = list(root.iter("{*}OperationsResponse"))
    for other in others:
        first.append(next(other.iter("{*}SegmentResponse")))
        other.getparent().remove(other)
    check(root)
    found = [etree.fromstring(part.body) for part in split(open_message(root))]
    assert [read(each) for each in found] == REPORTS


def test_segments_inside_a_segment():
    root = etree.fromstring(performance("V0700", REPORTS[:2]))
    first, second = list(root.iter("{*}SegmentResponse"))
    second.getparent().getparent().remove(second.getparent())
    second.tag = f"{{{NAMESPACES['V0700']}}}SegmentResponseChild"
    first.append(second)
    check(root)
    found = [etree.fromstring(part.body) for part in split(open_message(root))]
    assert [read(each) for each in found] == REPORTS[:2]
    assert len(list(found[0].iter("{*}MaterialActual"))) == 1


def test_places_name_one_part_each():
    raw = performance("V0700", REPORTS)
    assert [part.place for part in parts(raw)] == ["segment-0", "segment-1", "segment-2"]
    same = parts(raw.replace(b"segment-1", b"segment-0"))
    assert [part.place.rpartition("Performance/")[2] for part in same] == [
        "OperationsResponse[1]/SegmentResponse",
        "OperationsResponse[2]/SegmentResponse",
        "segment-2",
    ]


def test_the_same_message_has_the_same_parts():
    raw = performance("V0600", REPORTS)
    assert [part.body for part in parts(raw)] == [part.body for part in parts(raw)]


def test_parts_do_not_grow_with_the_message():
    small, large = (parts(performance("V0700", [report(1)] * count)) for count in (2, 200))
    assert max(len(part.body) for part in large) <= max(len(part.body) for part in small) + 4


def test_a_message_without_segments():
    root = etree.fromstring(performance("V0700", REPORTS))
    for response in list(root.iter("{*}OperationsResponse")):
        response.getparent().remove(response)
    with pytest.raises(B2mmlError, match="no SegmentResponse"):
        split(open_message(root))
