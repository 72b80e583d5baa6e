"""The OpenAPI document: right by an independent validator, and true to what it is made of."""

import itertools
import json
import re
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from odoo.addons.mfg_integration_base import const
from odoo.addons.mfg_integration_base.tools import json_pointer, openapi_security
from odoo.addons.mfg_integration_base.tools.catalogue import Route
from odoo.addons.mfg_integration_base.tools.openapi import API_PREFIX, openapi
from odoo.addons.mfg_integration_base.tools.problem import PROBLEMS, Problem
from odoo.addons.mfg_integration_base.tools.schema import SchemaError

WIRE_FORMAT = (Path(__file__).resolve().parents[2] / "docs" / "wire_format.md").read_text()

REPORT = {
    "$id": "urn:mfg:schema:production.report.v1",
    "type": "object",
    "required": ["order", "good_total"],
    "properties": {
        "order": {"type": "string"},
        "good_total": {"type": "number", "minimum": 0},
        "lots": {"type": "array", "items": {"$ref": "#/$defs/lot kinds~1all"}},
        "who": {"$ref": "#person"},
    },
    "$defs": {
        "lot kinds/all": {"type": "string", "minLength": 1},
        "person": {
            "$anchor": "person",
            "type": "object",
            "properties": {"boss": {"$ref": "#person"}},
        },
    },
}  # fmt: skip
EXAMPLE = {"order": "WH/MO/1", "good_total": 5, "lots": ["L1"], "who": {"boss": {}}}

ROUTES = [
    Route("line4-mes", "production.report.v1", schema=REPORT, example=EXAMPLE),
    Route(
        "line4-mes",
        "ping.v1",
        summary="Connection test",
        description="Answers only.",
        synchronous=True,
        external_id_pointer="/id",
        deprecated=date(2026, 3, 1),
        sunset=date(2027, 3, 1),
    ),
    Route("acme", "edi.order.v1", content_types=("application/edi-x12", "application/json"),
          schema={"type": "object"}, batch=True, example={}),
]  # fmt: skip
KINDS = openapi_security.KINDS


def document(routes=ROUTES, kinds=KINDS, url="https://erp.example.com"):
    return openapi("Plant interface", "1.4.0", url, routes, kinds)


def post(made, connector, message_type):
    return made["paths"][f"/mfg/v1/in/{connector}/{message_type}"]["post"]


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(made, part):
    while isinstance(part, dict) and "$ref" in part:
        part = json_pointer.resolve(made, unquote(part["$ref"].removeprefix("#")))
    return part


def is_valid(made, schema, value):
    return Draft202012Validator({**schema, "components": made["components"]}).is_valid(value)


@pytest.mark.parametrize(
    "kinds", [c for n in range(1, 5) for c in itertools.combinations(KINDS, n)]
)
def test_valid_openapi(kinds):
    assert list(OpenAPIV31SpecValidator(document(kinds=kinds)).iter_errors()) == []


def test_the_validator_can_refuse():
    made = document()
    del post(made, "line4-mes", "ping.v1")["responses"]
    made["paths"]["/mfg/v1/messages/{uuid}"]["get"]["parameters"] = []
    assert list(OpenAPIV31SpecValidator(made).iter_errors())


def test_one_path_for_each_route_and_the_common_ones():
    assert list(document()["paths"]) == [
        "/mfg/v1/in/acme/edi.order.v1",
        "/mfg/v1/in/line4-mes/ping.v1",
        "/mfg/v1/in/line4-mes/production.report.v1",
        "/mfg/v1/messages/{uuid}",
        "/mfg/v1/oauth/token",
    ]
    assert "/mfg/v1/oauth/token" not in document(kinds=["hmac"])["paths"]
    assert API_PREFIX == const.API_PREFIX


def test_no_routes_yet():
    made = document(routes=[])
    assert list(OpenAPIV31SpecValidator(made).iter_errors()) == []
    assert "/mfg/v1/messages/{uuid}" in made["paths"]


def test_the_order_of_what_is_given_does_not_matter():
    texts = {
        json.dumps(document(routes=routes, kinds=kinds))
        for routes in itertools.permutations(ROUTES)
        for kinds in (KINDS, KINDS[::-1])
    }
    assert len(texts) == 1


