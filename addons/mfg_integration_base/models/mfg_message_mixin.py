from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import StateWriteRefused
from ..fields import PlainMany2one
from ..tools.lifecycle import REASONS, State
from .mfg_message_queue import QUEUE_OF_MODEL

STATES = [
    ("pending", "Pending"),
    ("running", "Running"),
    ("retrying", "Retrying"),
    ("done", "Done"),
    ("dead", "Dead"),
    ("cancelled", "Cancelled"),
]


class MfgMessageMixin(models.AbstractModel):
    """A row of a queue. Everything but the payload; written by ``mfg.message.queue`` alone.

    The table holds what is not finished. What is finished is in a history table that inherits from
    it (see ``mfg_message_queue_history``); the model reads both.
    """

    _name = "mfg.message.mixin"
    _description = "Queued message"
    _order = "id desc"
    _rec_name = "uuid"

    uuid = fields.Char(string="Message id", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="pending")
    reason_code = fields.Char(readonly=True)
    reason_label = fields.Char(compute="_compute_reason", string="Reason")
    reason_hint = fields.Char(compute="_compute_reason", string="What to do")
    detail = fields.Text(readonly=True, help="What happened at the last attempt.")
    connector_id = PlainMany2one("mfg.connector", required=True, readonly=True)
    connector_activated_here = fields.Boolean(related="connector_id.activated_here")
    company_id = PlainMany2one("res.company", required=True, readonly=True)
    lane_id = PlainMany2one("mfg.lane", required=True, readonly=True)
    ordering_key = fields.Char(readonly=True)
    key_id = fields.Integer(readonly=True, help="Row of the key table; empty until admitted.")
    claim_no = fields.Integer(
        readonly=True, help="Fence: the claim this message was last sent under."
    )
    attempt_count = fields.Integer(readonly=True, default=0)
    tries = fields.Integer(
        readonly=True, default=0, help="Attempts since it was queued or retried by a person."
    )
    created_at = fields.Datetime(required=True, readonly=True)
    due_at = fields.Datetime(string="Next attempt", readonly=True)
    dead_at = fields.Datetime(string="In the error queue since", readonly=True)
    finished_at = fields.Datetime(readonly=True)
    attempt_id = fields.Integer(readonly=True, help="The attempt it last went out with.")
    attempt_ids = fields.Many2many("mfg.attempt", string="Attempts", compute="_compute_attempt_ids")
    can_retry = fields.Boolean(compute="_compute_verbs")
    can_cancel = fields.Boolean(compute="_compute_verbs")

    _uuid_uniq = models.Constraint("UNIQUE (uuid)", "Two messages share an id.")
    _state_known = models.Constraint(
        f"CHECK (state IN ({', '.join(repr(state.value) for state in State)}))",
        "This state does not exist.",
    )
    _dead_since = models.Constraint(
        "CHECK ((state = 'dead') = (dead_at IS NOT NULL))",
        "A message is dead since some time, or not dead.",
    )
    # Claiming and retrying change no column that stands in an index, conditions included: such
    # updates leave the indexes alone (PostgreSQL's heap-only tuples).
    _not_admitted_idx = models.Index("(lane_id, id) WHERE key_id IS NULL")
    _key_idx = models.Index("(key_id, id) WHERE key_id > 0")
    _dead_idx = models.Index("(lane_id, id) WHERE dead_at IS NOT NULL")

    def init(self):
        if not self._abstract:
            self.env["mfg.message.queue"]._make_history(QUEUE_OF_MODEL[self._name])

    def _compute_attempt_ids(self):
        link = QUEUE_OF_MODEL[self._name].attempt_field
        for message in self:
            own = self.env["mfg.attempt"].search([(link, "=", message.id)])
            # Shared with the others of a batch, unless it ended in another way for this one.
            last = self.env["mfg.attempt"].search([("id", "=", message.attempt_id)]) - own
            if last.started_at in own.mapped("started_at"):
                last = self.env["mfg.attempt"]
            message.attempt_ids = last | own

    @api.depends("reason_code")
    def _compute_reason(self):
        for message in self:
            info = REASONS.get(message.reason_code)
            message.reason_label = info.label if info else message.reason_code
            message.reason_hint = info.hint if info else False

    @api.depends("state")
    def _compute_verbs(self):
        for message in self:
            message.can_retry = message.state in (State.DEAD, State.RETRYING)
            message.can_cancel = message.state in (State.PENDING, State.RETRYING, State.DEAD)

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Messages are written by the queue only."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(
            self.env._("Only the queue changes a message. Use its buttons to retry or cancel it.")
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("Messages leave by retention only."))

    def action_retry(self):
        """Send or book again: dead and waiting messages become due now."""
        self._check_operator()
        self._retry_because("")

    def _retry_because(self, reason):
        before = {message.id: message._audit_state() for message in self}
        self.env["mfg.message.queue"]._retry(self)
        self.env["mfg.audit.entry"]._record(
            "retry", self, reason, before=before, after=State.PENDING.value
        )
        self.env["mfg.waker"]._wake(self.lane_id)

    def action_cancel(self):
        """Ask for the reason, then cancel (see the wizard ``mfg.message.cancel``)."""
        self._check_operator()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mfg.message.cancel",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_res_model": self._name,
                "default_res_ids": ",".join(map(str, self.ids)),
            },
        }

    def _audit_state(self):
        """The state with its reason, as an audit entry tells it: ``dead: timeout``."""
        return f"{self.state}: {self.reason_code}" if self.reason_code else self.state

    def _check_operator(self):
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group("mfg_integration_base.group_operator"):
            raise StateWriteRefused(self.env._("Retry and cancel are for integration operators."))

    def _now(self):
        self.env.cr.execute(SQL("SELECT statement_timestamp() AT TIME ZONE 'UTC'"))
        return self.env.cr.fetchone()[0]
