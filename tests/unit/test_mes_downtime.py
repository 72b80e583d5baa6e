"""A downtime message says all of its downtime; the highest number is right."""

import itertools
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.addons.mfg_integration_mes.tools.downtime import SCHEMA, Verdict, decide, parse
from odoo.addons.mfg_integration_mes.tools.report import ReportError

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)
OPEN = {
    "downtime": "D-1", "sequence": 1, "workcenter": "SAW", "reason": "Equipment Failure",
    "started_at": "2026-11-24T08:00:00Z",
}  # fmt: skip
ENDED = {**OPEN, "sequence": 2, "ended_at": "2026-11-24T08:40:00Z"}


def read(document=OPEN, **members):
    document = {**document, **members}
    assert compile_schema(dict(SCHEMA)).is_valid(document)
    return parse(document, now=NOW)


def test_read():
    statement = read(expected_end="2026-11-24T12:00:00+01:00", comment="Blade")
    assert statement.started_at == datetime(2026, 11, 24, 8, tzinfo=timezone.utc)
    assert statement.ended_at is None
    assert statement.expected_end == datetime(2026, 11, 24, 11, tzinfo=timezone.utc)
    assert (statement.comment, statement.correction) == ("Blade", False)


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"started_at": "2026-11-24T09:06:00Z"}, "/started_at"),
        ({"ended_at": "2026-11-24T07:59:59Z"}, "/ended_at"),
        ({"ended_at": "2026-11-24T10:00:00Z"}, "/ended_at"),
        ({"expected_end": "2026-11-24T07:00:00Z"}, "/expected_end"),
        ({"started_at": "2026-11-24T08:00:00"}, "/started_at"),
        ({"started_at": "2026-02-30T08:00:00Z"}, "/started_at"),
    ],
)
def test_times_that_cannot_be(members, pointer):
    with pytest.raises(ReportError) as caught:
        parse({**OPEN, **members}, now=NOW)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "document",
    [
        {k: v for k, v in OPEN.items() if k != "reason"},
        {**OPEN, "sequence": 0},
        {**OPEN, "sequence": 1.5},
        {**OPEN, "workcenter": ""},
        {**OPEN, "workcenter": "x" * 201},
        {**OPEN, "correction": False},
        {**OPEN, "minutes": 5},
    ],
)
def test_refused_by_the_schema(document):
    assert not compile_schema(dict(SCHEMA)).is_valid(document)


def state_of(statement):
    return {
        "sequence": statement.sequence,
        "known_digest": statement.digest,
        "known_end": statement.ended_at,
    }


@pytest.mark.parametrize(
    ("known", "new", "verdict"),
    [
        (None, OPEN, Verdict.APPLY),
        (None, ENDED, Verdict.APPLY),
        (OPEN, OPEN, Verdict.DUPLICATE),
        (OPEN, {**OPEN, "reported_at": "2026-11-24T08:59:00Z"}, Verdict.DUPLICATE),
        (OPEN, {**OPEN, "comment": "other"}, Verdict.CONFLICT),
        (OPEN, ENDED, Verdict.APPLY),
        (ENDED, OPEN, Verdict.STALE),
        (ENDED, {**OPEN, "sequence": 3}, Verdict.NOT_MEANT),
        (ENDED, {**OPEN, "sequence": 3, "correction": True}, Verdict.APPLY),
        (ENDED, {**ENDED, "sequence": 3, "ended_at": "2026-11-24T08:50:00Z"}, Verdict.NOT_MEANT),
        (ENDED, {**ENDED, "sequence": 3, "comment": "fixed"}, Verdict.APPLY),
    ],
)
def test_what_counts(known, new, verdict):
    assert decide(read(new), **(state_of(read(known)) if known else {})) == verdict


def stream(ends):
    """A downtime whose expected end moves, and which ends."""
    start = datetime(2026, 11, 24, 8, 0, tzinfo=timezone.utc)
    for number, minutes in enumerate(ends, start=1):
        moment = (start + timedelta(minutes=minutes)).isoformat()
        yield {**OPEN, "sequence": number, "expected_end": moment}
    yield {**ENDED, "sequence": len(ends) + 1}


def fold(messages):
    known = None
    for message in messages:
        if decide(message, **(state_of(known) if known else {})) == Verdict.APPLY:
            known = message
    return known


@given(st.lists(st.integers(1, 300), max_size=5), st.data())
def test_order_and_repetition_do_not_matter(ends, data):
    valid = [read(document) for document in stream(ends)]
    sent = data.draw(st.permutations(valid + data.draw(st.lists(st.sampled_from(valid)))))
    assert fold(sent) == valid[-1]


def test_every_order_of_a_short_one():
    valid = [read(document) for document in stream([60, 90])]
    assert {fold(order) for order in itertools.permutations(valid)} == {valid[-1]}
