import logging
from ast import literal_eval
from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..fields import PlainMany2one
from .caches import Unconfirmed, confirmed, forget

_logger = logging.getLogger(__name__)


MODE_FIELDS = frozenset({"lane_id", "mode", "linger_ms", "batch_size", "cron_expression"})
"""Fields whose change may make something due."""


class SubscriptionSpec(NamedTuple):
    """What emission needs to know of a subscription, cached per event type and company."""

    id: int
    connector_id: int
    lane_id: int
    ordered: bool
    echo: bool
    local: bool  # carried out in this database
    filter_model: str
    filter_domain: str


class MfgSubscription(models.Model):
    _name = "mfg.subscription"
    _description = "Subscription"
    _order = "connector_id, sequence, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    event_type_ids = fields.Many2many("mfg.event.type", string="Event types", required=True)
    state = fields.Selection(
        [("active", "Active"), ("paused", "Paused"), ("retired", "Retired")],
        required=True,
        default="active",
    )
    lane_id = fields.Many2one(
        "mfg.lane",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mfg_integration_base.lane_standard", raise_if_not_found=False
        ),
    )
    retry_policy_id = fields.Many2one(
        "mfg.retry.policy",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "mfg_integration_base.retry_policy_standard", raise_if_not_found=False
        ),
    )
    ordering = fields.Selection(
        [("key", "In order per business object"), ("none", "No order")],
        required=True,
        default="key",
    )
    on_dead = fields.Selection(
        [("park", "Hold the object's later messages"), ("skip", "Go on with the next message")],
        string="When a message is dead",
        required=True,
        default="park",
    )
    echo = fields.Boolean(
        string="Echo own changes",
        help="Also send what this connector's own messages caused.",
    )
    filter_model = fields.Char(help="Technical name of the model the filter is about.")
    filter_domain = fields.Char(default="[]", help="Only events about records that match are sent.")
    replay_id = PlainMany2one(
        "mfg.replay",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The replay that this subscription is for. It has no event types: emission never "
        "matches it.",
    )

    @api.constrains("lane_id", "state")
    def _check_lane(self):
        self.filtered(lambda s: s.state != "retired").lane_id._check_active()

    @api.constrains("filter_domain", "filter_model")
    def _check_filter(self):
        for subscription in self:
            try:
                domain = literal_eval(subscription.filter_domain or "[]")
                if domain:
                    self.env[subscription.filter_model]._search(domain)
            except (ValueError, SyntaxError, KeyError, TypeError) as error:
                raise ValidationError(
                    self.env._(
                        "Subscription %(name)s, filter: %(error)s",
                        name=subscription.name,
                        error=error,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        forget(self.env)
        return super().create(vals_list)

    def write(self, vals):
        if "connector_id" in vals and any(s.connector_id.id != vals["connector_id"] for s in self):
            raise ValidationError(
                self.env._("A subscription stays with its connector. Retire it and make a new one.")
            )
        forget(self.env)
        result = super().write(vals)
        if "lane_id" in vals:
            self.env["mfg.message.queue"]._move_lane("out", self.ids, vals["lane_id"])
        if vals.get("state") == "retired":
            self.env["mfg.message.queue"]._cancel_retired_later(self.connector_id.ids)
        if vals.get("state") == "active" or MODE_FIELDS & vals.keys():
            self.env["mfg.waker"]._wake(self.lane_id)
        return result

    def unlink(self):
        forget(self.env)
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_without_messages(self):
        if (
            self.env["mfg.outbox.message"]
            .sudo()
            .search_count(
                [("subscription_id", "in", self.ids), ("state", "not in", ("done", "cancelled"))],
                limit=1,
            )
        ):  # sudo: messages of other companies count as well
            raise ValidationError(
                self.env._(
                    "Messages still wait for this subscription: cancel them, or retire it instead."
                )
            )

    def _pause_gone(self):
        """The partner answered 410: stop sending and tell the connector's owner."""
        for subscription in self.filtered(lambda s: s.state == "active"):
            subscription.state = "paused"
            try:
                with self.env.cr.savepoint():
                    subscription._tell_gone()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception:
                # Whatever hangs on activities here: the lane goes on.
                _logger.exception("The owner of %s could not be told of its pause", subscription)

    def _tell_gone(self):
        self.connector_id.activity_schedule(
            "mail.mail_activity_data_warning",
            user_id=self.connector_id.owner_id.id or self.env.uid,
            summary=self.env._("Subscription %s was paused", self.name),
            note=self.env._(
                "The partner answered 410 Gone: it no longer wants these messages. Ask the "
                "partner, then resume the subscription and retry the message, or retire the "
                "subscription."
            ),
        )

    @api.model
    def _matching(self, event_type_id, company_id):
        """Specs of the subscriptions that get events of this type in this company (cached)."""
        try:
            return self._matching_cached(event_type_id, company_id)
        except Unconfirmed as unconfirmed:
            return unconfirmed.value

    @api.model
    @tools.ormcache("event_type_id", "company_id")
    def _matching_cached(self, event_type_id, company_id):
        return confirmed(
            self.env,
            lambda env: env["mfg.subscription"]._look_up_matching(event_type_id, company_id),
        )

    @api.model
    def _look_up_matching(self, event_type_id, company_id):
        # sudo: the subscribers of an event do not depend on who caused it.
        subscriptions = self.sudo().search(
            [
                ("event_type_ids", "in", event_type_id),
                ("state", "!=", "retired"),
                ("connector_id.state", "in", ("active", "paused")),
                ("company_id", "=", company_id),
            ],
            order="id",
        )
        return tuple(
            SubscriptionSpec(
                id=subscription.id,
                connector_id=subscription.connector_id.id,
                lane_id=subscription.lane_id.id,
                ordered=subscription.ordering == "key",
                echo=subscription.echo,
                local=subscription.connector_id.transport == "local",
                filter_model=subscription.filter_model or "",
                filter_domain=subscription.filter_domain or "[]",
            )
            for subscription in subscriptions
        )
