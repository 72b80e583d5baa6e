"""One document for a window: content, control totals, and events that cannot be part of it."""

import base64
import csv
import dataclasses
import hashlib
import io
import json
from datetime import datetime, timezone
from fractions import Fraction

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.batch_document import (
    CONTENT_TYPES,
    BatchError,
    Column,
    ColumnError,
    build,
    parse_columns,
)
from odoo.addons.mfg_integration_base.tools.envelope import (
    REPLAY_EXTENSION,
    EventRecord,
    canonical_json,
    encode_structured,
)


def record(number, data='{"order":"WH/MO/1","good":5}', **changes):
    values = {
        "id": f"id-{number}",
        "source": "/odoo/db/1",
        "type": "mfg.production.order.completed.v1",
        "subject": f"mrp.production/{number}",
        "time": datetime(2026, 11, 23, 12, 0, number % 60, tzinfo=timezone.utc),
        "dataschema": "urn:mfg:schema:x",
        "sequence": 100 + number,
        "partitionkey": "mrp.production:1",
        "traceparent": "",
        "correlationid": "",
        "causationid": "",
        "data_text": data,
    }
    return EventRecord(**{**values, **changes})


THREE = [record(1), record(2, '{"order":"WH/MO/2","good":2.50}'), record(3, '{"good":null}')]
COLUMNS = parse_columns("Event=/id\nOrder=/data/order\nGood=/data/good")


def csv_rows(document):
    text = document.content.decode()
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


# -- content


def test_json_lines_have_one_event_a_line():
    document = build(THREE, layout="jsonl")
    lines = document.content.split(b"\n")
    assert lines.pop() == b""
    assert lines == [encode_structured(one) for one in THREE]
    assert document.content_type == "application/jsonl"


def test_line_breaks_of_a_payload_do_not_break_the_line():
    pretty = '{\r\n  "order": "two\\nlines",\n  "good": 5\r}'
    document = build([record(1, pretty)], layout="jsonl")
    assert document.content.count(b"\n") == 1
    assert b"\r" not in document.content
    assert json.loads(document.content)["data"] == {"order": "two\nlines", "good": 5}


def test_a_cloudevents_batch():
    document = build(THREE, layout="cloudevents")
    events = json.loads(document.content)
    assert [event["id"] for event in events] == ["id-1", "id-2", "id-3"]
    assert document.content_type.startswith("application/cloudevents-batch+json")
    # the official package reads one event at a time
    one = HTTPMessage(
        {"content-type": "application/cloudevents+json"}, json.dumps(events[1]).encode()
    )
    assert from_http_event(one).get_data() == {"order": "WH/MO/2", "good": 2.5}


def test_csv():
    document = build(THREE, layout="csv", columns=COLUMNS)
    assert document.content == (
        b'"Event","Order","Good"\r\n"id-1","WH/MO/1",5\r\n"id-2","WH/MO/2",2.50\r\n"id-3",,\r\n'
    )
    assert document.content_type == "text/csv; charset=utf-8; header=present"
    assert csv_rows(document)[2] == ["id-2", "WH/MO/2", "2.50"]


def test_csv_columns_reach_everything():
    columns = parse_columns("A=/sequence\nB=/time\nC=/data/lines/1/qty\nD=/data\nE=/mfgreplay")
    document = build(
        [(record(1, '{"lines":[{"qty":1},{"qty":-2}]}'), [(REPLAY_EXTENSION, "r-1")])],
        layout="csv",
        columns=columns,
    )
    assert csv_rows(document)[1] == [
        "00000000000000000101",
        "2026-11-23T12:00:01Z",
        "-2",
        '{"lines":[{"qty":1},{"qty":-2}]}',
        "r-1",
    ]


def test_csv_formulas_are_defused():
    document = build([record(1, '{"order":"=cmd|1"}')], layout="csv", columns=COLUMNS)
    assert csv_rows(document)[1][1] == "'=cmd|1"


