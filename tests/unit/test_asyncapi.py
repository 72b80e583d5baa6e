"""The AsyncAPI document: right by the official schema, and true to what we put on the wire."""

import itertools
import json
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from odoo.addons.mfg_integration_base.tools import envelope, json_pointer
from odoo.addons.mfg_integration_base.tools.asyncapi import asyncapi
from odoo.addons.mfg_integration_base.tools.catalogue import Event
from odoo.addons.mfg_integration_base.tools.schema import SchemaError

OFFICIAL = Draft7Validator(
    json.loads((Path(__file__).parent / "data" / "asyncapi-3.0.0.json").read_text())
)
COMPLETED = {
    "$id": "urn:mfg:schema:mfg.production.workorder.completed.v1",
    "type": "object",
    "required": ["good"],
    "properties": {"good": {"type": "number"}, "lots": {"prefixItems": [{"$ref": "#/$defs/lot"}]}},
    "$defs": {"lot": {"type": "string"}},
}
EVENTS = [
    Event(
        "mfg.production.workorder.completed.v1",
        summary="Work order completed",
        description="When its last operation ends.",
        schema=COMPLETED,
        example={"good": 5, "lots": ["L1"]},
    ),
    Event(
        "mfg.integration.connector.disabled.v1",
        deprecated=date(2026, 3, 1),
        sunset=date(2027, 3, 1),
    ),
]
CODE = EVENTS[0].code


def document(events=EVENTS, url="https://mes.example.com:8443/mes/events"):
    return asyncapi("Plant events", "1.4.0", url, events)


def written(data):
    """One event as the outbox writes it, with every attribute."""
    record = envelope.EventRecord(
        id="01932f5a-7b3c-7def-8123-456789abcdef",
        source="/odoo/6f1c2f0e-3a55-11f0-9d4c-0242ac120002/1",
        type=CODE,
        subject="mrp.workorder/0192f0c1-2345-7abc-8def-0123456789ab",
        time=datetime(2026, 11, 23, tzinfo=timezone.utc),
        dataschema=f"urn:mfg:schema:{CODE}",
        sequence=4711,
        partitionkey="mrp.production:1",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        correlationid="c",
        causationid="d",
        data_text=json.dumps(data),
    )
    return json.loads(envelope.encode_structured(record, [(envelope.REPLAY_EXTENSION, "r")]))


def payload_allows(made, value):
    reference = f"#/components/messages/{CODE}/payload/schema"
    schema = {"$ref": reference, "components": made["components"]}
    return Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("url", ["https://mes.example.com:8443/mes/events", ""])
@pytest.mark.parametrize("events", [EVENTS, []])
def test_valid_asyncapi(events, url):
    assert list(OFFICIAL.iter_errors(document(events, url))) == []


def test_the_official_schema_can_refuse():
    made = document()
    del made["operations"][f"send.{CODE}"]["action"]
    assert not OFFICIAL.is_valid(made)
    assert not OFFICIAL.is_valid({**document(), "asyncapi": "2.6.0"})


def test_one_channel_operation_and_message_for_each_event():
    made = document()
    codes = sorted(event.code for event in EVENTS)
    assert list(made["channels"]) == list(made["components"]["messages"]) == codes
    assert list(made["operations"]) == [f"send.{code}" for code in codes]


def test_references_lead_from_operation_to_message():
    made = document()
    operation = made["operations"][f"send.{CODE}"]

    def follow(part):
        return json_pointer.resolve(made, part["$ref"].removeprefix("#"))

    channel = follow(operation["channel"])
    [message] = operation["messages"]
    assert follow(message) is channel["messages"][CODE]
    assert follow(follow(message))["name"] == CODE


@pytest.mark.parametrize(
    ("data", "valid"),
    [({"good": 5}, True), ({"good": 5, "lots": ["x"]}, True), ({"good": 5, "lots": [1]}, False),
     ({}, False)],
)  # fmt: skip
def test_what_we_write_fits(data, valid):
    assert payload_allows(document(), written(data)) is valid


def test_the_envelope_describes_every_attribute():
    made = document()
    schema = made["components"]["schemas"]["CloudEvent"]["schema"]
    assert set(written({})) == set(schema["properties"])
    for name in schema["required"]:
        incomplete = written({"good": 1})
        del incomplete[name]
        assert not payload_allows(made, incomplete), name
    without_data = written({"good": 1})
    del without_data["data"]
    assert not payload_allows(made, without_data)
    assert not payload_allows(made, {**written({"good": 1}), "type": "mfg.other.v1"})
    assert not payload_allows(made, {**written({"good": 1}), "dataschema": "urn:mfg:schema:x"})


def test_examples_fit():
    made = document()
    [example] = made["components"]["messages"][CODE]["examples"]
    assert payload_allows(made, example["payload"])
    assert "examples" not in made["components"]["messages"][EVENTS[1].code]


def test_an_event_in_another_format():
    made = document([Event(CODE, schema={"type": "object"}, content_type="application/xml")])
    assert list(OFFICIAL.iter_errors(made)) == []
    message = made["components"]["messages"][CODE]
    assert message["contentType"] == "application/xml"
    assert "payload" not in message
    record = envelope.EventRecord(
        id="1", source="/odoo", type=CODE, subject="", time=datetime.now(timezone.utc),
        dataschema="", sequence=1, partitionkey="", traceparent="", correlationid="",
        causationid="", data_text="{}",
    )  # fmt: skip
    written_headers = set(envelope.binary_headers(record, "application/xml"))
    assert written_headers - {"content-type"} <= set(message["headers"]["required"])


def test_the_end_of_an_event():
    messages = document()["components"]["messages"]
    ending = messages[EVENTS[1].code]
    assert ending["deprecated"] is True
    assert ending["description"].startswith("Deprecated: 2026-03-01.")
    assert "deprecated" not in messages[CODE]


def test_the_server():
    [server] = document()["servers"].values()
    assert (server["protocol"], server["host"]) == ("https", "mes.example.com:8443")
    assert server["pathname"] == "/mes/events"
    assert "servers" not in document(url="")
    with pytest.raises(ValueError, match="address"):
        document(url="https://me:pw@mes.example.com")


def test_the_order_of_events_does_not_matter():
    texts = {json.dumps(document(events)) for events in itertools.permutations(EVENTS)}
    assert len(texts) == 1


def test_unusable_events():
    with pytest.raises(ValueError, match="comes twice"):
        document([*EVENTS, Event(CODE)])
    with pytest.raises(SchemaError):
        Event("a.v1", schema={"type": "whole"})
    with pytest.raises(ValueError, match="before"):
        Event("a.v1", deprecated=date(2026, 3, 2), sunset=date(2026, 3, 1))
