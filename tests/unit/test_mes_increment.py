"""Increments are a set of numbers: their sum does not depend on when each of them came."""

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.addons.mfg_integration_mes.tools import report as cumulative
from odoo.addons.mfg_integration_mes.tools.increment import SCHEMA, Verdict, decide, parse, total
from odoo.addons.mfg_integration_mes.tools.report import ReportError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
ORDER = "0192f3a0-0000-7000-8000-000000000001"


def document(sequence=1, status="progress", **members):
    return {"order": ORDER, "sequence": sequence, "status": status, **members}


def read(sequence=1, status="progress", **members):
    made = document(sequence, status, **members)
    assert compile_schema(dict(SCHEMA)).is_valid(made)
    return parse(made, now=NOW)


def correction(sequence, **members):
    return read(sequence, correction=True, correction_reason="miscounted", **members)


def test_the_schema_is_as_strict_as_a_reports():
    schema = compile_schema(dict(SCHEMA))
    assert schema.is_valid(document(good=1))
    for wrong in (
        {"sequence": 1, "status": "progress", "good": 1},
        document(0),
        document(100_001),
        document(good=cumulative.MAX_QUANTITY + 1),
        document(good=-cumulative.MAX_QUANTITY - 1),
        document(good="1"),
        document(good_total=1),
        document(status="done"),
        document(scrap=[{"quantity": 1}]),
        document(correction=True),
    ):
        assert not schema.is_valid(wrong), wrong


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"good": -1}, "/good"),
        ({"scrap": [{"quantity": 1, "reason": "a"}, {"quantity": -1, "reason": "b"}]},
         "/scrap/1/quantity"),
        ({"rework": [{"quantity": -0.5, "reason": "a"}]}, "/rework/0/quantity"),
        ({"consumption": [{"product": "LEG", "quantity": -2}]}, "/consumption/0/quantity"),
        ({"started_at": "2026-11-24T11:00:00Z", "ended_at": "2026-11-24T10:00:00Z"}, "/ended_at"),
        ({"ended_at": "2026-11-24T13:00:00Z"}, "/ended_at"),
    ],
)  # fmt: skip
def test_what_cannot_be(members, pointer):
    with pytest.raises(ReportError) as caught:
        parse(document(**members), now=NOW)
    assert caught.value.pointer == pointer


def test_a_correction_may_take_back():
    assert correction(2, good=-1).change.good == -1


@pytest.mark.parametrize(
    ("known", "new", "verdict"),
    [
        ([], read(5, good=1), Verdict.NEW),
        ([read(1, good=1)], read(2, good=1), Verdict.NEW),
        ([read(2, good=1)], read(1, good=1), Verdict.NEW),
        ([read(2, good=1)], read(2, good=1.0), Verdict.DUPLICATE),
        ([read(2, good=1)], read(2, good=1, reported_at="2026-11-24T11:00:00Z"),
         Verdict.DUPLICATE),
        ([read(2, good=1)], read(2, good=2), Verdict.CONFLICT),
        ([read(3, "finished")], read(2, good=1), Verdict.NEW),
        ([read(3, "finished")], read(4, good=1), Verdict.AFTER_END),
        ([read(4, good=1)], read(3, "finished"), Verdict.AFTER_END),
        ([read(3, "finished")], read(4, "finished"), Verdict.AFTER_END),
    ],
)  # fmt: skip
def test_numbers(known, new, verdict):
    assert decide(known, new) == verdict


