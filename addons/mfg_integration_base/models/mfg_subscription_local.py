from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, ValidationError

from .caches import Unconfirmed, confirmed
from .mfg_connector_local import BUILTIN, BUILTIN_KEY

OPEN_FIELDS = frozenset({"name", "sequence", "state", "retry_policy_id", "on_dead"})
"""What people may change of a built-in subscription."""


class JobSpec(NamedTuple):
    """What enqueueing needs to know, cached per company and lane."""

    subscription_id: int
    connector_id: int
    lane_id: int
    event_type_id: int | None


class MfgSubscription(models.Model):
    """Subscriptions of local connectors: to a server action; or, built in, a lane's jobs."""

    _inherit = "mfg.subscription"

    builtin = fields.Boolean(related="connector_id.builtin", store=True, string="Built in")
    connector_transport = fields.Selection(related="connector_id.transport", string="Transport")
    local_action_id = fields.Many2one(
        "ir.actions.server",
        string="Server action",
        ondelete="restrict",
        help="What is run in this database for each event, as the connector's service user. Its "
        "code finds the event in mfg_event, and the record if it is one of the action's model.",
    )

    def _check_may_choose(self, vals_list):
        """An action runs code that administrators wrote for other purposes: they choose."""
        if any(vals.get("local_action_id") for vals in vals_list) and not (
            self.env.su or self.env.user.has_group("base.group_system")
        ):
            raise AccessError(
                self.env._("Which server action an event is delivered to is for administrators.")
            )

    @api.constrains("connector_id", "local_action_id")
    def _check_local_action(self):
        for subscription in self:
            connector = subscription.connector_id
            wanted = connector.transport == "local" and not connector.builtin
            if wanted and not subscription.local_action_id:
                raise ValidationError(
                    self.env._(
                        "Subscription %s: choose the server action that its events are delivered "
                        "to.",
                        subscription.name,
                    )
                )
            if subscription.local_action_id and not wanted:
                raise ValidationError(
                    self.env._(
                        "Subscription %s: only a connector that works in this database delivers to "
                        "a server action.",
                        subscription.name,
                    )
                )

    @api.model
    def _ensure_builtin(self, connectors):
        """Give connectors that carry jobs a subscription for each lane in use."""
        subscriptions = self.search([("connector_id", "in", connectors.ids)])
        existing = {(s.connector_id.id, s.lane_id.id) for s in subscriptions}
        policy = self.env.ref("mfg_integration_base.retry_policy_short", raise_if_not_found=False)
        policy = policy or self.env["mfg.retry.policy"].search([], limit=1)
        if not policy:
            return  # while this module is being installed; called again when its data is there
        self.create(
            [
                {
                    "name": self.env._("Jobs in lane %s", lane.name),
                    "connector_id": connector.id,
                    "lane_id": lane.id,
                    "retry_policy_id": policy.id,
                    # No event type: emission never matches it. Only _mfg_enqueue writes for it.
                    "event_type_ids": False,
                }
                for lane in self.env["mfg.lane"].search([("active", "=", True)])
                for connector in connectors
                if (connector.id, lane.id) not in existing
            ]
        )

    @api.model_create_multi
    def create(self, vals_list):
        self._check_may_choose(vals_list)
        subscriptions = super().create(vals_list)
        subscriptions.connector_id._check_not_builtin()
        return subscriptions

    def write(self, vals):
        self._check_may_choose([vals])
        if self.env.context.get(BUILTIN_KEY) is not BUILTIN and (
            vals.keys() - OPEN_FIELDS or vals.get("state") == "retired"
        ):
            self.connector_id._check_not_builtin()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_not_builtin(self):
        self.connector_id._check_not_builtin()

    @api.model
    def _job_spec(self, company_id, lane_code):
        """``JobSpec`` of the jobs of a company in a lane; None when there is no such lane."""
        try:
            return self._job_spec_cached(company_id, lane_code)
        except Unconfirmed as unconfirmed:
            return unconfirmed.value

    @api.model
    @tools.ormcache("company_id", "lane_code")
    def _job_spec_cached(self, company_id, lane_code):
        return confirmed(
            self.env, lambda env: env["mfg.subscription"]._look_up_job(company_id, lane_code)
        )

    @api.model
    def _look_up_job(self, company_id, lane_code):
        # sudo: whoever does business may cause jobs.
        subscription = self.sudo().search(
            [
                ("builtin", "=", True),
                ("company_id", "=", company_id),
                ("lane_id.code", "=", lane_code),
                ("state", "!=", "retired"),
            ],
            limit=1,
        )
        if not subscription:
            return None
        event_type = self.env.ref("mfg_integration_base.event_type_job_enqueued", False)
        return JobSpec(
            subscription_id=subscription.id,
            connector_id=subscription.connector_id.id,
            lane_id=subscription.lane_id.id,
            event_type_id=event_type.id if event_type else None,
        )
