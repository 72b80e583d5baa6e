"""Who still uses what is being given up."""

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import format_date

from .mfg_message_queue import QUEUES

LOOKED_AT = 10_000
"""How many of the newest finished messages of a type are looked at: a type that was used for years
has millions, and the question is about lately."""


class MfgContractMixin(models.AbstractModel):
    _inherit = "mfg.contract.mixin"

    still_used_by = fields.Text(
        compute="_compute_still_used_by",
        help="Of what is deprecated: the connectors that have not moved on, and when each was last "
        "served.",
    )

    @api.depends("deprecated_date")
    def _compute_still_used_by(self):
        for record in self:
            users = record._users() if record._is_ending() else ()
            record.still_used_by = "\n".join(map(self._user_line, users)) or False

    def _is_ending(self):
        return bool(self.deprecated_date)

    def _users(self):
        """``[(name of the connector or of its part, last use as naive UTC or None)]``."""
        raise NotImplementedError

    def _user_line(self, user):
        name, used_at = user
        if not used_at:
            return self.env._("%s: no message lately", name)
        local = fields.Datetime.context_timestamp(self, used_at)
        return self.env._(
            "%(name)s: last message on %(day)s", name=name, day=format_date(self.env, local)
        )

    @api.model
    def _last_uses(self, queue, type_column, message_type, owner_column):
        """``{owner id: when its last message ended}``, of the newest messages of a type."""
        # Of the history alone, which has an index for it. What still waits is not used yet.
        self.env.cr.execute(
            SQL(
                """
                SELECT owner, max(finished_at)
                  FROM (SELECT %(owner)s AS owner, finished_at FROM %(history)s
                         WHERE %(type)s = %(name)s AND state = 'done'
                         ORDER BY finished_at DESC LIMIT %(most)s) newest
                 GROUP BY owner
                """,
                owner=SQL.identifier(owner_column),
                type=SQL.identifier(type_column),
                history=queue.history,
                name=message_type,
                most=LOOKED_AT,
            )
        )
        return dict(self.env.cr.fetchall())


class MfgEventType(models.Model):
    _inherit = "mfg.event.type"

    @api.depends("state", "code", "subscription_ids.state", "subscription_ids.connector_id.state")
    def _compute_still_used_by(self):
        return super()._compute_still_used_by()

    def _is_ending(self):
        return self.state == "deprecated" or super()._is_ending()

    def _users(self):
        uses = self._last_uses(QUEUES["out"], "event_type", self.code, "subscription_id")
        return [
            (f"{subscription.connector_id.name} ({subscription.name})", uses.get(subscription.id))
            for subscription in self.subscription_ids
            if subscription.state != "retired" and subscription.connector_id.state != "retired"
        ]


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    @api.depends("active", "message_type", "connector_id.state")
    def _compute_still_used_by(self):
        return super()._compute_still_used_by()

    def _users(self):
        if not self.active or self.connector_id.state == "retired":
            return []
        uses = self._last_uses(QUEUES["in"], "message_type", self.message_type, "route_id")
        # A route that nobody sends to has no users: that is the news one waits for.
        used_at = uses.get(self.id)
        return [(self.connector_id.name, used_at)] if used_at else []
