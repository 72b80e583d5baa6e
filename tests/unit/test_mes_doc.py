"""The page for whoever connects an MES shows a report that is one, and every event there is."""

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.schema import compile_schema
from odoo.addons.mfg_integration_mes.tools.report import SCHEMA, parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "shop_floor.md").read_text(encoding="utf-8")
CATALOGUE = ROOT / "addons" / "mfg_integration_mes" / "data" / "mfg_event_type_data.xml"


def test_the_example_is_a_report():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    document = json.loads(example)
    assert not compile_schema(dict(SCHEMA)).errors(document)
    report = parse(document, now=datetime(2026, 12, 1, tzinfo=timezone.utc))
    assert (report.totals.good, report.totals.scrap_total) == (8, 2)


def test_members_of_a_report_are_explained():
    unexplained = {name for name in SCHEMA["properties"] if name not in PAGE}
    assert not unexplained


def test_reasons_exist():
    reasons = set(re.findall(r"rejected: `(\w+)`", PAGE))
    assert reasons
    assert reasons <= set(REASONS)


def test_events_are_those_of_the_catalogue():
    codes = {
        field.text
        for field in ElementTree.parse(CATALOGUE).iter("field")
        if field.get("name") == "code"
    }
    shown = set(re.findall(r"`(mfg\.production\.[a-z_.]+\.v1)`", PAGE))
    assert shown == codes


def test_examples_of_events_are_valid():
    for record in ElementTree.parse(CATALOGUE).iter("record"):
        fields = {field.get("name"): field.text for field in record.iter("field")}
        problems = compile_schema(json.loads(fields["schema"])).errors(
            json.loads(fields["example"])
        )
        assert not problems, (fields["code"], problems)