@pytest.mark.parametrize("layout", ["jsonl", "cloudevents"])
def test_extensions_mark_the_events_they_stand_beside(layout):
    marked = [(one, [(REPLAY_EXTENSION, "r-1")]) for one in THREE[:2]]
    document = build([*marked, THREE[2]], layout=layout)
    assert document.content.count(b'"mfgreplay":"r-1"') == 2


@pytest.mark.parametrize(
    ("layout", "content"), [("jsonl", b""), ("cloudevents", b"[]"), ("csv", b'"A"\r\n')]
)
def test_an_empty_window(layout, content):
    document = build([], layout=layout, columns=(Column("A", "/id"),), sum_pointer="/data/x")
    assert document.content == content
    assert document.totals.document() == {
        "count": 0,
        "sum": "0",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def test_an_unknown_layout_is_an_error():
    with pytest.raises(KeyError):
        build(THREE, layout="xml")


# -- control totals


@pytest.mark.parametrize("layout", CONTENT_TYPES)
def test_totals(layout):
    document = build(iter(THREE), layout=layout, columns=COLUMNS, sum_pointer="/data/good")
    totals = document.totals
    assert (totals.count, totals.first_id, totals.last_id) == (3, "id-1", "id-3")
    assert totals.first_sequence == "00000000000000000101"
    assert totals.last_sequence == "00000000000000000103"
    assert totals.sum == "7.50"
    assert totals.sha256 == hashlib.sha256(document.content).hexdigest()
    assert totals.size == len(document.content)


def test_totals_as_headers():
    document = build(THREE, layout="jsonl", sum_pointer="/data/good")
    digest = base64.b64encode(hashlib.sha256(document.content).digest()).decode()
    assert document.totals.headers() == {
        "content-digest": f"sha-256=:{digest}:",
        "mfg-batch-count": "3",
        "mfg-batch-first-id": "id-1",
        "mfg-batch-last-id": "id-3",
        "mfg-batch-first-sequence": "00000000000000000101",
        "mfg-batch-last-sequence": "00000000000000000103",
        "mfg-batch-sum": "7.50",
    }


def test_totals_of_nothing():
    totals = build([], layout="jsonl").totals
    assert set(totals.headers()) == {"content-digest", "mfg-batch-count"}
    assert totals.headers()["mfg-batch-count"] == "0"


def test_totals_without_a_sum():
    totals = build(THREE, layout="jsonl").totals
    assert totals.sum is None
    assert "mfg-batch-sum" not in totals.headers()
    assert set(totals.document()) == {
        field.name for field in dataclasses.fields(totals) if field.name != "sum"
    }


@pytest.mark.parametrize(
    ("values", "total"),
    [
        (["0.1", "0.2"], "0.3"),
        (["5", "-5"], "0"),
        (["1.50", "2.5"], "4.00"),
        (['"12.50"', "1"], "13.50"),
        (['"-3"', "null"], "-3"),
        (["1e3", "1"], "1001"),
        (["9007199254740993", "0.5"], "9007199254740993.5"),
    ],
)
def test_sums_are_exact(values, total):
    records = [record(n, f'{{"q":{value}}}') for n, value in enumerate(values)]
    assert build(records, layout="jsonl", sum_pointer="/data/q").totals.sum == total


@given(st.lists(st.decimals(-(10**12), 10**12, places=3), max_size=20))
def test_any_sum_is_exact(values):
    records = [record(n, f'{{"q":{value}}}') for n, value in enumerate(values)]
    total = build(records, layout="cloudevents", sum_pointer="/data/q").totals.sum
    assert Fraction(total) == sum(map(Fraction, values))


# -- what cannot be part of it


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"good":', "its data cannot be read"),
        ("NaN", "its data cannot be read"),
        ('{"good":' + "9" * 5000 + "}", "its data cannot be read"),
        ("[" * 100_000, "its data cannot be read"),
        ('{"good":"five"}', "not a number, but “five”"),
        ('{"good":"1e3"}', "not a number, but “1e3”"),
        ('{"good":true}', "is not a number"),
        ('{"good":[1]}', "is not a number"),
        ('{"good":1e100}', "more than 60 digits"),
        ('{"good":1e-100}', "more than 60 digits"),
        ('{"good":1e999999999999999999999}', "its data cannot be read"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_added_is_named(data, said):
    with pytest.raises(BatchError, match="Event id-2: ") as refused:
        build([record(1), record(2, data), record(3)], layout="jsonl", sum_pointer="/data/good")
    assert list(refused.value.problems) == ["id-2"]
    assert said in str(refused.value)
    assert len(str(refused.value)) < 250


def test_a_sum_is_never_a_million_zeros():
    with pytest.raises(BatchError, match="more than 60 digits"):
        build([record(1, '{"good":1e999999}')], layout="jsonl", sum_pointer="/data/good")


@pytest.mark.parametrize("data", ['{"order":"\\ud800"}', '{"order":[1e400]}', '{"order":NaN}'])
def test_an_event_that_cannot_be_written_as_csv_is_named(data):
    with pytest.raises(BatchError) as refused:
        build([record(1), record(2, data)], layout="csv", columns=COLUMNS)
    assert list(refused.value.problems) == ["id-2"]


# -- columns


def test_columns():
    text = " Order = /data/order \n\n Good=/data/a=b\r\nC~=/data/c~0~1"
    assert parse_columns(text) == (
        Column("Order", "/data/order"),
        Column("Good", "/data/a=b"),
        Column("C~", "/data/c~0~1"),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no columns"),
        (" \n ", "no columns"),
        ("A=/a\nOrder", "Line 2, “Order”: write header="),
        ("=/a", "Line 1, “=/a”: write header="),
        ("A=", "Line 1, “A=”: write header="),
        ("A=a", "Line 1, “A=a”: 'a' is not a JSON pointer"),
        ("A=/a~", "Line 1, “A=/a~”: '/a~' is not a JSON pointer"),
        ("A=/a\n\nB=/b\nA=/c", "Line 4, “A=/c”: there is a column of this name"),
        ("+A=/a", "Line 1, “+A=/a”: a spreadsheet"),
        ("@A=/a", "Line 1, “@A=/a”: a spreadsheet"),
        ("A\x07B=/a", "a spreadsheet"),
        ("A" * 500, "Line 1, “AAA"),
        ("\n".join(f"C{n}=/c" for n in range(201)), "201 columns; 200 are the most"),
    ],
)
def test_columns_name_the_line(text, named):
    with pytest.raises(ColumnError) as refused:
        parse_columns(text)
    assert named in str(refused.value)
    assert len(str(refused.value)) < 200


def test_as_many_columns_as_allowed():
    assert len(parse_columns("\n".join(f"C{n}=/c" for n in range(200)))) == 200


# -- what comes in goes out

_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"])
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from("abc"), _values), max_size=5))
def test_every_layout_holds_every_event(payloads):
    records = [record(n, canonical_json(data)) for n, data in enumerate(payloads)]
    lines = build(records, layout="jsonl").content.decode().split("\n")[:-1]
    assert [json.loads(line)["data"] for line in lines] == payloads
    batch = json.loads(build(records, layout="cloudevents").content)
    assert [event["data"] for event in batch] == payloads
    columns = tuple(Column(name, f"/data/{name}") for name in "abc")
    rows = csv_rows(build(records, layout="csv", columns=columns))
    assert rows[0] == ["a", "b", "c"]
    assert len(rows) == len(payloads) + 1
    for cells, data in zip(rows[1:], payloads, strict=True):
        for name, cell in zip("abc", cells, strict=True):
            value = data.get(name)
            if isinstance(value, str):
                assert cell.removeprefix("'") == value.removeprefix("'")
            else:
                assert cell == ("" if value is None else json.dumps(value))
