"""CloudEvents: ours against the official package, theirs against our reader."""

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_http_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as OfficialEvent
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.envelope import (
    BATCH_CONTENT_TYPE,
    STRUCTURED_CONTENT_TYPE,
    CloudEvent,
    EnvelopeError,
    EventRecord,
    binary_headers,
    decode,
    encode_batch,
    encode_structured,
    mode,
)

RECORD = EventRecord(
    id="01932f5a-7b3c-7def-8123-456789abcdef",
    source="/odoo/4f1c/1",
    type="mfg.production.workorder.completed.v1",
    subject="mrp.workorder/0193",
    time=datetime(2026, 11, 23, 21, 51, 0, 250000, timezone(timedelta(hours=1))),
    dataschema="https://erp.example.com/mfg/v1/schemas/x.v1",
    sequence=42,
    partitionkey="mrp.production/0192",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    correlationid="corr",
    causationid="cause",
    data_text='{"good": 5.50, "unit":"Stück"}',
)
STRUCTURED = {"Content-Type": STRUCTURED_CONTENT_TYPE}

# What CloudEvents calls a String.
_strings = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1)
_uris = st.text("abcXYZ019:/?#[]@!$&'()*+,;=-._~%", min_size=1)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_strings, inner, max_size=3),
    max_leaves=8,
)
_records = st.builds(
    EventRecord,
    id=_strings,
    source=_uris,
    type=_strings,
    subject=st.just("") | _strings,
    time=st.datetimes(
        timezones=st.just(timezone.utc),
    ),
    dataschema=st.just("") | _uris,
    sequence=st.integers(0, 10**20 - 1),
    partitionkey=st.just("") | _strings,
    traceparent=st.just("") | _strings,
    correlationid=st.just("") | _strings,
    causationid=st.just("") | _strings,
    data_text=_json.map(json.dumps),
)


def _check_official(record, event):
    """Compare what the official package has read with what we have written."""
    assert event.get_id() == record.id
    assert event.get_source() == record.source
    assert event.get_type() == record.type
    assert (event.get_subject() or "") == record.subject
    assert event.get_time() == record.time
    assert (event.get_dataschema() or "") == record.dataschema
    assert event.get_datacontenttype() == "application/json"
    assert int(event.get_extension("sequence")) == record.sequence
    for name in ("partitionkey", "traceparent", "correlationid", "causationid"):
        assert (event.get_extension(name) or "") == getattr(record, name)
    assert event.get_data() == json.loads(record.data_text)


# -- out


@given(_records)
def test_the_official_package_reads_ours(record):
    _check_official(record, from_http_event(HTTPMessage(STRUCTURED, encode_structured(record))))


@given(_records, st.binary())
def test_the_official_package_reads_our_binary_mode(record, body):
    headers = binary_headers(record, "application/xml", [("mfgreplay", 'é "%')])
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    event = from_http_event(HTTPMessage(headers, body))
    assert event.get_extension("mfgreplay") == 'é "%'
    assert (event.get_datacontenttype(), event.get_dataschema()) == ("application/xml", None)
    assert (event.get_id(), event.get_source(), event.get_type(), event.get_time()) == (
        record.id, record.source, record.type, record.time,
    )  # fmt: skip
    assert (event.get_subject() or "") == record.subject
    assert int(event.get_extension("sequence")) == record.sequence
    for name in ("partitionkey", "traceparent", "correlationid", "causationid"):
        assert (event.get_extension(name) or "") == getattr(record, name)


@given(_records)
def test_we_read_our_binary_mode(record):
    event = decode(b"<a/>", binary_headers(record, "application/xml"))
    assert (event.id, event.source, event.type, event.subject or "", event.time, event.data) == (
        record.id, record.source, record.type, record.subject, record.time, b"<a/>",
    )  # fmt: skip


def test_binary_mode_takes_no_extension_in_place_of_an_attribute():
    with pytest.raises(EnvelopeError):
        binary_headers(RECORD, "application/xml", [("partitionkey", "x")])


@given(st.lists(_records, max_size=4))
def test_a_batch_is_a_json_array_of_events_in_order(records):
    items = json.loads(encode_batch(records))
    assert len(items) == len(records)
    for record, item in zip(records, items, strict=True):
        _check_official(record, JSONFormat().read(None, json.dumps(item)))
        assert item == json.loads(encode_structured(record))


def test_exact_bytes():
    assert encode_structured(RECORD, [("mfgreplay", "r1"), ("mfgtry", 2)]).decode() == (
        '{"specversion":"1.0","id":"01932f5a-7b3c-7def-8123-456789abcdef",'
        '"source":"/odoo/4f1c/1","type":"mfg.production.workorder.completed.v1",'
        '"subject":"mrp.workorder/0193","time":"2026-11-23T20:51:00.250000Z",'
        '"datacontenttype":"application/json",'
        '"dataschema":"https://erp.example.com/mfg/v1/schemas/x.v1",'
        '"sequence":"00000000000000000042","partitionkey":"mrp.production/0192",'
        '"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
        '"correlationid":"corr","causationid":"cause","mfgreplay":"r1","mfgtry":2,'
        '"data":{"good": 5.50, "unit":"Stück"}}'
    )


