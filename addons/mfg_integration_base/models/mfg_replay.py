from ast import literal_eval

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..exceptions import StateWriteRefused
from ..fields import PlainMany2one
from .uuids import new_uuid

FILTERS = frozenset(
    {
        "target_id", "event_type_ids", "connector_id", "flow_id", "ordering_key", "record_model",
        "record_id", "event_uuids", "date_from", "date_to", "skip_acknowledged", "newest_only",
    }
)  # fmt: skip
"""What is replayed. Fixed once the replay runs; a change calls for another dry run."""

SETTINGS = frozenset({"name", "reason", "rate", "max_unfinished"})
"""What people may change besides; the throttle also while it runs."""

VERB_FIELDS = frozenset(
    {
        "uuid", "state", "company_id", "subscription_id", "position", "last_event_id", "fed_all",
        "late_from_id", "fed_count", "fed_at", "problem", "checked_at", "started_at", "finished_at",
        "event_count", "key_count", "superseded_count", "acknowledged_count", "planned_count",
        "first_event_at", "last_event_at",
    }
)  # fmt: skip
"""What only the replay's own verbs and its feeder write, through RPC as well."""


class MfgReplay(models.Model):
    """Sends events again: to who got them, or to a partner who was not there yet (back-fill).

    The events themselves stay as they are. Each becomes one more outbox message, of a hidden
    subscription that belongs to this replay alone: its keys, its order and its dead letters are
    apart from those of the target. See ``mfg.replay.feeder`` for how they get there.
    """

    _name = "mfg.replay"
    _description = "Replay of events"
    _order = "id desc"

    name = fields.Char(
        required=True,
        default=lambda self: self.env._("Replay of %s", fields.Date.context_today(self)),
    )
    uuid = fields.Char(
        string="Replay id",
        required=True,
        readonly=True,
        copy=False,
        default=lambda _self: new_uuid(),
        help="Marks each repeated event on the wire (mfgreplay).",
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("checked", "Checked"),
            ("running", "Running"),
            ("paused", "Paused"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
    )
    reason = fields.Char(help="Why; kept in the audit trail.")

    # === What and where to === #

    target_id = PlainMany2one(
        "mfg.subscription",
        string="Send to",
        required=True,
        domain=[("replay_id", "=", False), ("state", "!=", "retired")],
        help="The subscription that decides where to and how: connector, order, retry policy.",
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, precompute=True, required=True
    )
    event_type_ids = fields.Many2many(
        "mfg.event.type", string="Event types", help="Empty: all that the subscription takes."
    )
    connector_id = PlainMany2one(
        "mfg.connector", string="Were sent to", help="Only events that this connector was sent."
    )
    flow_id = PlainMany2one("mfg.flow")
    ordering_key = fields.Char(string="Business object", help="Ordering key of the events.")
    record_model = fields.Char(string="Record's model", help="Technical name, e.g. mrp.production")
    record_id = fields.Many2oneReference(model_field="record_model")
    event_uuids = fields.Text(string="Only these events", help="Event ids, one a line.")
    date_from = fields.Datetime(string="Occurred from")
    date_to = fields.Datetime(string="Occurred before")
    skip_acknowledged = fields.Boolean(
        string="Skip what the target has acknowledged",
        default=True,
        help="Leave out events that were delivered to this subscription before.",
    )
    newest_only = fields.Boolean(
        string="Newest per object only",
        help="Of the chosen events of one type and object, send the newest one only.",
    )
    rate = fields.Integer(string="Events per second", required=True, default=50)
    max_unfinished = fields.Integer(
        string="Unfinished at most",
        required=True,
        default=1000,
        help="How many of its messages may wait or be dead before it stops adding more.",
    )

    # === Dry run === #

    checked_at = fields.Datetime(string="Checked", readonly=True, copy=False)
    event_count = fields.Integer(string="Events", readonly=True, copy=False)
    key_count = fields.Integer(string="Business objects", readonly=True, copy=False)
    superseded_count = fields.Integer(
        string="Superseded",
        readonly=True,
        copy=False,
        help="A newer event of the same type and object exists, in the range or after it.",
    )
    acknowledged_count = fields.Integer(string="Already acknowledged", readonly=True, copy=False)
    planned_count = fields.Integer(string="To be sent", readonly=True, copy=False)
    first_event_at = fields.Datetime(string="First event", readonly=True, copy=False)
    last_event_at = fields.Datetime(string="Last event", readonly=True, copy=False)
    estimate = fields.Char(string="Takes at least", compute="_compute_estimate")

    # === Run === #

    subscription_id = PlainMany2one("mfg.subscription", readonly=True, copy=False)
    position = fields.Integer(readonly=True, copy=False, help="Id of the last event fed.")
    last_event_id = fields.Integer(readonly=True, copy=False, help="Where feeding ends.")
    fed_all = fields.Boolean(readonly=True, copy=False)
    late_from_id = fields.Integer(
        readonly=True, copy=False, help="Set for the second look: where the first one ended."
    )
    fed_at = fields.Datetime(readonly=True, copy=False, help="The throttle's clock.")
    fed_count = fields.Integer(string="Fed", readonly=True, copy=False)
    problem = fields.Text(readonly=True, copy=False)
    started_at = fields.Datetime(string="Started", readonly=True, copy=False)
    finished_at = fields.Datetime(string="Finished", readonly=True, copy=False)
    delivered_count = fields.Integer(string="Delivered", compute="_compute_progress")
    waiting_count = fields.Integer(string="Waiting", compute="_compute_progress")
    dead_count = fields.Integer(string="Dead", compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress")

    _uuid_uniq = models.Constraint("UNIQUE (uuid)", "Two replays share an id.")
    _limits = models.Constraint(
        "CHECK (rate BETWEEN 1 AND 10000 AND max_unfinished > 0)",
        "A replay sends 1 to 10,000 events per second and has at least 1 unfinished.",
    )
    _live_idx = models.Index("(state) WHERE state IN ('running', 'paused', 'cancelled')")

    @api.depends("target_id")
    def _compute_company_id(self):
        for replay in self:
            replay.company_id = replay.target_id.company_id or replay.company_id

    @api.depends("planned_count", "rate")
    def _compute_estimate(self):
        for replay in self:
            seconds = -(-replay.planned_count // max(replay.rate, 1))
            hours, rest = divmod(seconds, 3600)
            replay.estimate = f"{hours}:{rest // 60:02}:{rest % 60:02}"

    @api.depends("planned_count", "state")
    def _compute_progress(self):
        counts = self.env["mfg.message.queue"]._replay_counts(self.ids)
        for replay in self:
            of_replay = counts.get(replay._origin.id, {})
            replay.delivered_count = of_replay.get("done", 0)
            replay.dead_count = of_replay.get("dead", 0)
            cancelled = of_replay.get("cancelled", 0)
            ended = replay.delivered_count + cancelled
            replay.waiting_count = sum(of_replay.values()) - ended - replay.dead_count
            if replay.state == "done":
                replay.progress = 100
            elif replay.planned_count:
                replay.progress = min(100, 100 * ended / replay.planned_count)
            else:
                replay.progress = 0

    # === Checks === #

    @api.constrains("date_from", "date_to")
    def _check_range(self):
        for replay in self:
            if replay.date_from and replay.date_to and replay.date_from >= replay.date_to:
                raise ValidationError(
                    self.env._("Replay %s: “Occurred from” is not before its end.", replay.name)
                )

    @api.constrains("event_type_ids", "target_id")
    def _check_target(self):
        for replay in self:
            target = replay.target_id
            if target.replay_id:
                raise ValidationError(
                    self.env._("%s belongs to another replay and is no target.", target.name)
                )
            # A partner is never sent a type that its subscription does not name.
            foreign = replay.event_type_ids - target.event_type_ids
            if foreign:
                raise ValidationError(
                    self.env._(
                        "Subscription %(name)s does not take %(types)s: add them there first.",
                        name=target.name,
                        types=", ".join(foreign.mapped("code")),
                    )
                )

    @api.constrains("record_model", "record_id")
    def _check_record(self):
        for replay in self:
            if bool(replay.record_model) != bool(replay.record_id):
                raise ValidationError(
                    self.env._("Replay %s: give a record's model and its id.", replay.name)
                )

    # === Create, write === #

    @api.model_create_multi
    def create(self, vals_list):
        return super().create(
            [
                {name: value for name, value in vals.items() if name not in VERB_FIELDS}
                for vals in vals_list
            ]
        )

    def write(self, vals):
        if VERB_FIELDS & vals.keys():
            raise StateWriteRefused(self.env._("How far a replay is follows from its buttons."))
        if FILTERS & vals.keys():
            for replay in self:
                if replay.state not in ("draft", "checked"):
                    raise ValidationError(
                        self.env._("Replay %s has started: make another one.", replay.name)
                    )
            self.filtered(lambda replay: replay.state == "checked")._write_verb({"state": "draft"})
        return super().write(vals)

    def _write_verb(self, vals):
        """Past write(), which refuses these fields to everybody but the verbs."""
        return super().write(vals)  # pylint: disable=super-method-mismatch

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unstarted(self):
        for replay in self:
            if replay.subscription_id:
                raise ValidationError(
                    self.env._("Replay %s has sent messages: it is kept.", replay.name)
                )

    def action_open_messages(self):
        """Open the messages of this replay."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "mfg.outbox.message",
            "views": [(False, "list"), (False, "form")],
            "domain": [("replay_id", "=", self.id)],
        }

    def action_open_dead(self):
        """Open the dead messages of this replay."""
        return self.action_open_messages() | {
            "domain": [("replay_id", "=", self.id), ("state", "=", "dead")]
        }

    def action_refresh(self):
        """Read the counts again."""
        return

    # === Which events === #

    def _selection(self, alias):
        """Condition on the row ``alias`` of ``mfg_event``: it is one of the chosen events.

        Not whether it is fed in the end, see ``_plan``.
        """
        self.ensure_one()
        event = SQL.identifier(alias)
        target = self.target_id.sudo()  # sudo: what is sent does not depend on who asks
        types = (self.event_type_ids & target.event_type_ids) or (
            self.env["mfg.event.type"] if self.event_type_ids else target.event_type_ids
        )
        if self.flow_id:
            types = types.filtered(lambda event_type: event_type.flow_id == self.flow_id)
        conditions = [
            SQL("%s.company_id = %s", event, self.company_id.id),
            SQL("%s.event_type_id = ANY(%s)", event, types.ids),
            self._reaches(event, target),
        ]
        if self.connector_id:
            conditions.append(
                SQL(
                    "EXISTS (SELECT 1 FROM mfg_outbox_message m"
                    " WHERE m.event_id = %s.id AND m.connector_id = %s)",
                    event,
                    self.connector_id.id,
                )
            )
        if self.ordering_key:
            conditions.append(SQL("%s.ordering_key = %s", event, self.ordering_key.strip()))
        if self.record_model:
            conditions.append(
                SQL("%s.model = %s AND %s.res_id = %s", event, self.record_model, event,
                    self.record_id)
            )  # fmt: skip
        if uuids := (self.event_uuids or "").split():
            conditions.append(SQL("%s.uuid = ANY(%s)", event, uuids))
        if self.date_from:
            conditions.append(SQL("%s.occurred_at >= %s", event, self.date_from))
        if self.date_to:
            conditions.append(SQL("%s.occurred_at < %s", event, self.date_to))
        return SQL(" AND ").join(conditions)

    def _reaches(self, event, target):
        """The target was sent the event, or would be: its filter and its echo rule.

        The filter is asked of the records as they are now; one that is gone matches no filter.
        """
        conditions = []
        if not target.echo:
            conditions.append(
                SQL(
                    "NOT EXISTS (SELECT 1 FROM mfg_inbox_message i"
                    " WHERE i.uuid = %s.causation_id AND i.connector_id = %s)",
                    event,
                    target.connector_id.id,
                )
            )
        if domain := literal_eval(target.filter_domain or "[]"):
            if target.filter_model not in self.env:
                return SQL("FALSE")
            records = self.env[target.filter_model].sudo().with_context(active_test=False)
            conditions.append(
                SQL("%s.model = %s AND %s.res_id IN %s", event, target.filter_model, event,
                    records._search(domain).subselect())
            )  # fmt: skip
        if not conditions:
            return SQL("TRUE")
        return SQL(
            "(%s OR EXISTS (SELECT 1 FROM mfg_outbox_message m"
            " WHERE m.event_id = %s.id AND m.subscription_id = %s))",
            SQL(" AND ").join(conditions),
            event,
            target.id,
        )

    def _acknowledged(self, alias):
        """Condition on the event ``alias``: the target has it, by whatever way it came."""
        # sudo: hidden subscriptions of the company's other replays.
        replays = self.sudo().search([("target_id", "=", self.target_id.id)])
        return SQL(
            "EXISTS (SELECT 1 FROM mfg_outbox_message m WHERE m.event_id = %s.id"
            " AND m.subscription_id = ANY(%s) AND m.state = 'done')",
            SQL.identifier(alias),
            self.target_id.ids + replays.subscription_id.ids,
        )

    def _late(self, alias):
        """Condition of the second look, at events whose transactions were open at the start.

        Those have no message of this replay. The target had one of those that were emitted after
        the start if their transactions knew of the target already.
        """
        if not self.late_from_id:
            return SQL("TRUE")
        return SQL(
            "NOT EXISTS (SELECT 1 FROM mfg_outbox_message m WHERE m.event_id = %(event)s.id"
            " AND (m.subscription_id = %(mine)s"
            "      OR m.subscription_id = %(target)s AND %(event)s.id > %(first)s))",
            event=SQL.identifier(alias),
            mine=self.subscription_id.id,
            target=self.target_id.id,
            first=self.late_from_id,
        )

    def _plan(self, alias, last_event_id):
        """Condition on the chosen event ``alias``: it is to be fed."""
        event = SQL.identifier(alias)
        conditions = [SQL("TRUE")]
        if self.newest_only:
            conditions.append(
                SQL(
                    "NOT EXISTS (SELECT 1 FROM mfg_event n WHERE n.ordering_key = %s.ordering_key"
                    " AND n.id > %s.id AND n.id <= %s AND n.event_type_id = %s.event_type_id"
                    " AND %s)",
                    event, event, last_event_id, event, self._selection("n"),
                )
            )  # fmt: skip
        if self.skip_acknowledged:
            conditions.append(SQL("NOT %s", self._acknowledged(alias)))
        return SQL(" AND ").join(conditions)
