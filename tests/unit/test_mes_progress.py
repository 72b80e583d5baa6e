"""Cumulative reports: what is booked does not depend on what arrives how often and when."""

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_mes.tools.progress import (
    Applied,
    Verdict,
    add,
    decide,
    limit,
)
from odoo.addons.mfg_integration_mes.tools.report import ReportError, digest, parse

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
MOST = Decimal(100)


def report(sequence=1, good=0, status="progress", **values):
    document = {
        "order": "0192F3A0-0000-7000-8000-000000000001",
        "sequence": sequence,
        "status": status,
        "good_total": good,
        **values,
    }
    return parse(document, now=NOW)


def applied(of):
    return Applied(of.sequence, of.digest, of.totals)


# (case, what is booked, what comes, verdict, pointer, skipped numbers)
CASES = [
    ("first", None, {"sequence": 1, "good": 5}, Verdict.APPLY, "", 0),
    ("next", {"sequence": 1, "good": 5}, {"sequence": 2, "good": 8}, Verdict.APPLY, "", 0),
    ("no change", {"sequence": 1, "good": 5}, {"sequence": 2, "good": 5}, Verdict.APPLY, "", 0),
    ("gap", {"sequence": 1, "good": 5}, {"sequence": 4, "good": 8}, Verdict.APPLY, "", 2),
    ("late", {"sequence": 3, "good": 5}, {"sequence": 2, "good": 4}, Verdict.STALE, "", 0),
    (
        "late, too much",
        {"sequence": 3, "good": 5},
        {"sequence": 2, "good": 999},
        Verdict.STALE,
        "",
        0,
    ),
    ("repeated", {"sequence": 3, "good": 5}, {"sequence": 3, "good": 5}, Verdict.DUPLICATE, "", 0),
    (
        "repeated later",
        {"sequence": 3, "good": 5, "reported_at": "2026-11-23T11:00:00Z"},
        {"sequence": 3, "good": 5, "reported_at": "2026-11-23T11:30:00Z"},
        Verdict.DUPLICATE,
        "",
        0,
    ),
    ("other", {"sequence": 3, "good": 5}, {"sequence": 3, "good": 6}, Verdict.CONFLICT, "", 0),
    (
        "fell",
        {"sequence": 1, "good": 5},
        {"sequence": 2, "good": 4},
        Verdict.NEGATIVE,
        "/good_total",
        0,
    ),
    (
        "fell, and said so",
        {"sequence": 1, "good": 5},
        {"sequence": 2, "good": 4, "correction": True, "correction_reason": "recount"},
        Verdict.APPLY,
        "",
        0,
    ),
    (
        "fell over a gap",
        {"sequence": 1, "good": 5},
        {"sequence": 3, "good": 4},
        Verdict.APPLY,
        "",
        1,
    ),
    (
        "scrap fell",
        {"sequence": 1, "scrap_total": 2, "scrap": [{"quantity": 2, "reason": "burr"}]},
        {"sequence": 2},
        Verdict.NEGATIVE,
        "/scrap",
        0,
    ),
    (
        "scrap moved to another reason",
        {"sequence": 1, "scrap_total": 2, "scrap": [{"quantity": 2, "reason": "burr"}]},
        {"sequence": 2, "scrap_total": 2, "scrap": [{"quantity": 2, "reason": "crack"}]},
        Verdict.NEGATIVE,
        "/scrap",
        0,
    ),
    (
        "consumption fell",
        {"sequence": 1, "consumption": [{"product": "A", "quantity": 2}]},
        {"sequence": 2, "consumption": [{"product": "A", "quantity": 1.5}]},
        Verdict.NEGATIVE,
        "/consumption",
        0,
    ),
    (
        "rework fell",
        {"sequence": 1, "rework_total": 2, "rework": [{"quantity": 2, "reason": "burr"}]},
        {"sequence": 2},
        Verdict.NEGATIVE,
        "/rework",
        0,
    ),
    (
        "rework is no production",
        {"sequence": 1, "good": 99},
        {
            "sequence": 2,
            "good": 100,
            "rework_total": 50,
            "rework": [{"quantity": 50, "reason": "burr"}],
        },
        Verdict.APPLY,
        "",
        0,
    ),
    ("just enough", None, {"sequence": 1, "good": 100}, Verdict.APPLY, "", 0),
    ("too much", None, {"sequence": 1, "good": 100.001}, Verdict.OVER, "/good_total", 0),
    (
        "too much with scrap",
        None,
        {"sequence": 1, "good": 99, "scrap_total": 2, "scrap": [{"quantity": 2, "reason": "burr"}]},
        Verdict.OVER,
        "/good_total",
        0,
    ),
    (
        "scrapped components are no products",
        None,
        {"sequence": 1, "good": 100, "scrap": [{"quantity": 2, "reason": "bent", "product": "A"}]},
        Verdict.APPLY,
        "",
        0,
    ),
    (
        "too much, but less than booked",
        {"sequence": 1, "good": 120},
        {"sequence": 2, "good": 110, "correction": True, "correction_reason": "recount"},
        Verdict.APPLY,
        "",
        0,
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "pointer", "missing"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_decision(before, after, verdict, pointer, missing):
    state = applied(report(**before)) if before else Applied()
    decision = decide(state, report(**after), most=MOST)
    assert (decision.verdict, decision.pointer, decision.missing) == (verdict, pointer, missing)
    assert (decision.delta is not None) == (verdict == Verdict.APPLY)


def test_delta_is_the_difference_of_the_totals():
    before = report(
        1, 5, scrap_total=1, scrap=[{"quantity": 1, "reason": "burr"}],
        consumption=[{"product": "A", "quantity": 0.1}, {"product": "B", "quantity": 3}],
    )  # fmt: skip
    after = report(
        2, 7, scrap_total=2,
        scrap=[{"quantity": 1, "reason": "burr"}, {"quantity": 1, "reason": "crack"}],
        consumption=[{"product": "A", "quantity": 0.3}, {"product": "B", "quantity": 3}],
    )  # fmt: skip
    delta = decide(applied(before), after, most=MOST).delta
    assert delta.good == 2
    assert delta.scrap == ((("", "crack", ""), 1),)
    assert delta.consumption == ((("A", "", ""), Decimal("0.2")),)


@pytest.mark.parametrize(
    ("planned", "tolerance", "most"), [("10", "0", "10"), ("10", "5", "10.5"), ("3", "10", "3.3")]
)
def test_limit(planned, tolerance, most):
    assert limit(Decimal(planned), Decimal(tolerance)) == Decimal(most)


def test_lines_with_the_same_key_are_one_total():
    read = report(
        scrap_total=3, scrap=[{"quantity": 1, "reason": "burr"}, {"quantity": 2, "reason": "burr"}]
    )
    assert read.totals.scrap == ((("", "burr", ""), 3),)
    assert read.totals.scrap_total == 3
    assert add(read.totals.scrap, read.totals.scrap) == {("", "burr", ""): 6}


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"scrap_total": 2}, "/scrap_total"),
        ({"scrap_total": 0, "scrap": [{"quantity": 1, "reason": "burr"}]}, "/scrap_total"),
        ({"rework_total": 2}, "/rework_total"),
        ({"rework": [{"quantity": 1, "reason": "burr"}]}, "/rework_total"),
        ({"started_at": "2026-11-23T11:00:00Z", "ended_at": "2026-11-23T10:59:59Z"}, "/ended_at"),
        ({"ended_at": "2026-11-23T12:06:00Z"}, "/ended_at"),
        ({"started_at": "2026-02-30T12:00:00Z"}, "/started_at"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(values, pointer):
    with pytest.raises(ReportError) as caught:
        report(**values)
    assert caught.value.pointer == pointer


def test_the_same_number_written_otherwise_is_the_same_content():
    assert digest({"good_total": 5}) == digest({"good_total": 5.0})
    assert digest({"good_total": 5}) != digest({"good_total": 5.5})


# === Any order, any repetition === #

QUANTITY = st.integers(0, 20).map(lambda tenths: tenths / 10)


@st.composite
def streams(draw):
    """A valid stream: totals grow, unless the report says that it corrects."""
    documents, good, scrap, consumed = [], 0, 0, 0
    for sequence in range(1, draw(st.integers(1, 7)) + 1):
        values = {}
        if sequence > 1 and draw(st.booleans()) and draw(st.booleans()):
            values = {"correction": True, "correction_reason": "recount"}
            good, scrap, consumed = draw(QUANTITY), draw(QUANTITY), draw(QUANTITY)
        else:
            good += draw(QUANTITY)
            scrap += draw(QUANTITY)
            consumed += draw(QUANTITY)
        documents.append(
            report(
                sequence, round(good, 1), scrap_total=round(scrap, 1),
                scrap=[{"quantity": round(scrap, 1), "reason": "burr"}],
                consumption=[{"product": "A", "quantity": round(consumed, 1)}],
                **values,
            )
        )  # fmt: skip
    return documents


@given(streams(), st.data())
def test_any_order_and_repetition_of_a_valid_stream_ends_in_the_same_books(stream, data):
    arrivals = data.draw(
        st.lists(st.sampled_from(stream), max_size=20).flatmap(
            lambda repeats: st.permutations(stream + repeats)
        )
    )
    state, good, scrap, consumed = Applied(), Decimal(0), Decimal(0), Decimal(0)
    for arrived in arrivals:
        decision = decide(state, arrived, most=Decimal(10**6))
        assert decision.verdict in (Verdict.APPLY, Verdict.STALE, Verdict.DUPLICATE)
        if decision.verdict == Verdict.APPLY:
            state = applied(arrived)
            good += decision.delta.good
            scrap += sum(quantity for _key, quantity in decision.delta.scrap)
            consumed += sum(quantity for _key, quantity in decision.delta.consumption)
    last = stream[-1].totals
    assert state == applied(stream[-1])
    assert (good, scrap) == (last.good, last.scrap_total)
    assert consumed == sum(quantity for _key, quantity in last.consumption)


def test_every_verdict_has_a_case():
    assert {case[3] for case in CASES} == set(Verdict)
    assert len({case[0] for case in CASES}) == len(CASES)