def test_the_payload_is_spliced_not_serialised_again():
    body = encode_structured(replace(RECORD, data_text='{ "a":1.50,  "a":2 }'))
    assert body.endswith(b',"data":{ "a":1.50,  "a":2 }}')


def test_empty_attributes_are_left_out():
    bare = replace(
        RECORD, subject="", dataschema="", partitionkey="", traceparent="", correlationid="",
        causationid="", data_text="",
    )  # fmt: skip
    assert set(json.loads(encode_structured(bare))) == {
        "specversion", "id", "source", "type", "time", "datacontenttype", "sequence",
    }  # fmt: skip


@given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
def test_sequences_compare_as_text(one, other):
    texts = [
        json.loads(encode_structured(replace(RECORD, sequence=number)))["sequence"]
        for number in (one, other)
    ]
    assert (texts[0] < texts[1]) == (one < other)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": ""}, "/id"),
        ({"source": ""}, "/source"),
        ({"type": ""}, "/type"),
        ({"subject": "a\nb"}, "/subject"),
        ({"partitionkey": "\ud800"}, "/partitionkey"),
        ({"correlationid": "\x7f"}, "/correlationid"),
        ({"time": datetime(2026, 1, 1)}, "/time"),  # noqa: DTZ001
        ({"sequence": -1}, "/sequence"),
        ({"sequence": 10**20}, "/sequence"),
    ],
)
def test_a_record_names_its_bad_attribute(changes, pointer):
    with pytest.raises(EnvelopeError) as refused:
        replace(RECORD, **changes)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upper", "x"),
        ("with-dash", "x"),
        ("", "x"),
        ("a" * 21, "x"),
        ("data", "x"),
        ("specversion", "x"),
        ("sequence", "x"),
        ("subject", "x"),
        ("ok", 2**31),
        ("ok", 1.5),
        ("ok", None),
        ("ok", "a\0"),
    ],
)
def test_a_bad_extension_is_refused(name, value):
    with pytest.raises(EnvelopeError) as refused:
        encode_structured(replace(RECORD, subject=""), [(name, value)])
    assert refused.value.pointer == f"/{name}"


# -- in


@given(_records)
def test_we_read_what_we_write(record):
    event = decode(encode_structured(record, [("mfgreplay", "r")]), STRUCTURED)
    assert event.extensions["mfgreplay"] == "r"
    for name in ("id", "source", "type"):
        assert getattr(event, name) == getattr(record, name)
    assert (event.subject or "", event.dataschema or "") == (record.subject, record.dataschema)
    assert event.time == record.time
    assert event.data == json.loads(record.data_text)
    assert event.datacontenttype == "application/json"


def _official():
    return OfficialEvent(
        attributes={
            "id": "m-1",
            "source": "/mes/line%204",
            "type": "production.report.v1",
            "subject": 'Auftrag "7" \N{EURO SIGN} 100%',
            "time": RECORD.time,
            "datacontenttype": "application/json",
            "sequence": "7",
        },
        data={"good": 5},
    )


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
def test_we_read_the_official_package(write):
    message = write(_official())
    assert decode(message.body, message.headers) == CloudEvent(
        id="m-1",
        source="/mes/line%204",
        type="production.report.v1",
        subject='Auftrag "7" \N{EURO SIGN} 100%',
        time=RECORD.time,
        datacontenttype="application/json",
        extensions={"sequence": "7"},
        data={"good": 5},
    )


