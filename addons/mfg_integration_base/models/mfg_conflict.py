import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..exceptions import StateWriteRefused
from ..tools.json_writer import canonical_json

WINNERS = [("here", "Odoo"), ("there", "The partner")]


class MfgConflict(models.Model):
    """Odoo and a partner said different things about a field that one of them owns.

    What both said, who won, and why. Nothing of it changes afterwards but the decision, where one
    is waited for.
    """

    _name = "mfg.conflict"
    _inherit = ["mfg.record.link"]
    _description = "Conflict with a partner"
    _order = "id desc"

    name = fields.Char(string="About", required=True, readonly=True, help="Its name at that time.")
    connector_id = fields.Many2one("mfg.connector", readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(string="Record id", model_field="model", readonly=True)
    ordering_key = fields.Char(required=True, readonly=True, index=True)
    field_group = fields.Selection([], required=True, readonly=True)
    field = fields.Char(string="Technical name", required=True, readonly=True)
    label = fields.Char(string="Field", required=True, readonly=True)
    here = fields.Char(string="Odoo", readonly=True)
    there = fields.Char(string="Partner", readonly=True)
    values = fields.Json(readonly=True, help="Both values as they were: here, there.")
    here_by_id = fields.Many2one("res.users", string="By", readonly=True)
    here_at = fields.Datetime(string="Said in Odoo", readonly=True)
    there_at = fields.Datetime(string="Said by the partner", readonly=True)
    owner = fields.Selection(WINNERS, readonly=True, help="Whose the field is by the rules.")
    rule = fields.Selection(
        [
            ("owner_wins", "The owner wins"),
            ("newest_wins", "The newest wins"),
            ("decide", "A person decides"),
        ],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [("open", "To decide"), ("decided", "Decided")],
        required=True,
        readonly=True,
        default="decided",
    )
    winner = fields.Selection(WINNERS, readonly=True)
    reason = fields.Char(readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True, help="Empty: by the rule.")
    decided_at = fields.Datetime(readonly=True)
    message_uuid = fields.Char(string="Message", readonly=True)

    _winner_known = models.Constraint(
        "CHECK ((state = 'decided') = (winner IS NOT NULL))",
        "A decided conflict has a winner, an open one has none.",
    )
    _record_idx = models.Index("(model, res_id, id)")

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Conflicts are written by what they tell of only."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            raise StateWriteRefused(self.env._("Use the buttons to decide a conflict."))
        return super().write(vals)

    @api.model
    def _record(self, record, field, *, here, there, label="", **vals):
        """Keep a conflict; the one that is there where the same is open already.

        :param record: the business record that the field is of
        :param here: Odoo's value, ``there``: the partner's; numbers, texts or None
        :param vals: ``connector_id``, ``field_group``, ``owner``, ``rule``, ``state``, ``winner``,
            ``reason``, ``here_by_id``, ``here_at``, ``there_at``
        """
        values = json.loads(canonical_json({"here": here, "there": there}))
        # sudo: evidence, written whoever caused it.
        conflicts = self.sudo()
        same = conflicts.search(
            [
                ("model", "=", record._name),
                ("res_id", "=", record.id),
                ("field", "=", field),
                ("state", "=", "open"),
            ]
        ).filtered(lambda conflict: conflict.values == values)
        if same:
            return same[:1].sudo(False)
        cause = self._mfg_cause()
        return conflicts.create(
            {
                "name": record.display_name or record._name,
                "company_id": record._mfg_company().id,
                "model": record._name,
                "res_id": record.id,
                "ordering_key": record._mfg_ordering_key(),
                "field": field,
                "label": label or record._fields[field]._description_string(self.env),
                "here": _text(here),
                "there": _text(there),
                "values": values,
                "decided_at": fields.Datetime.now() if vals.get("winner") else False,
                "message_uuid": cause.message_uuid if cause else False,
                **vals,
            }
        ).sudo(False)

    # === Decided by people === #

    def action_keep_ours(self):
        """What Odoo has stands."""
        return self._ask("here")

    def action_take_theirs(self):
        """What the partner says takes its place."""
        return self._ask("there")

    def _ask(self, winner):
        return {
            "type": "ir.actions.act_window",
            "name": dict(WINNERS)[winner],
            "res_model": "mfg.conflict.decide",
            "view_mode": "form",
            "target": "new",
            "context": {"default_conflict_ids": self.ids, "default_winner": winner},
        }

    def _decide(self, winner, reason):
        """:raises UserError: who may not, or a conflict that is decided already"""
        self.check_access("read")
        if not self.env.user.has_group("mfg_integration_base.group_operator"):
            raise UserError(self.env._("Only operators of the integration decide conflicts."))
        for conflict in self:
            if conflict.state != "open":
                raise UserError(self.env._("The conflict about %s is decided.", conflict.name))
        before = {c.id: f"{c.label}: {c.here or '-'} / {c.there or '-'}" for c in self}
        self.env["mfg.audit.entry"]._record("decide", self, reason, before=before, after=winner)
        # sudo: conflicts are written by their buttons only, which have checked who presses them.
        self.sudo().write(
            {
                "state": "decided",
                "winner": winner,
                "reason": reason,
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
            }
        )
        for conflict in self:
            if conflict.model in self.env:
                record = self.env[conflict.model].browse(conflict.res_id).exists()
                if record:
                    record._mfg_conflict_decided(conflict)


class Base(models.AbstractModel):
    _inherit = "base"

    def _mfg_conflict_decided(self, conflict):
        """Hook: somebody has decided a conflict about this record. Messages that wait for it are
        booked again."""
        self.ensure_one()
        waiting = self.env["mfg.inbox.message"].search(
            [
                ("ordering_key", "=", conflict.ordering_key),
                ("state", "=", "dead"),
                ("reason_code", "=", "conflict"),
            ]
        )
        if waiting:
            waiting._retry_because(conflict.reason)


def _text(value):
    if value is None or value is False:
        return False
    return f"{value:g}" if isinstance(value, float) else str(value)
