"""The page for whoever connects an MES shows a report that is one, and every event there is."""

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest

from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.addons.mfg_integration_mes.tools import (
    consumption,
    downtime,
    increment,
    labor,
    lot,
    machine_state,
    operation_state,
)
from odoo.addons.mfg_integration_mes.tools.report import SCHEMA, parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "shop_floor.md").read_text(encoding="utf-8")
DATA = ROOT / "addons" / "mfg_integration_mes" / "data"
CATALOGUE = [
    record
    for path in sorted(DATA.glob("mfg_event_type*_data.xml"))
    for record in ElementTree.parse(path).iter("record")
]


NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_the_example_is_a_report():
    document = EXAMPLES[0]
    assert not compile_schema(dict(SCHEMA)).errors(document)
    report = parse(document, now=NOW)
    assert (report.totals.good, report.totals.scrap_total) == (8, 2)


def test_the_example_is_a_downtime():
    document = next(example for example in EXAMPLES if "downtime" in example)
    assert not compile_schema(dict(downtime.SCHEMA)).errors(document)
    assert downtime.parse(document, now=NOW).ended_at is None


def test_the_example_is_an_increment():
    document = next(example for example in EXAMPLES if "good" in example)
    assert not compile_schema(dict(increment.SCHEMA)).errors(document)
    assert increment.parse(document, now=NOW).change.good == 2


def test_the_example_is_a_lot():
    document = next(
        example for example in EXAMPLES if example.keys() <= {"lot", "product", "order"}
    )
    assert not compile_schema(dict(lot.SCHEMA)).errors(document)


@pytest.mark.parametrize(
    ("module", "member"),
    [
        (operation_state, "state"),
        (labor, "entries"),
        (consumption, "consumption"),
        (machine_state, "counters"),
    ],
    ids=["state", "labor", "consumption", "machine"],
)
def test_the_example_is_one(module, member):
    properties = module.SCHEMA["properties"].keys()
    document = next(e for e in EXAMPLES if member in e and e.keys() <= properties)
    assert not compile_schema(dict(module.SCHEMA)).errors(document)
    assert module.parse(document, **({} if module is consumption else {"now": NOW}))


@pytest.mark.parametrize(
    "schema",
    [
        SCHEMA,
        increment.SCHEMA,
        downtime.SCHEMA,
        operation_state.SCHEMA,
        labor.SCHEMA,
        machine_state.SCHEMA,
    ],
    ids=lambda schema: schema["title"],
)
def test_members_of_a_message_are_explained(schema):
    unexplained = {name for name in schema["properties"] if name not in PAGE}
    assert not unexplained


def test_reasons_exist():
    reasons = set(re.findall(r"rejected: `(\w+)`", PAGE))
    assert reasons
    assert reasons <= set(REASONS)


def test_events_are_those_of_the_catalogue():
    codes = {
        field.text
        for record in CATALOGUE
        for field in record.iter("field")
        if field.get("name") == "code"
    }
    shown = set(re.findall(r"^\| `(mfg\.[a-z_.]+\.v1)` \|", PAGE, re.MULTILINE))
    assert shown == codes


def test_examples_of_events_are_valid():
    for record in CATALOGUE:
        fields = {field.get("name"): field.text for field in record.iter("field")}
        problems = compile_schema(json.loads(fields["schema"])).errors(
            json.loads(fields["example"])
        )
        assert not problems, (fields["code"], problems)