MINIMAL = {"specversion": "1.0", "id": "1", "source": "/mes", "type": "t"}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/mes", "ce-type": "t"}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"content-type": "application/cloudevents+json"}, "structured"),
        ({"CONTENT-TYPE": "Application/CloudEvents+JSON ; charset=UTF-8"}, "structured"),
        ({"Content-Type": BATCH_CONTENT_TYPE}, "batch"),
        ({"Content-Type": "application/json", "CE-SpecVersion": "1.0"}, "binary"),
        ({"ce-specversion": "1.0"}, "binary"),
        ({"Content-Type": "application/json"}, None),
        ({}, None),
    ],
)
def test_mode(headers, found):
    assert mode(headers) == found


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({}, {}),
        ({"subject": None, "data": None}, {}),
        ({"data": {"a": [1]}}, {"data": {"a": [1]}}),
        ({"data": "text", "datacontenttype": "text/plain"},
         {"data": "text", "datacontenttype": "text/plain"}),
        ({"data_base64": "AAH/", "datacontenttype": "application/EDI-X12"},
         {"data": b"\0\1\xff", "datacontenttype": "application/EDI-X12"}),
        ({"data_base64": "eyJhIjoxfQ==", "datacontenttype": "application/json"},
         {"data": {"a": 1}, "datacontenttype": "application/json"}),
        ({"time": "2026-11-23T21:51:00.25+01:00"}, {"time": RECORD.time}),
        ({"x": True, "y": -5, "averyveryverylongextensionname": "z"},
         {"extensions": {"x": True, "y": -5, "averyveryverylongextensionname": "z"}}),
    ],
)  # fmt: skip
def test_structured(changes, event):
    read = decode(json.dumps({**MINIMAL, **changes}).encode(), STRUCTURED)
    expected = CloudEvent(id="1", source="/mes", type="t")
    assert read == replace(expected, **event)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"specversion": None}, "/specversion"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"id": None}, "/id"),
        ({"id": ""}, "/id"),
        ({"id": 5}, "/id"),
        ({"id": "a\0"}, ""),
        ({"source": None}, "/source"),
        ({"source": "a b"}, "/source"),
        ({"type": ["x"]}, "/type"),
        ({"subject": ""}, "/subject"),
        ({"subject": "a\u0085"}, "/subject"),
        ({"time": "yesterday"}, "/time"),
        ({"dataschema": "<x>"}, "/dataschema"),
        ({"datacontenttype": 1}, "/datacontenttype"),
        ({"data": 1, "data_base64": "AA=="}, "/data_base64"),
        ({"data_base64": "###"}, "/data_base64"),
        ({"data_base64": 1}, "/data_base64"),
        ({"data_base64": "AA==", "datacontenttype": "application/json"}, "/data_base64"),
        ({"ext": 1.5}, "/ext"),
        ({"ext": {}}, "/ext"),
        ({"ext": 2**31}, "/ext"),
        ({"Ext": "x"}, "/Ext"),
        ({"a/b~": "x"}, "/a~1b~0"),
    ],
)
def test_structured_names_what_is_wrong(changes, pointer):
    with pytest.raises(EnvelopeError) as refused:
        decode(json.dumps({**MINIMAL, **changes}).encode(), STRUCTURED)
    assert refused.value.pointer == pointer
    assert refused.value.message
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b'{"a": NaN}'])
def test_no_json_object(body):
    with pytest.raises(EnvelopeError) as refused:
        decode(body, STRUCTURED)
    assert refused.value.pointer == ""


@pytest.mark.parametrize(
    ("headers", "body", "event"),
    [
        ({}, b"", {}),
        ({"Content-Type": "application/json"}, b'{"a":1}',
         {"datacontenttype": "application/json", "data": {"a": 1}}),
        ({"Content-Type": "application/vnd.mes+json; charset=utf-8"}, b"[1]",
         {"datacontenttype": "application/vnd.mes+json; charset=utf-8", "data": [1]}),
        ({"Content-Type": "application/EDIFACT"}, b"UNA:+",
         {"datacontenttype": "application/EDIFACT", "data": b"UNA:+"}),
        ({"ce-subject": "Auftrag%20%E2%82%AC"}, b"", {"subject": "Auftrag €"}),
        ({"ce-subject": r'"quoted \"one\""'}, b"", {"subject": 'quoted "one"'}),
        ({"CE-Sequence": "7"}, b"", {"extensions": {"sequence": "7"}}),
        ({"ce-time": "2026-11-23T20:51:00.25Z"}, b"", {"time": RECORD.time}),
    ],
)  # fmt: skip
def test_binary(headers, body, event):
    read = decode(body, {**BINARY, **headers})
    assert read == replace(CloudEvent(id="1", source="/mes", type="t"), **event)


@pytest.mark.parametrize(
    ("headers", "body", "pointer"),
    [
        ({"ce-id": ""}, b"", "/id"),
        ({"ce-id": "%00"}, b"", "/id"),
        ({"ce-id": "%ff"}, b"", "/id"),
        ({"ce-id": "\u20ac"}, b"", "/id"),
        ({"ce-specversion": "2.0"}, b"", "/specversion"),
        ({"ce-datacontenttype": "text/plain"}, b"", "/datacontenttype"),
        ({"ce-a_b": "x"}, b"", "/a_b"),
        ({"Content-Type": "application/json"}, b"{", ""),
    ],
)
def test_binary_names_what_is_wrong(headers, body, pointer):
    with pytest.raises(EnvelopeError) as refused:
        decode(body, {**BINARY, **headers})
    assert refused.value.pointer == pointer


def test_batch_and_plain_requests_are_no_single_event():
    for headers in ({"Content-Type": BATCH_CONTENT_TYPE}, {"Content-Type": "application/json"}, {}):
        with pytest.raises(EnvelopeError, match="single CloudEvent"):
            decode(b"[]", headers)


@given(st.dictionaries(st.sampled_from([*MINIMAL, "subject", "time", "data", "x"]), _json))
def test_any_document_is_an_event_or_an_envelope_error(document):
    try:
        event = decode(json.dumps(document).encode(), STRUCTURED)
    except EnvelopeError as error:
        assert error.message
    else:
        assert all(getattr(event, field.name) != "" for field in fields(event))


@given(st.dictionaries(st.sampled_from(["ce-x", *BINARY, "content-type"]), st.text()), st.binary())
def test_any_headers_are_an_event_or_an_envelope_error(headers, body):
    try:
        decode(body, {**BINARY, **headers})
    except EnvelopeError as error:
        assert error.message