def test_every_reference_leads_somewhere():
    made = document()
    found = list(references(made))
    assert len(found) > 20
    for reference in found:
        resolve(made, {"$ref": reference})


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"lots": [""]}, False),  # behind a reference with a space and a slash
        ({"who": {"boss": {"boss": 1}}}, False),  # behind an anchor, twice
        ({"good_total": -1}, False),
    ],
)
def test_a_schema_means_the_same_inside_of_the_document(change, valid):
    made = document()
    media = post(made, "line4-mes", "production.report.v1")["requestBody"]["content"]
    schema = media["application/json"]["schema"]
    value = {**EXAMPLE, **change}
    assert Draft202012Validator(REPORT).is_valid(value) is valid
    assert is_valid(made, schema, value) is valid


def test_the_caller_s_schemas_stay_as_they_are():
    before = json.dumps(REPORT)
    made = document()
    made["components"]["schemas"]["line4-mes.production.report.v1"]["properties"].clear()
    made["components"]["headers"].clear()
    assert json.dumps(REPORT) == before
    assert document()["components"]["headers"]


# -- what a route says


def test_examples_and_content_types():
    content = post(document(), "acme", "edi.order.v1")["requestBody"]["content"]
    assert list(content)[:2] == ["application/edi-x12", "application/json"]
    assert content["application/json"]["example"] == {}
    assert "example" not in content["application/edi-x12"]


def test_a_batch_is_an_array_of_cloudevents():
    made = document()
    content = post(made, "acme", "edi.order.v1")["requestBody"]["content"]
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {}}
    schema = content["application/cloudevents-batch+json"]["schema"]
    cases = ([event], [event, event], [], event, [{}], [{**event, "data": 1}])
    assert [is_valid(made, schema, case) for case in cases] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert is_valid(made, content["application/cloudevents+json"]["schema"], event)
    assert {"application/jsonl", "application/x-ndjson"} <= set(content)


def test_a_route_without_batches_takes_one_message():
    single = post(document(), "line4-mes", "production.report.v1")
    assert list(single["requestBody"]["content"]) == [
        "application/json", "application/cloudevents+json",
    ]  # fmt: skip
    assert "207" not in single["responses"]


def test_where_the_id_is():
    by_header = post(document(), "line4-mes", "production.report.v1")
    assert by_header["parameters"][0]["name"] == "webhook-id"
    assert by_header["parameters"][0]["required"]
    by_pointer = post(document(), "line4-mes", "ping.v1")
    assert "webhook-id" not in [parameter["name"] for parameter in by_pointer["parameters"]]
    assert "`/id`" in by_pointer["description"]


def test_the_end_of_a_route():
    ending = post(document(), "line4-mes", "ping.v1")
    assert ending["deprecated"] is True
    assert ending["description"].startswith("Answers only.\n\nDeprecated: 2026-03-01.\n\nSunset")
    for status in ("200", "202"):
        headers = ending["responses"][status]["headers"]
        assert headers["Deprecation"]["example"] == "@1772323200"
        assert headers["Sunset"]["example"] == "Mon, 01 Mar 2027 00:00:00 GMT"
    lasting = post(document(), "line4-mes", "production.report.v1")
    assert "deprecated" not in lasting
    assert "headers" not in lasting["responses"]["200"]
    assert list(lasting["responses"]["202"]["headers"]) == ["Location"]


def test_what_a_new_message_is_answered():
    asynchronous = post(document(), "line4-mes", "production.report.v1")["responses"]
    synchronous = post(document(), "line4-mes", "ping.v1")["responses"]
    assert asynchronous["202"]["description"].startswith("Stored")
    assert asynchronous["200"]["description"].startswith("It came before")
    assert synchronous["200"]["description"] == "Booked."


# -- answers


def test_every_problem_is_described():
    made = document()
    responses = post(made, "line4-mes", "ping.v1")["responses"]
    agreed = {200, 202, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503}
    assert set(responses) == {
        str(status) for status in agreed.union(status for status, _title in PROBLEMS.values())
    }
    for slug, (status, title) in PROBLEMS.items():
        response = resolve(made, responses[str(status)])
        media = response["content"]["application/problem+json"]
        written = json.loads(Problem(slug, status, title, "Why.").encode())
        assert is_valid(made, media["schema"], written)
        assert not is_valid(made, media["schema"], {**written, "status": status + 1})
        assert not is_valid(made, media["schema"], {**written, "type": "urn:mfg:problem:other"})
        assert is_valid(made, media["schema"], media["examples"][slug]["value"])
        assert title in response["description"]


