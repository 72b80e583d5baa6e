from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import BusinessReject, StateWriteRefused
from ..tools.snapshot_compare import compare
from .uuids import new_uuid

REQUESTED = "mfg.integration.reconciliation.requested.v1"
COMPLETED = "mfg.integration.reconciliation.completed.v1"

STATES = [
    ("requested", "Asked for"),
    ("receiving", "Coming in"),
    ("done", "Compared"),
    ("failed", "Failed"),
]


class MfgReconciliationRun(models.Model):
    """One comparison with a partner's snapshot. Written by what it tells of only."""

    _name = "mfg.reconciliation.run"
    _description = "Reconciliation run"
    _order = "id desc"
    _rec_name = "uuid"

    uuid = fields.Char(string="Run", required=True, readonly=True, index="btree")
    reconciliation_id = fields.Many2one(
        "mfg.reconciliation", required=True, readonly=True, ondelete="cascade", index=True
    )
    connector_id = fields.Many2one(related="reconciliation_id.connector_id", store=True)
    company_id = fields.Many2one(related="reconciliation_id.company_id", store=True)
    kind = fields.Selection(related="reconciliation_id.kind", store=True)
    trigger = fields.Selection(
        [("person", "A person"), ("schedule", "Its schedule"), ("partner", "The partner")],
        string="Begun by",
        required=True,
        readonly=True,
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="requested")
    problem = fields.Char(readonly=True)
    snapshot = fields.Char(string="Partner's id", readonly=True)
    as_of = fields.Datetime(
        readonly=True, help="When the partner took its snapshot, by its own word."
    )
    since = fields.Datetime(
        readonly=True, help="What was finished before is not expected in the snapshot."
    )
    complete = fields.Boolean(
        readonly=True, help="The snapshot has all that the partner knows: what it lacks is missing."
    )
    requested_at = fields.Datetime(string="Begun", required=True, readonly=True)
    finished_at = fields.Datetime(readonly=True)
    parts = fields.Integer(readonly=True)
    part_ids = fields.One2many("mfg.reconciliation.part", "run_id", readonly=True)
    line_ids = fields.One2many("mfg.reconciliation.line", "run_id", readonly=True)
    compared = fields.Integer(readonly=True, help="Rows that both sides have.")
    missing_here = fields.Integer(readonly=True)
    missing_there = fields.Integer(string="Missing at the partner", readonly=True)
    different = fields.Integer(readonly=True)
    in_flight = fields.Integer(
        string="On its way",
        readonly=True,
        help="Rows that a message on its way will change: not counted.",
    )
    difference_count = fields.Integer(
        string="Differences", compute="_compute_difference_count", store=True
    )
    drift = fields.Float(
        digits=(16, 6), readonly=True, help="Sum of the quantities' differences without signs."
    )
    open_count = fields.Integer(string="To do", compute="_compute_open_count")

    _uuid_uniq = models.Constraint("UNIQUE (uuid)", "Two runs share an id.")
    _snapshot_uniq = models.UniqueIndex(
        "(reconciliation_id, snapshot) WHERE snapshot IS NOT NULL",
        "This snapshot was compared before.",
    )

    @api.depends("missing_here", "missing_there", "different")
    def _compute_difference_count(self):
        for run in self:
            run.difference_count = run.missing_here + run.missing_there + run.different

    @api.depends("line_ids.state")
    def _compute_open_count(self):
        counts = dict(
            self.env["mfg.reconciliation.line"]._read_group(
                [("run_id", "in", self.ids), ("state", "=", "open")], ["run_id"], ["__count"]
            )
        )
        for run in self:
            run.open_count = counts.get(run, 0)

    @api.depends("reconciliation_id", "requested_at")
    def _compute_display_name(self):
        for run in self:
            moment = fields.Datetime.context_timestamp(run, run.requested_at)
            run.display_name = f"{run.reconciliation_id.display_name}, {moment:%Y-%m-%d %H:%M}"

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Runs are written by comparing only."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Runs are written by comparing only."))
        return super().write(vals)

    # === What the partner is told === #

    def _mfg_matches(self, spec, cause):
        # A request is for the partner that is to answer it.
        return spec.connector_id == self.connector_id.id and super()._mfg_matches(spec, cause)

    @api.model
    def _begin(self, reconciliation, *, trigger, **vals):
        now = fields.Datetime.now()
        return self.create(
            {
                "uuid": new_uuid(),
                "reconciliation_id": reconciliation.id,
                "trigger": trigger,
                "requested_at": now,
                "since": now - timedelta(days=reconciliation.days),
                **vals,
            }
        )

    def _tell_requested(self):
        self._mfg_emit(
            REQUESTED, {"run": self.uuid, "kind": self.kind, "since": f"{self.since.isoformat()}Z"}
        )

    def _give_up(self):
        """Nobody answered: say so on the run, and to the owner."""
        missing = self.parts - len(self.part_ids)
        # sudo: runs are written by what they tell of only.
        self.sudo().write(
            {
                "state": "failed",
                "finished_at": fields.Datetime.now(),
                "problem": self.env._("%s parts of the snapshot never came.", missing)
                if self.parts
                else self.env._("The partner sent no snapshot in time."),
            }
        )
        self.part_ids.sudo().unlink()
        self.reconciliation_id._tell_owner(self.env._("No snapshot came"))

    # === Comparing === #

    def _lock(self):
        """Make parts of one snapshot wait for each other."""
        self.env.cr.execute(
            SQL("UPDATE mfg_reconciliation_run SET parts = parts WHERE id = %s", self.id)
        )

    def _compare(self, kind):
        """Compare, once all parts are here.

        :param kind: the plug-in, in the environment of the connector's service user
        :raises BusinessReject: a row cannot be understood, or is there twice
        """
        there = self._rows_there(kind)
        here = kind._here(self, there)
        facts = kind._facts()
        tolerance = {
            name: self._tolerance(fact) for name, fact in facts.items() if fact.form != "exact"
        }
        expected = kind._expected(self, set(here)) | there.keys()
        found = compare(
            {key: row for key, row in here.items() if key in expected},
            there,
            tolerance,
            complete=self.complete,
        )
        self.write(
            {"state": "done", "finished_at": fields.Datetime.now(), "compared": found.compared}
        )
        self.env["mfg.reconciliation.line"]._make(self, kind, found, here, there)
        self.part_ids.unlink()
        self._tell_completed()

    def _rows_there(self, kind):
        there = {}
        for part in self.part_ids.sorted("number"):
            for index, row in enumerate(part.rows or ()):
                pointer = f"/rows/{index}"
                key, facts = kind._there(self, row, pointer)
                if key in there:
                    raise BusinessReject(
                        "invalid_value",
                        self.env._("Row %(row)s of part %(part)s repeats an earlier row.",
                                   row=index, part=part.number),
                        pointer,
                    )  # fmt: skip
                there[key] = facts
        return there

    def _tolerance(self, fact):
        reconciliation = self.reconciliation_id
        if fact.form == "time":
            return _decimal(reconciliation.time_tolerance)
        return _decimal(reconciliation.tolerance)

    def _tell_completed(self):
        self._mfg_emit(COMPLETED, self._result())
        if self.open_count:
            self.reconciliation_id._tell_owner(self.env._("Differences with the partner"))

    def _result(self):
        """What the partner is answered, and told by event."""
        return {
            "run": self.uuid,
            "kind": self.kind,
            "snapshot": self.snapshot or None,
            "compared": self.compared,
            "missing_here": self.missing_here,
            "missing_there": self.missing_there,
            "different": self.different,
            "in_flight": self.in_flight,
            "drift": round(self.drift, 6),
        }

    def action_open_lines(self):
        self.ensure_one()
        return self.reconciliation_id.action_open_lines() | {
            "domain": [("run_id", "=", self.id)],
            "context": {},
        }


class MfgReconciliationPart(models.Model):
    """Rows of a snapshot that has not come in full yet."""

    _name = "mfg.reconciliation.part"
    _description = "Part of a partner's snapshot"
    _order = "run_id, number"
    _rec_name = "number"

    run_id = fields.Many2one(
        "mfg.reconciliation.run", required=True, readonly=True, ondelete="cascade"
    )
    number = fields.Integer(required=True, readonly=True)
    rows = fields.Json(readonly=True)

    _number_uniq = models.Constraint("UNIQUE (run_id, number)", "This part came before.")


def _decimal(number):
    return Decimal(repr(number))
