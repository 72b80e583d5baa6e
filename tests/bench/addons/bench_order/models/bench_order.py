import requests

from odoo import api, fields, models

_session = requests.Session()
_session.trust_env = False  # the environment may name a proxy; the receiver is on this machine


class BenchOrder(models.Model):
    """A business record of the smaller kind: a head, some lines, a stored total, a state."""

    _name = "bench.order"
    _description = "Order for benchmarks"

    name = fields.Char(required=True)
    state = fields.Selection([("draft", "Draft"), ("confirmed", "Confirmed")], default="draft")
    confirmed_at = fields.Datetime()
    line_ids = fields.One2many("bench.order.line", "order_id")
    total = fields.Float(compute="_compute_total", store=True)

    @api.depends("line_ids.quantity", "line_ids.price")
    def _compute_total(self):
        for order in self:
            order.total = sum(line.quantity * line.price for line in order.line_ids)

    def action_confirm(self):
        """Take the order: what a user does with one click."""
        self.write({"state": "confirmed", "confirmed_at": fields.Datetime.now()})

    # === Jobs, for a queue that runs methods === #

    @api.model
    def bench_post(self, url, body):
        """Post ``body`` as JSON. The connection is kept, as a careful author would have it."""
        _session.post(
            url, data=body.encode(), headers={"Content-Type": "application/json"}, timeout=30
        ).raise_for_status()

    @api.model
    def bench_nothing(self):
        """A job that does nothing."""
