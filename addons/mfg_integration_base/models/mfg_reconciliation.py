from datetime import timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools import cron_schedule
from .mfg_reconciliation_run import REQUESTED, STATES


class MfgReconciliation(models.Model):
    """What is compared with a partner: how often, and how closely."""

    _name = "mfg.reconciliation"
    _inherit = ["mail.thread", "mail.activity.mixin", "mfg.controlled.mixin"]
    _description = "Reconciliation"
    _order = "connector_id, kind"

    _mfg_controlled = frozenset({"kind", "tolerance", "time_tolerance", "active"})

    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    kind = fields.Selection([], string="What is compared", required=True)
    active = fields.Boolean(default=True)
    flow_id = fields.Many2one("mfg.flow", ondelete="set null")
    tolerance = fields.Float(
        compute="_compute_tolerance",
        store=True,
        readonly=False,
        digits=(16, 6),
        tracking=True,
        help="Quantities that differ by no more than this agree. Proposed by the flow.",
    )
    time_tolerance = fields.Integer(
        string="Tolerance of times (s)",
        default=60,
        required=True,
        tracking=True,
        help="Times that differ by no more than this agree.",
    )
    days = fields.Integer(
        string="Look back (days)",
        default=7,
        required=True,
        help="What was finished longer ago is not expected in the partner's snapshot.",
    )
    cron_expression = fields.Char(
        string="Ask the partner",
        tracking=True,
        help="When to ask for a snapshot: five fields as in crontab, e.g. 0 6,14,22 * * * for each "
        "shift. Empty: on demand, or when the partner sends one by itself.",
    )
    cron_timezone = fields.Char(string="Time zone", default=lambda self: self.env.user.tz or "UTC")
    next_ask_at = fields.Datetime(string="Asked next", readonly=True, copy=False)
    answer_hours = fields.Integer(
        string="Wait for the answer (h)",
        default=4,
        required=True,
        help="Where no snapshot came in this time, the run has failed, and the owner is told.",
    )
    run_ids = fields.One2many("mfg.reconciliation.run", "reconciliation_id")
    last_run_id = fields.Many2one("mfg.reconciliation.run", compute="_compute_last_run")
    last_state = fields.Selection(STATES, string="Last run", compute="_compute_last_run")
    last_finished_at = fields.Datetime(string="Compared", compute="_compute_last_run")
    open_count = fields.Integer(string="Differences", compute="_compute_last_run")

    _kind_uniq = models.Constraint(
        "UNIQUE (connector_id, kind)", "This connector already has a reconciliation of that kind."
    )
    _ranges = models.Constraint(
        "CHECK (tolerance >= 0 AND time_tolerance >= 0 AND days >= 0"
        " AND answer_hours BETWEEN 1 AND 720)",
        "Tolerances and days are not negative; an answer is waited for from 1 to 720 hours.",
    )

    @api.depends("connector_id", "kind")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for reconciliation in self:
            reconciliation.display_name = (
                f"{reconciliation.connector_id.name}: {kinds.get(reconciliation.kind, '')}"
            )

    @api.depends("flow_id")
    def _compute_tolerance(self):
        for reconciliation in self:
            if reconciliation.flow_id:
                reconciliation.tolerance = reconciliation.flow_id.tolerance

    @api.depends("run_ids.state")
    def _compute_last_run(self):
        for reconciliation in self:
            runs = reconciliation.run_ids.sorted("id", reverse=True)
            done = runs.filtered(lambda run: run.state == "done")[:1]
            reconciliation.last_run_id = runs[:1]
            reconciliation.last_state = runs[:1].state
            reconciliation.last_finished_at = done.finished_at
            reconciliation.open_count = done.open_count

    # === Schedule === #

    @api.constrains("cron_expression", "cron_timezone")
    def _check_schedule(self):
        for reconciliation in self.filtered("cron_expression"):
            try:
                reconciliation._following()
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(name)s, when to ask the partner: %(error)s",
                        name=reconciliation.display_name,
                        error=error,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._plan_next()
        return records

    def write(self, vals):
        result = super().write(vals)
        if {"cron_expression", "cron_timezone", "active"} & vals.keys():
            self._plan_next()
        return result

    def _following(self):
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        schedule = cron_schedule.parse_cron(self.cron_expression, self.cron_timezone or "UTC")
        return cron_schedule.next_run(schedule, now).replace(tzinfo=None)

    def _plan_next(self):
        for reconciliation in self:
            wanted = reconciliation.active and reconciliation.cron_expression
            reconciliation.next_ask_at = reconciliation._following() if wanted else False

    @api.model
    def _cron_run(self):
        """Ask where it is time to, and give up what nobody has answered."""
        now = fields.Datetime.now()
        due = self.search([("next_ask_at", "<=", now)])
        due._plan_next()
        for reconciliation in due:
            connector = reconciliation.connector_id
            if connector.state == "active" and connector.activated_here:
                reconciliation._ask("schedule")
        waiting = self.env["mfg.reconciliation.run"].search(
            [("state", "in", ("requested", "receiving"))]
        )
        for run in waiting:
            if run.requested_at + timedelta(hours=run.reconciliation_id.answer_hours) < now:
                run._give_up()

    # === Asking === #

    def action_ask(self):
        """Ask the partner for its snapshot, then show the run."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group("mfg_integration_base.group_operator"):
            raise UserError(self.env._("Only operators of the integration ask for snapshots."))
        if not self._is_asked_for():
            raise UserError(
                self.env._(
                    "The partner is asked by an event, and no subscription of %(connector)s takes "
                    "%(event)s. Add it to one, or let the partner send its snapshot by itself.",
                    connector=self.connector_id.name,
                    event=REQUESTED,
                )
            )
        return self._ask("person").get_formview_action()

    def _is_asked_for(self):
        event_type_id, _keep = self.env["mfg.event.type"]._lookup(REQUESTED)
        specs = self.env["mfg.subscription"]._matching(event_type_id, self.company_id.id)
        return any(spec.connector_id == self.connector_id.id for spec in specs)

    def _ask(self, trigger):
        # sudo: runs are evidence, written by what they tell of only.
        run = self.env["mfg.reconciliation.run"].sudo()._begin(self, trigger=trigger)
        run._tell_requested()
        return run.sudo(False)

    def action_open_lines(self):
        """The differences that are still open."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Differences"),
            "res_model": "mfg.reconciliation.line",
            "view_mode": "list,form,pivot,graph",
            "domain": [("reconciliation_id", "=", self.id)],
            "context": {"search_default_open": 1},
        }

    def action_open_runs(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Runs"),
            "res_model": "mfg.reconciliation.run",
            "view_mode": "list,graph,pivot,form",
            "domain": [("reconciliation_id", "=", self.id)],
        }

    def _tell_owner(self, summary):
        """One activity for the connector's owner, until it is done with."""
        owner = self.connector_id.owner_id or self.connector_id.create_uid
        if self.activity_ids.filtered(lambda a: a.user_id == owner and a.summary == summary):
            return
        # sudo: whoever brings the snapshot may not assign activities.
        self.sudo().activity_schedule(
            "mail.mail_activity_data_todo", user_id=owner.id, summary=summary
        )
