from datetime import timedelta, timezone

from odoo import api, fields, models

from ..exceptions import BusinessReject
from ..tools import rfc3339
from ..tools.json_writer import canonical_json
from ..tools.outcome import Delivered
from ..tools.schema import compile_schema

MOST_PARTS = 100
MOST_ROWS = 5000
"""Rows of one part; a larger snapshot comes in several."""

AHEAD = timedelta(minutes=5)
"""How far a partner's clock may be ahead."""

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What a partner has, for comparing",
    "type": "object",
    "required": ["kind", "snapshot", "as_of", "rows"],
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "minLength": 1, "maxLength": 64},
        "snapshot": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "The partner's own id of this snapshot; its parts share it.",
        },
        "run": {"type": "string", "format": "uuid", "description": "The request it answers."},
        "as_of": {"type": "string", "format": "date-time"},
        "since": {
            "type": "string",
            "format": "date-time",
            "description": "What was finished before is not in the snapshot.",
        },
        "complete": {
            "type": "boolean",
            "description": "Whether these are all rows there are (default), or some.",
        },
        "part": {"type": "integer", "minimum": 1, "maximum": MOST_PARTS},
        "parts": {"type": "integer", "minimum": 1, "maximum": MOST_PARTS},
        "rows": {"type": "array", "maxItems": MOST_ROWS, "items": {"type": "object"}},
    },
}


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    handler = fields.Selection(
        selection_add=[("reconciliation_snapshot", "Snapshot for a reconciliation")],
        ondelete={"reconciliation_snapshot": "cascade"},
    )


class MfgInboxHandlerSnapshot(models.AbstractModel):
    """Takes a partner's snapshot in, part by part, and compares when it is complete."""

    _name = "mfg.inbox.handler.reconciliation_snapshot"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: snapshot for a reconciliation"

    @api.model
    def _schema(self):
        return dict(SCHEMA)

    @api.model
    def _ordering_key(self, document):
        """Parts of one snapshot in the order of their arrival."""
        if not isinstance(document, dict) or not isinstance(document.get("snapshot"), str):
            return None
        return f"mfg.reconciliation:{document['snapshot']}"

    @api.model
    def _handle(self, *, message, document):
        connector = message.connector_id
        part, parts = document.get("part", 1), document.get("parts", 1)
        self._check_numbers(part, parts)
        reconciliation = self._reconciliation(connector, document["kind"])
        kind = self.env["mfg.reconciliation.kind"]._mfg_resolve(reconciliation.kind)
        self._check_rows(kind, document["rows"])
        run = self._run(reconciliation, document, parts)
        message._link_record(run)
        if run.state in ("done", "failed"):
            return self._answer(run, "duplicate" if run.state == "done" else "late")
        if part in run.part_ids.mapped("number"):
            return self._answer(run, "duplicate")
        run.write(
            {
                "state": "receiving",
                "part_ids": [fields.Command.create({"number": part, "rows": document["rows"]})],
            }
        )
        if len(run.part_ids) < run.parts:
            return self._answer(run, "received")
        run._compare(kind)
        return self._answer(run, "compared")

    def _check_numbers(self, part, parts):
        if part > parts:
            raise BusinessReject(
                "invalid_value",
                self.env._("Part %(part)s of %(parts)s cannot be.", part=part, parts=parts),
                "/part",
            )

    def _reconciliation(self, connector, code):
        # sudo: what is compared is configuration, which a service user does not read.
        found = self.env["mfg.reconciliation"].sudo().search(
            [("connector_id", "=", connector.id), ("kind", "=", code)]
        )  # fmt: skip
        if not found:
            raise BusinessReject(
                "unknown_reference",
                self.env._(
                    "No reconciliation of %(kind)s is set up for %(connector)s.",
                    kind=code,
                    connector=connector.name,
                ),
                "/kind",
            )
        return found

    def _check_rows(self, kind, rows):
        validator = compile_schema(kind._row_schema())
        for index, row in enumerate(rows):
            if not validator.is_valid(row):
                error = validator.errors(row, limit=1)[0]
                raise BusinessReject(
                    "schema", error.message, f"/rows/{index}{error.pointer}"
                )  # fmt: skip

    def _run(self, reconciliation, document, parts):
        """The run of a snapshot; begun now where nobody asked for it."""
        runs = self.env["mfg.reconciliation.run"].sudo()  # evidence, written by this only
        own = [("reconciliation_id", "=", reconciliation.id)]
        run = runs.search([*own, ("snapshot", "=", document["snapshot"])])
        if run:
            run._lock()
            if run.parts != parts:
                raise BusinessReject(
                    "conflict",
                    self.env._("An earlier part said that there are %s parts.", run.parts),
                    "/parts",
                )
            return run
        if "run" in document:
            run = runs.search([*own, ("uuid", "=", document["run"].lower())])
            if not run or run.snapshot:
                raise BusinessReject(
                    "unknown_reference",
                    self.env._("Nobody waits for an answer to %s.", document["run"]),
                    "/run",
                )
        else:
            run = runs._begin(reconciliation, trigger="partner")
        run._lock()
        run.write(self._facts(document, parts, run.since))
        return run

    def _facts(self, document, parts, since):
        as_of = self._moment(document, "as_of")
        if as_of > fields.Datetime.now() + AHEAD:
            raise BusinessReject(
                "invalid_value", self.env._("A snapshot cannot be of the future."), "/as_of"
            )
        if "since" in document:
            since = max(since, self._moment(document, "since"))
        return {
            "snapshot": document["snapshot"],
            "as_of": as_of,
            "since": since,
            "complete": document.get("complete", True),
            "parts": parts,
        }

    def _moment(self, document, name):
        try:
            moment = rfc3339.parse(document[name])
        except ValueError as error:
            raise BusinessReject("invalid_value", str(error), f"/{name}") from error
        return moment.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)

    def _answer(self, run, result):
        answer = {"result": result, **run._result(), "parts": run.parts}
        answer["parts_here"] = run.parts if run.state == "done" else len(run.part_ids)
        return Delivered(response=canonical_json(answer))