@pytest.mark.parametrize("status", ["405"])
def test_what_has_no_type_is_about_blank(status):
    made = document()
    response = resolve(made, post(made, "line4-mes", "ping.v1")["responses"][status])
    schema = response["content"]["application/problem+json"]["schema"]
    assert is_valid(made, schema, json.loads(Problem.of_status(int(status)).encode()))


@pytest.mark.parametrize(
    ("status", "header"),
    [("429", "Retry-After"), ("503", "Retry-After"), ("401", "WWW-Authenticate")],
)
def test_headers_of_problems(status, header):
    made = document()
    response = resolve(made, post(made, "line4-mes", "ping.v1")["responses"][status])
    assert resolve(made, response["headers"][header])["schema"]


def test_the_answers_of_the_wire_format_page_fit():
    made = document()
    answers = re.findall(r"```json\n(\{.*\"status_url\".*\}|\{\"type\".*\})\n```", WIRE_FORMAT)
    receipt, problem = (json.loads(text) for text in answers)
    schemas = made["components"]["schemas"]
    assert is_valid(made, schemas["Receipt"], receipt)
    assert is_valid(made, schemas["MessageStatus"], receipt)
    assert is_valid(made, schemas["Problem"], problem)
    assert is_valid(made, schemas["MessageStatus"], {"id": receipt["id"], "status": "archived"})
    assert not is_valid(made, schemas["Receipt"], {**receipt, "status": "archived"})


# -- who may


@pytest.mark.parametrize(
    ("kinds", "needed", "schemes"),
    [
        (["hmac"], [{"webhookId", "webhookSignature", "webhookTimestamp"}],
         ["webhookId", "webhookSignature", "webhookTimestamp"]),
        (["bearer"], [{"bearer"}], ["bearer"]),
        (["mtls", "bearer"], [{"bearer"}, {"mutualTLS"}], ["bearer", "mutualTLS"]),
        (["oauth2"], [{"oauth2"}], ["clientBasic", "oauth2"]),
    ],
)  # fmt: skip
def test_security(kinds, needed, schemes):
    made = document(kinds=kinds)
    assert [set(one) for one in made["security"]] == needed
    assert list(made["components"]["securitySchemes"]) == schemes


def test_the_token_endpoint():
    made = document(kinds=["oauth2"])
    [flow] = made["components"]["securitySchemes"]["oauth2"]["flows"].values()
    assert flow["tokenUrl"] == "https://erp.example.com/mfg/v1/oauth/token"
    operation = made["paths"]["/mfg/v1/oauth/token"]["post"]
    [form] = operation["requestBody"]["content"].values()
    assert is_valid(made, form["schema"], {"grant_type": "client_credentials", "client_id": "x"})
    assert not is_valid(made, form["schema"], {"grant_type": "password"})


# -- refusals


@pytest.mark.parametrize("kinds", [[], ["basic"], ["hmac", "none"]])
def test_kinds_that_are_none(kinds):
    with pytest.raises(ValueError, match="kind"):
        document(kinds=kinds)


@pytest.mark.parametrize(
    "url",
    ["", "erp.example.com", "/mfg", "ftp://erp.example.com", "https://me:pw@erp.example.com",
     "https://erp.example.com/?token=1", "https://erp.example.com/#a"],
)  # fmt: skip
def test_addresses_that_cannot_be_shown(url):
    with pytest.raises(ValueError, match="address") as caught:
        document(url=url)
    assert "pw" not in str(caught.value)


def test_a_route_comes_once():
    with pytest.raises(ValueError, match=re.escape("'acme.edi.order.v1' comes twice")):
        document(routes=[*ROUTES, Route("acme", "edi.order.v1")])


def test_unusable_routes():
    with pytest.raises(SchemaError):
        Route("acme", "edi.order.v1", schema={"$ref": "#/$defs/none"})
    with pytest.raises(ValueError, match="before"):
        Route("acme", "a.v1", deprecated=date(2026, 3, 2), sunset=date(2026, 3, 1))
