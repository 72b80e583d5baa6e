from odoo import api, fields, models
from odoo.tools import config
from odoo.tools.misc import formatLang

from ..tools.lane_status import Facts, judge
from .mfg_message_queue_counts import Ages

SPARE_CRON_THREADS = 2
"""Odoo's cron threads that the lanes leave to everything else."""


class MfgLane(models.Model):
    """Whether a lane is well, as far as one look can tell; nothing of it is stored.

    All companies' messages count: a lane is shared, and its figures name nobody.
    """

    _inherit = "mfg.lane"

    waiting_count = fields.Integer(
        compute="_compute_status",
        string="Waiting",
        help="Messages that wait for their turn, for time, or behind a dead one. An estimate above "
        "some thousands.",
    )
    dead_count = fields.Integer(compute="_compute_status", string="Dead")
    waiting_size = fields.Float(
        compute="_compute_status",
        string="Waiting (bytes)",
        digits=(20, 0),
        help="Estimated from a sample, as stored.",
    )
    oldest_seconds = fields.Float(
        compute="_compute_status", string="Oldest waiting (s)", digits=(16, 0)
    )
    oldest_text = fields.Char(compute="_compute_status", string="Oldest waiting")
    rate = fields.Float(
        compute="_compute_status",
        string="Messages/s",
        digits=(16, 1),
        help="Of all living runners, over their last interval or run.",
    )
    status = fields.Selection(
        [("green", "Well"), ("yellow", "Watch"), ("red", "Act")], compute="_compute_status"
    )
    status_reason = fields.Char(compute="_compute_status", string="Why")

    @api.depends("backlog_cap", "backlog_cap_bytes", "code", "active")
    def _compute_status(self):
        stored = self.filtered("id")
        queue = self.env["mfg.message.queue"]
        ids = stored._origin.ids
        counts = queue._lane_counts(ids)
        sizes = queue._lane_message_size(ids)
        # A copied database sends nothing: nothing is due in it.
        fingerprint = self.env["mfg.environment"]._fingerprint_here()
        ages = queue._lane_ages(ids, fingerprint) if fingerprint else {}
        dead_ages = queue._oldest_dead(ids)
        # sudo: the figures are shown to those who may see lanes, whatever else they may.
        runners = self.env["mfg.worker"].sudo()._runners()
        short = bool(self._cron_threads_short())
        for lane in self:
            lane_id = lane._origin.id
            lane.waiting_count, lane.dead_count = counts.get(lane_id, (0, 0))
            age = ages.get(lane_id, Ages(False, None, False))
            runner_age, rate = runners.get(lane.code, (None, 0.0))
            lane.waiting_size = lane.waiting_count * sizes.get(lane_id, 0.0)
            lane.oldest_seconds = age.oldest or 0.0
            lane.oldest_text = _span(age.oldest) if age.oldest is not None else False
            lane.rate = rate
            facts = Facts(
                waiting=lane.waiting_count,
                cap=lane.backlog_cap,
                size=lane.waiting_size,
                size_cap=lane.backlog_cap_bytes,
                due=age.due,
                runner_age=runner_age,
                dead_age=dead_ages.get(lane_id),
                late=age.late,
                cron_threads_short=short,
            )
            verdict = judge(facts)
            lane.status = verdict.status
            lane.status_reason = lane._status_sentence(verdict.reason, facts)

    def _status_sentence(self, reason, facts):
        """Why the lane is not green, and what to do."""
        number = formatLang(self.env, facts.waiting, digits=0)
        megabytes = formatLang(self.env, facts.size / 1024**2, digits=1)
        match reason:
            case "":
                return self.env._("Nothing to do.")
            case "over_cap":
                return self.env._(
                    "%s messages wait, more than the backlog cap: partners get 429. Find out who "
                    "holds them up, or start a worker.",
                    number,
                )
            case "over_size":
                return self.env._(
                    "%s MB wait, more than the backlog cap in bytes: partners get 429. Find out "
                    "who holds them up, or start a worker.",
                    megabytes,
                )
            case "no_runner" if facts.runner_age is None:
                return self.env._(
                    "Messages are due and no runner was ever seen: check that the lane's scheduled "
                    "action is active and that Odoo has cron threads, or start a worker."
                )
            case "no_runner":
                return self.env._(
                    "Messages are due and the last runner was seen %s ago: check that the lane's "
                    "scheduled action is active and that Odoo has cron threads, or start a worker.",
                    _span(facts.runner_age),
                )
            case "old_dead":
                return self.env._(
                    "Dead messages wait for a person since %s: open the error queue.",
                    _span(facts.dead_age),
                )
            case "late":
                return self.env._(
                    "A message waits longer than its flow's target time: look at its connector."
                )
            case "half_cap":
                return self.env._("%s messages wait, over half of the backlog cap.", number)
            case "half_size":
                return self.env._("%s MB wait, over half of the backlog cap in bytes.", megabytes)
            case "cron_threads":
                return self._cron_threads_short()

    @api.model
    def _cron_threads_short(self):
        """Health check: why this Odoo has too few cron threads for the lanes; "" if it has not.

        A long job of somebody else would hold up a lane. Not so where a dedicated worker runs.
        The setting is that of the process that is asked.
        """
        # sudo: see _compute_status
        if self.env["mfg.worker"].sudo()._has_dedicated():
            return ""
        actions = sum(self.sudo().search([("active", "=", True)]).mapped("action_count"))
        threads = config["max_cron_threads"]
        if threads >= actions + SPARE_CRON_THREADS:
            return ""
        return self.env._(
            "max_cron_threads is %(threads)s: the lanes' %(actions)s scheduled actions and Odoo's "
            "own jobs need %(needed)s. Raise it in odoo.conf, or run a dedicated worker.",
            threads=threads,
            actions=actions,
            needed=actions + SPARE_CRON_THREADS,
        )


def _span(seconds):
    """A length of time, short: ``45 s``, ``12 min``, ``3 h``, ``2 d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