def test_sum():
    found = total(
        [
            read(3, "finished", good=0.1, operator="Kim", ended_at="2026-11-24T11:00:00Z"),
            read(1, good=0.2, scrap=[{"quantity": 1, "reason": "crack"}], lot="L-1",
                 started_at="2026-11-24T08:00:00Z", ended_at="2026-11-24T09:00:00Z"),
            read(2, good=3, scrap=[{"quantity": 2, "reason": "crack"}], operator="Pat", revision=4,
                 consumption=[{"product": "LEG", "quantity": 4}]),
        ]
    )  # fmt: skip
    report = found.report
    assert report.totals.good == Decimal("3.3")
    assert report.totals.scrap == ((("", "crack", ""), Decimal(3)),)
    assert report.totals.consumption == ((("LEG", "", ""), Decimal(4)),)
    assert (report.sequence, report.finished, found.missing) == (3, True, ())
    assert (report.operator, report.lot, report.revision) == ("Kim", "L-1", 4)
    assert report.started_at == datetime(2026, 11, 24, 8, tzinfo=timezone.utc)
    assert report.ended_at == datetime(2026, 11, 24, 11, tzinfo=timezone.utc)


def test_what_is_missing_keeps_it_open():
    found = total([read(4, "finished", good=1), read(2, good=1)])
    assert (found.missing, found.report.finished) == ((1, 3), False)


@pytest.mark.parametrize(
    ("increments", "pointer"),
    [
        ([correction(1, good=-1)], "/good"),
        ([read(1, good=1), correction(2, good=-1)], ""),
        ([correction(1, scrap=[{"quantity": -1, "reason": "a"}])], "/scrap"),
        ([read(1, scrap=[{"quantity": 1, "reason": "b"}]),
          correction(2, scrap=[{"quantity": -1, "reason": "a"}])], "/scrap"),
    ],
)  # fmt: skip
def test_a_sum_below_zero_is_pointed_at(increments, pointer):
    assert total(increments).pointer == pointer


def test_a_line_that_is_taken_back_is_gone():
    found = total([
        read(1, scrap=[{"quantity": 1, "reason": "a"}]),
        correction(2, scrap=[{"quantity": -1, "reason": "a"}]),
    ])  # fmt: skip
    assert found.report.totals.scrap == ()


def test_serials_come_and_go():
    found = total([read(1, good=2, serials=["A", "B"]), read(3, good=1, serials=["C"]),
                   correction(2, good=-1, serials=["A"])])  # fmt: skip
    assert found.report.serials == ("B", "C")


QUANTITIES = st.integers(0, 50).map(lambda n: n / 4)
REASONS = st.sampled_from(["crack", "burr"])


@st.composite
def streams(draw):
    """A valid stream: differences, some of them corrections that leave all totals above zero."""
    count = draw(st.integers(1, 8))
    good, stream = 0.0, []
    for number in range(1, count + 1):
        members = {"good": draw(QUANTITIES), "operator": draw(st.sampled_from(["Pat", "Kim"]))}
        if draw(st.booleans()):
            members["scrap"] = [{"quantity": draw(QUANTITIES), "reason": draw(REASONS)}]
        if good and draw(st.booleans()):
            members |= {"good": -draw(st.integers(1, int(good * 4))) / 4, "correction": True,
                        "correction_reason": "miscounted"}  # fmt: skip
        good += members["good"]
        stream.append(read(number, "finished" if number == count else "progress", **members))
    return stream


@given(streams(), st.data())
def test_any_order_and_repetition_ends_in_the_same_sum(stream, data):
    sent = data.draw(st.permutations(stream + data.draw(st.lists(st.sampled_from(stream)))))
    known = []
    for increment in sent:
        verdict = decide(known, increment)
        assert verdict == (Verdict.DUPLICATE if increment in known else Verdict.NEW)
        if verdict == Verdict.NEW:
            known.append(increment)
            total(known)  # never fails on the way
    found = total(known)
    assert found == total(stream)
    assert found.report.finished
    assert found.missing == ()
    assert found.report.totals.good == sum(one.change.good for one in stream)


@given(streams(), st.data())
def test_it_is_finished_by_the_one_that_comes_last(stream, data):
    sent = data.draw(st.permutations(stream))
    states = [total(sent[: n + 1]).report.finished for n in range(len(sent))]
    assert states == [False] * (len(sent) - 1) + [True]
