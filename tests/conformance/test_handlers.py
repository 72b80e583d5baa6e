"""Inbound handlers: a schema that can be published, and no answer but the agreed ones."""

import json

import pytest
from jsonschema import Draft202012Validator

from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject

CONTRACT = "mfg.inbox.handler"
NOBODY = "00000000-0000-7000-8000-000000000000"

SAMPLES = {
    "ping": {},
    "labor_report": {"workorder": NOBODY, "sequence": 1, "operator": "Pat", "entries": []},
    "lot_creation": {"lot": "L-1", "product": NOBODY},
    "material_consumption": {
        "order": NOBODY,
        "sequence": 1,
        "consumption": [{"product": NOBODY, "quantity": 1}],
    },
    "production_increment": {"order": NOBODY, "sequence": 1, "status": "progress", "good": 1},
    "production_report": {"order": NOBODY, "sequence": 1, "status": "progress", "good_total": 1},
    "reconciliation_snapshot": {
        "kind": "production_quantities",
        "snapshot": "S-1",
        "as_of": "2026-01-01T00:00:00Z",
        "rows": [],
    },
    "test_order": {"order": NOBODY, "quantity": 1},
    "workcenter_downtime": {
        "downtime": "D-1",
        "sequence": 1,
        "workcenter": NOBODY,
        "reason": NOBODY,
        "started_at": "2026-01-01T00:00:00Z",
    },
    "workcenter_state": {
        "workcenter": NOBODY,
        "sequence": 1,
        "state": "idle",
        "at": "2026-01-01T00:00:00Z",
    },
    "workorder_state": {
        "workorder": NOBODY,
        "sequence": 1,
        "state": "started",
        "at": "2026-01-01T00:00:00Z",
    },
}
"""By code: a document that is valid against the handler's schema and names nothing we have."""

TAKES_ANYTHING = {"ping"}
"""Handlers without a schema of their own: they read nothing of the document."""


@pytest.fixture
def handlers(plugins):
    return plugins(CONTRACT)


def test_schemas_are_valid_and_can_be_written_as_json(handlers):
    for code, handler in handlers.items():
        schema = handler._schema()
        Draft202012Validator.check_schema(schema)
        assert json.loads(json.dumps(schema)) == schema, code


@pytest.mark.parametrize("document", [{}, [], "", None, 0])
def test_an_empty_document_is_rejected_before_the_handler_sees_it(handlers, document):
    for code, handler in handlers.items():
        accepted = Draft202012Validator(handler._schema()).is_valid(document)
        assert accepted == (code in TAKES_ANYTHING), code


def test_every_handler_has_a_sample(handlers):
    assert set(handlers) == set(SAMPLES)


@pytest.mark.parametrize("code", sorted(SAMPLES))
def test_a_message_about_nothing_known_ends_in_an_outcome(env, handlers, code):
    handler, document = handlers[code], SAMPLES[code]
    assert Draft202012Validator(handler._schema()).is_valid(document)
    assert handler._ordering_key(document) is None or handler._ordering_key(document)
    if code in TAKES_ANYTHING:
        outcome = handler._handle(message=env["mfg.inbox.message"], document=document)
        assert isinstance(outcome, Delivered)
        return
    try:
        outcome = handler._handle(message=env["mfg.inbox.message"], document=document)
    except BusinessReject as reject:
        outcome = Reject(reject.reason, reject.detail)
    assert isinstance(outcome, Reject)
    assert outcome.reason == "unknown_reference"
    assert outcome.detail
