import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..const import ENVIRONMENTS, MAX_TOTAL_TIMEOUT
from ..exceptions import ConfigurationError
from ..tools.breaker import BreakerRule
from ..tools.url_guard import check_url, parse_allow_list
from .caches import forget

VERB_FIELDS = frozenset({"state", "environment", "service_user_id"})
"""What only the connector's own verbs write, through RPC as well."""

CODE_PATTERN = re.compile(r"[a-z][a-z0-9_-]{1,62}")


class MfgConnector(models.Model):
    _name = "mfg.connector"
    _description = "Integration connector"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "code"

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(
        required=True,
        copy=False,
        tracking=True,
        help="Part of the partner's addresses; cannot change.",
    )
    category = fields.Selection(
        [
            ("mes", "MES and machines"),
            ("wms", "Warehouse"),
            ("carrier", "Carrier"),
            ("supplier", "Supplier"),
            ("customer", "Customer"),
            ("quality", "Quality and compliance"),
            ("finance", "Bank and tax"),
            ("shop", "Shop"),
            ("other", "Other"),
        ],
        required=True,
        default="other",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    owner_id = fields.Many2one("res.users", default=lambda self: self.env.user, tracking=True)
    service_user_id = fields.Many2one(
        "res.users",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="The user as which this connector's messages are booked. Has no password.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("paused", "Paused"), ("retired", "Retired")],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    transport = fields.Selection(
        [("http", "HTTP")], required=True, default="http", ondelete={"http": "set default"}
    )
    url = fields.Char(string="Address", tracking=True, help="Where messages are sent to.")
    allow_http = fields.Boolean(
        string="Allow plain HTTP",
        tracking=True,
        help="Only for networks you trust, such as a plant network.",
    )
    allow_list = fields.Text(
        string="Allowed private addresses",
        tracking=True,
        help="One a line: networks (10.1.0.0/16) or host names inside private ranges that this "
        "connector may reach. Public addresses need no entry.",
    )
    verify_tls = fields.Boolean(string="Verify TLS certificate", default=True, tracking=True)
    connect_timeout = fields.Integer(string="Connect timeout (s)", default=5)
    read_timeout = fields.Integer(string="Read timeout (s)", default=20)
    total_timeout = fields.Integer(string="Total timeout (s)", default=30)
    max_in_flight = fields.Integer(
        default=16, help="Calls to this partner under way at once per runner."
    )
    rate_limit = fields.Float(
        string="Requests per second",
        default=0.0,
        help="Shared by all runners. 0: no limit of ours.",
    )
    rate_burst = fields.Integer(
        string="Burst",
        default=10,
        help="How many requests may go at once after a quiet time, where there is a limit.",
    )
    breaker_threshold = fields.Integer(
        string="Failures until it counts as down",
        default=5,
        help="After so many requests in a row without a sign of life, messages wait, and one at "
        "a time is sent to see whether the partner is back.",
    )
    breaker_cool_down = fields.Integer(
        string="First probe after (s)", default=15, help="Seconds until the first probe."
    )
    breaker_max_cool_down = fields.Integer(
        string="Probe at least every (s)",
        default=300,
        help="The time between probes doubles up to this many seconds.",
    )
    breaker_phase = fields.Selection(related="runtime_ids.breaker_phase", string="Partner")
    breaker_until = fields.Datetime(related="runtime_ids.breaker_until", string="Next probe")
    # Nobody writes it but activation: it is what a copy of the database lacks.
    activation_fingerprint = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    environment = fields.Selection(ENVIRONMENTS, readonly=True, copy=False, tracking=True)
    activated_here = fields.Boolean(compute="_compute_activated_here")
    runtime_ids = fields.One2many("mfg.connector.runtime", "connector_id")
    last_success_at = fields.Datetime(compute="_compute_runtime")
    last_failure_at = fields.Datetime(compute="_compute_runtime")
    last_received_at = fields.Datetime(compute="_compute_runtime")
    last_error = fields.Char(compute="_compute_runtime")
    credential_ids = fields.One2many("mfg.credential", "connector_id", string="Credentials")
    subscription_ids = fields.One2many(
        "mfg.subscription",
        "connector_id",
        string="Subscriptions",
        domain=[("replay_id", "=", False)],
    )
    inbox_route_ids = fields.One2many("mfg.inbox.route", "connector_id", string="Inbox routes")
    outbox_count = fields.Integer(compute="_compute_counts")
    inbox_count = fields.Integer(compute="_compute_counts")
    dead_count = fields.Integer(compute="_compute_counts")

    _code_uniq = models.Constraint("UNIQUE (code)", "Another connector has this code.")
    _rate = models.Constraint(
        "CHECK (rate_limit >= 0 AND rate_burst > 0)",
        "Requests per second cannot be negative, and the burst is at least 1.",
    )
    _limits = models.Constraint(
        "CHECK (connect_timeout > 0 AND read_timeout > 0 AND total_timeout > 0"
        " AND max_in_flight > 0)",
        "Timeouts and max in flight are at least 1.",
    )

    # === Checks === #

    @api.constrains("code")
    def _check_code(self):
        for connector in self:
            if not CODE_PATTERN.fullmatch(connector.code):
                raise ValidationError(
                    self.env._(
                        "Connector code “%s”: use 2 to 63 lower-case letters, digits, dashes or "
                        "underscores, and start with a letter.",
                        connector.code,
                    )
                )

    @api.constrains("breaker_threshold", "breaker_cool_down", "breaker_max_cool_down")
    def _check_breaker(self):
        for connector in self:
            try:
                BreakerRule(
                    connector.breaker_threshold,
                    connector.breaker_cool_down,
                    connector.breaker_max_cool_down,
                )
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Connector %(name)s, circuit breaker, %(error)s",
                        name=connector.name,
                        error=error,
                    )
                ) from error

    @api.constrains("url", "allow_http", "allow_list", "total_timeout")
    def _check_address(self):
        for connector in self:
            try:
                parse_allow_list(connector.allow_list or "")
                if connector.url:
                    check_url(connector.url, allow_http=connector.allow_http)
            except ValueError as error:
                raise ValidationError(
                    self.env._("Connector %(name)s: %(error)s", name=connector.name, error=error)
                ) from error
            if connector.total_timeout > MAX_TOTAL_TIMEOUT:
                raise ValidationError(
                    self.env._(
                        "Connector %(name)s: the total timeout may be at most %(limit)s s.",
                        name=connector.name,
                        limit=MAX_TOTAL_TIMEOUT,
                    )
                )

    # === Computes === #

    @api.depends("state", "activation_fingerprint")
    def _compute_activated_here(self):
        fingerprint = self.env["mfg.environment"]._fingerprint()
        # sudo: the fingerprint itself is for administrators only, its verdict is for everybody.
        for connector in self:
            connector.activated_here = (
                connector.state == "draft" or connector.sudo().activation_fingerprint == fingerprint
            )

    @api.depends("runtime_ids")
    def _compute_runtime(self):
        for connector in self:
            runtime = connector.runtime_ids[:1]
            connector.last_success_at = runtime.last_success_at
            connector.last_failure_at = runtime.last_failure_at
            connector.last_received_at = runtime.last_received_at
            connector.last_error = runtime.last_error

    @api.depends_context("uid")
    def _compute_counts(self):
        """Of what is not finished: history may hold millions."""
        counts = self.env["mfg.message.queue"]._connector_counts(self.ids)
        for connector in self:
            waiting_out, dead_out = counts["out"].get(connector.id, (0, 0))
            waiting_in, dead_in = counts["in"].get(connector.id, (0, 0))
            connector.outbox_count = waiting_out
            connector.inbox_count = waiting_in
            connector.dead_count = dead_out + dead_in

    # === Create, write === #

    @api.model_create_multi
    def create(self, vals_list):
        connectors = super().create(
            [
                {name: value for name, value in vals.items() if name not in VERB_FIELDS}
                for vals in vals_list
            ]
        )
        for connector in connectors:
            connector._create_service_user()
        # sudo: nobody edits run-time rows, they belong to the engine.
        self.env["mfg.connector.runtime"].sudo().create(
            [{"connector_id": connector.id} for connector in connectors]
        )
        forget(self.env)
        return connectors

    def write(self, vals):
        if VERB_FIELDS & vals.keys():
            # A service user of one's choice would book a partner's messages with that user's
            # rights, and be deleted with the connector.
            raise AccessError(
                self.env._("The state and the service user of a connector follow from its buttons.")
            )
        if "code" in vals and any(connector.code != vals["code"] for connector in self):
            raise ValidationError(
                self.env._(
                    "A connector's code is part of its partner's addresses and cannot change."
                )
            )
        if "company_id" in vals and any(c.company_id.id != vals["company_id"] for c in self):
            raise ValidationError(
                self.env._("A connector stays with its company. Retire it and make a new one.")
            )
        forget(self.env)
        return super().write(vals)

    def _write_verb(self, vals):
        """Past write(), which refuses these fields to everybody but the verbs."""
        forget(self.env)
        return super().write(vals)  # pylint: disable=super-method-mismatch

    def unlink(self):
        forget(self.env)
        users = self.sudo().service_user_id  # sudo: made by create(), see there
        result = super().unlink()
        users.unlink()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        for connector in self:
            if connector.state != "draft":
                raise ValidationError(
                    self.env._(
                        "Connector %s has been active: retire it, its evidence is kept.",
                        connector.name,
                    )
                )

    def _create_service_user(self):
        """A user with no password and one company, as which inbound messages are booked."""
        self.ensure_one()
        # sudo: a connector's manager need not be allowed to create users. The user gets fixed,
        # minimal groups; extension addons add theirs in _service_user_groups().
        user = (
            self.env["res.users"]
            .sudo()
            .with_context(no_reset_password=True, mail_create_nosubscribe=True)
            .create(
                {
                    "name": self.env._("Integration %s", self.name),
                    "login": f"mfg-integration-{self.code}",
                    "company_id": self.company_id.id,
                    "company_ids": [(6, 0, self.company_id.ids)],
                    "group_ids": [(6, 0, self._service_user_groups().ids)],
                }
            )
        )
        self._write_verb({"service_user_id": user.id})

    @api.model
    def _service_user_groups(self):
        """Groups of a new connector's service user; extension addons add theirs."""
        return self.env.ref("mfg_integration_base.group_service")

    # === Verbs === #

    def action_activate(self):
        """Allow sending and receiving from this database, and only from this one."""
        environment = self.env["mfg.environment"]
        environment._check_may_activate()
        for connector in self:
            transport = self.env["mfg.transport"]._mfg_resolve(connector.transport)
            if connector.subscription_ids and not connector.url and transport._needs_address():
                raise ConfigurationError(
                    self.env._(
                        "Connector %s has subscriptions: give it an address first.", connector.name
                    )
                )
        self._set_state("active", ("draft", "paused", "active"))
        # sudo: the fingerprint is written by this verb only and shown to nobody.
        self.sudo()._write_verb(
            {
                "activation_fingerprint": environment._fingerprint(),
                "environment": environment._environment(),
            }
        )
        self.env["mfg.waker"]._wake(self.subscription_ids.lane_id | self.inbox_route_ids.lane_id)

    def action_pause(self):
        """Go on writing and accepting messages; neither send nor book them."""
        self._set_state("paused", ("active",))

    def action_retire(self):
        """End the connector: nothing is written for it any more, partners get 401.

        What still waits is cancelled with the reason ``connector_retired``; dead messages stay.
        """
        self._set_state("retired", ("draft", "active", "paused"))
        self.env["mfg.message.queue"]._cancel_retired_later(self.ids)

    def _set_state(self, state, allowed):
        for connector in self:
            if connector.state not in allowed:
                raise ValidationError(
                    self.env._(
                        "Connector %(name)s is %(state)s.",
                        name=connector.name,
                        state=dict(self._fields["state"]._description_selection(self.env))[
                            connector.state
                        ],
                    )
                )
        self._write_verb({"state": state})

    def _secret_values(self, kind, direction):
        """Decrypted valid secrets, newest first: list of ``(credential id, bytes)``.

        Engine only; never returned through RPC.
        """
        self.ensure_one()
        # sudo: the engine signs and verifies for users who may not see credentials.
        return self.sudo().credential_ids._valid_secrets(kind, direction)
