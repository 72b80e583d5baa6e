import json
from datetime import datetime, timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..exceptions import StateWriteRefused
from ..tools.json_writer import canonical_json

STATES = [
    ("open", "To do"),
    ("in_flight", "On its way"),
    ("resent", "Sent again"),
    ("accepted", "Theirs accepted"),
    ("ignored", "Ignored"),
    ("superseded", "Compared again"),
]


class MfgReconciliationLine(models.Model):
    """One fact on which Odoo and a partner do not agree."""

    _name = "mfg.reconciliation.line"
    _inherit = ["mfg.record.link"]
    _description = "Difference with a partner"
    _order = "id desc"
    _rec_name = "name"

    run_id = fields.Many2one(
        "mfg.reconciliation.run", required=True, readonly=True, ondelete="cascade", index=True
    )
    reconciliation_id = fields.Many2one(related="run_id.reconciliation_id", store=True, index=True)
    connector_id = fields.Many2one(related="run_id.connector_id", store=True)
    company_id = fields.Many2one(related="run_id.company_id", store=True)
    kind = fields.Selection(related="run_id.kind", store=True)
    found_at = fields.Datetime(related="run_id.finished_at", store=True, string="Found")
    key = fields.Char(required=True, readonly=True)
    name = fields.Char(string="About", required=True, readonly=True)
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Record id", model_field="model", readonly=True)
    difference = fields.Selection(
        [
            ("missing_here", "Missing here"),
            ("missing_there", "Missing at the partner"),
            ("different", "Different"),
        ],
        required=True,
        readonly=True,
    )
    fact = fields.Char(string="Technical name", readonly=True)
    label = fields.Char(string="Fact", readonly=True)
    here = fields.Char(readonly=True)
    there = fields.Char(string="At the partner", readonly=True)
    values = fields.Json(readonly=True, help="All that the partner says of it.")
    drift = fields.Float(
        string="Theirs less ours", digits=(16, 6), readonly=True, help="Of quantities."
    )
    error_queue = fields.Boolean(
        readonly=True, help="A message about it waits in the error queue: begin there."
    )
    state = fields.Selection(STATES, required=True, readonly=True, default="open")
    reason = fields.Char(readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True)
    decided_at = fields.Datetime(readonly=True)
    can_resend = fields.Boolean(compute="_compute_can")
    can_accept = fields.Boolean(compute="_compute_can")

    def _compute_can(self):
        for line in self:
            kind = self.env["mfg.reconciliation.kind"]._mfg_resolve(line.kind)
            is_open = line.state in ("open", "in_flight")
            line.can_resend = is_open and kind._can("resend", line)
            line.can_accept = is_open and kind._can("accept", line)

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Differences are found by comparing only."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Use the buttons to decide about a difference."))
        return super().write(vals)

    # === Found by a comparison === #

    @api.model
    def _make(self, run, kind, found, here, there):
        """Lines of what a comparison found, and the run's counts.

        A row that a message on its way will change is no difference yet: its lines are kept and
        not counted. What a person ignored before, and is as it was, stays ignored.
        """
        facts = kind._facts()
        plain = [(key, "missing_here", "", None) for key in found.missing_here]
        plain += [(key, "missing_there", "", None) for key in found.missing_there]
        plain += [(each.key, "different", each.field, each.drift) for each in found.different]
        keys = {key for key, *_rest in plain}
        under_way = kind._under_way(run, keys)
        records = kind._records(run, keys)
        ignored = self._ignored(run, keys)
        vals_list = []
        for key, difference, field, drift in plain:
            ours, theirs = here.get(key) or {}, there.get(key) or {}
            vals = {
                "run_id": run.id,
                "key": key,
                "difference": difference,
                "fact": field or False,
                "label": facts[field].label if field else False,
                "here": _shown(facts, ours, field),
                "there": _shown(facts, theirs, field),
                "values": _plain(theirs),
                "drift": float(drift or 0) if field and facts[field].form == "quantity" else 0,
                "error_queue": under_way.get(key) == "error_queue",
                **_link(kind, run, key, records.get(key)),
            }
            if under_way.get(key) == "in_flight":
                vals["state"] = "in_flight"
            elif earlier := ignored.get(_same(vals)):
                vals |= {
                    "state": "ignored",
                    "reason": earlier.reason,
                    "decided_by_id": earlier.decided_by_id.id,
                    "decided_at": earlier.decided_at,
                }
            vals_list.append(vals)
        self._supersede(run)
        lines = self.create(vals_list)
        counted = lines.filtered(lambda line: line.state != "in_flight")
        kinds = counted.grouped("difference")
        run.write(
            {
                name: len(kinds.get(name, ()))
                for name in ("missing_here", "missing_there", "different")
            }
            | {
                "in_flight": len(set((lines - counted).mapped("key"))),
                "drift": sum(abs(line.drift) for line in counted),
            }
        )

    def _ignored(self, run, keys):
        lines = self.search(
            [
                ("reconciliation_id", "=", run.reconciliation_id.id),
                ("state", "=", "ignored"),
                ("key", "in", list(keys)),
            ],
            order="id",
        )
        return {
            _same({name: line[name] for name in ("key", "difference", "fact", "here", "there")}):
            line for line in lines
        }  # fmt: skip

    def _supersede(self, run):
        """What was found before and is still open is found again, or over."""
        self.search(
            [
                ("reconciliation_id", "=", run.reconciliation_id.id),
                ("state", "in", ("open", "in_flight", "resent")),
                ("run_id", "<", run.id),
            ]
        ).write({"state": "superseded"})

    # === Decided by people === #

    def action_resend(self):
        """Tell the partner what we have."""
        lines = self._decidable("resend")
        for run, of_run in lines.grouped("run_id").items():
            self.env["mfg.reconciliation.kind"]._mfg_resolve(run.kind)._resend(of_run)
        lines._decide("resent", "")

    def action_decide(self):
        """Ask for a reason, then accept theirs or ignore the difference."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Decide about %s differences", len(self)),
            "res_model": "mfg.reconciliation.decide",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_line_ids": self.ids,
                "default_act": self.env.context.get("mfg_act") or "ignore",
            },
        }

    def _accept(self, reason):
        lines = self._decidable("accept")
        for run, of_run in lines.grouped("run_id").items():
            kind = self.env["mfg.reconciliation.kind"]._mfg_resolve(run.kind)
            for line in of_run:
                kind._accept(line, reason)
        lines._decide("accepted", reason)

    def _ignore(self, reason):
        self._decidable(None)._decide("ignored", reason)

    def _decidable(self, act):
        """These lines, if this user may decide about them and ``act`` means something for each.

        :raises UserError: names the first line for which it does not
        """
        self.check_access("read")
        if not self.env.user.has_group("mfg_integration_base.group_operator"):
            raise UserError(self.env._("Only operators of the integration decide on differences."))
        for line in self:
            if line.state not in ("open", "in_flight"):
                raise UserError(self.env._("%s is not open any more.", line.name))
            if act and not line[f"can_{act}"]:
                raise UserError(
                    self.env._(
                        "%(name)s (%(difference)s) cannot be sent again.",
                        name=line.name,
                        difference=line._difference_label(),
                    )
                    if act == "resend"
                    else self.env._(
                        "%(name)s (%(difference)s): what the partner has cannot be taken over. "
                        "Correct it here or there.",
                        name=line.name,
                        difference=line._difference_label(),
                    )
                )
        return self

    def _difference_label(self):
        return dict(self._fields["difference"]._description_selection(self.env))[self.difference]

    def _decide(self, state, reason):
        before = {line.id: f"{line.label or ''} {line.here or '-'} / {line.there or '-'}".strip()
                  for line in self}  # fmt: skip
        self.env["mfg.audit.entry"]._record("decide", self, reason, before=before, after=state)
        # sudo: lines are written by their buttons only, which have checked who presses them.
        self.sudo().write(
            {
                "state": state,
                "reason": reason or False,
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
            }
        )


def _same(vals):
    return tuple(vals[name] or "" for name in ("key", "difference", "fact", "here", "there"))


def _link(kind, run, key, record):
    if not record:
        return {"name": kind._name_of(run, key, record)}
    return {
        "name": kind._name_of(run, key, record),
        "model": record._name,
        "res_id": record.id,
    }


def _shown(facts, row, field):
    """A value for people, or all values of a row that the other side does not have."""
    if field:
        return _text(facts[field], row.get(field))
    shown = (
        f"{facts[name].label}: {_text(facts[name], value)}"
        for name, value in row.items()
        if name in facts
    )
    return "; ".join(shown) or False


def _text(fact, value):
    if value is None:
        return "-"
    if fact.form == "time":
        moment = datetime.fromtimestamp(int(value), timezone.utc)
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def _plain(row):
    """The row as JSON has it."""
    return json.loads(canonical_json(row)) if row else False
