from odoo import api, fields, models
from odoo.exceptions import ValidationError


class MfgLane(models.Model):
    """Workload isolation: a lane has its own scheduled actions and its own slots.

    The settings are read at each claim. Its actions: ``mfg_lane_actions``; whether it is well:
    ``mfg_lane_status``.
    """

    _name = "mfg.lane"
    _description = "Integration lane"
    _order = "sequence, code"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    batch_size = fields.Integer(
        required=True, default=100, help="How many messages one claim takes at the most."
    )
    concurrency = fields.Integer(
        string="Max in flight",
        required=True,
        default=64,
        help="Calls under way at once per runner.",
    )
    time_budget = fields.Integer(
        string="Time budget (s)",
        required=True,
        default=50,
        help="How long one run of the scheduled action works before it hands over, in seconds.",
    )
    backlog_cap = fields.Integer(
        default=100000,
        help="Waiting messages above which the lane is shown red and partners get 429.",
    )
    backlog_cap_bytes = fields.Float(
        string="Backlog cap (bytes)",
        digits=(20, 0),
        required=True,
        default=1024**3,
        help="Size of the waiting messages, as stored and estimated, above which the lane is shown "
        "red and partners get 429.",
    )

    _code_uniq = models.Constraint("UNIQUE (code)", "Another lane has this code.")
    _positive = models.Constraint(
        "CHECK (batch_size > 0 AND concurrency > 0 AND time_budget > 0 AND backlog_cap > 0"
        " AND backlog_cap_bytes > 0)",
        "Batch size, max in flight, time budget and both backlog caps are at least 1.",
    )

    @api.constrains("code")
    def _check_code(self):
        for lane in self:
            if (
                not lane.code.replace("_", "").isalnum()
                or not lane.code.isascii()
                or not lane.code.islower()
            ):
                raise ValidationError(
                    self.env._(
                        "Lane code “%s”: use lower-case letters, digits and underscores.", lane.code
                    )
                )

    @api.constrains("active")
    def _check_not_in_use(self):
        """An archived lane has no runner: what is written for it would wait for ever."""
        lanes = self.filtered(lambda lane: not lane.active)
        counts = self.env["mfg.message.queue"]._lane_counts(lanes.ids)
        for lane in lanes:
            # sudo: other companies use the lane as well. An archived route still books.
            used = (
                self.env["mfg.subscription"]
                .sudo()
                .search_count([("lane_id", "=", lane.id), ("state", "!=", "retired")], limit=1)
                or self.env["mfg.inbox.route"]
                .sudo()
                .with_context(active_test=False)
                .search_count([("lane_id", "=", lane.id)], limit=1)
                or counts.get(lane.id, (0, 0))[0]
            )
            if used:
                raise ValidationError(
                    self.env._(
                        "Lane “%s” is in use: move its subscriptions and routes to another lane "
                        "first.",
                        lane.name,
                    )
                )

    def _check_active(self):
        """For those who are about to use a lane."""
        for lane in self:
            if not lane.active:
                raise ValidationError(
                    self.env._("Lane “%s” is archived: it has no runner.", lane.name)
                )

    def write(self, vals):
        if "code" in vals:
            # sudo: whether it has an action, nothing of it
            for lane in self.sudo().filtered("cron_id"):
                if lane.code != vals["code"]:
                    raise ValidationError(
                        self.env._(
                            "The code of lane “%s” is used by its runners and cannot change.",
                            lane.name,
                        )
                    )
        return super().write(vals)
