from odoo import fields, models
from odoo.addons.mfg_integration_base.tools.lifecycle import OPEN

STATUSES = [
    ("dead", "Needs somebody"),
    ("waiting", "On the way"),
    ("told", "In step"),
]


class MrpProduction(models.Model):
    """Whether the shop floor and Odoo are in step about an order, as far as messages go."""

    _inherit = "mrp.production"

    mfg_status = fields.Selection(
        STATUSES, string="Integration status", compute="_compute_mfg_status"
    )
    mfg_dead_count = fields.Integer(compute="_compute_mfg_status")

    def _compute_mfg_status(self):
        dead = self.env["mfg.message.dead"]
        # Messages are for integration users, as their counts are.
        may_read = dead.has_access("read")
        for order in self:
            order.mfg_dead_count = dead.search_count(order._mfg_dead_domain()) if may_read else 0
            order.mfg_status = order._mfg_message_status() if may_read and order.id else False

    def _mfg_message_status(self):
        if self.mfg_dead_count:
            return "dead"
        if not self.mfg_outbox_count + self.mfg_inbox_count:
            return False
        waiting = [("state", "in", list(OPEN))]
        outbox = self.env["mfg.outbox.message"]
        return "waiting" if outbox.search(waiting + self._mfg_outbox_domain(), limit=1) else "told"

    def _mfg_dead_domain(self):
        # Both ways: what partners report on an order has the order's key as well.
        return [("ordering_key", "=", self._mfg_ordering_key())]

    def action_mfg_dead(self):
        """The messages about this order that wait for somebody."""
        return self._mfg_messages_action("mfg.message.dead", self._mfg_dead_domain())
