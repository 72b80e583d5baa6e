from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import answer_rules
from ..tools.backoff import Schedule, parse_schedule

DEFAULT_SCHEDULE = "2s 5s 15s 30s 1m 2m 5m 10m 30m 1h 2h 4h 8h 12h"


class MfgRetryPolicy(models.Model):
    _name = "mfg.retry.policy"
    _description = "Retry policy"
    _order = "sequence, name"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    schedule = fields.Char(
        required=True,
        default=DEFAULT_SCHEDULE,
        help="Waiting times between attempts, e.g. “2s 15s 1m 10m 1h”. After the last one the "
        "message goes to the error queue.",
    )
    jitter = fields.Float(
        default=0.1, help="Random part of each waiting time, from 0 (none) to 1, as a fraction."
    )

    rules = fields.Text(
        string="Rules for answers",
        help="JSON list; the first rule that fits a partner's answer decides in place of its "
        'status. For example: [{"status": "422", "pointer": "/error/code", "in": ["LOCKED"], '
        '"then": "retry", "after": 60}]. “then” is retry, dead, done or pause.',
    )

    _jitter_range = models.Constraint(
        "CHECK (jitter >= 0 AND jitter <= 1)", "Jitter is a fraction between 0 and 1."
    )

    @api.constrains("schedule", "jitter")
    def _check_schedule(self):
        for policy in self:
            try:
                policy._schedule()
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Retry policy %(name)s, schedule: %(error)s", name=policy.name, error=error
                    )
                ) from error

    @api.constrains("rules")
    def _check_rules(self):
        for policy in self:
            try:
                policy._answer_rules()
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Retry policy %(name)s, rules for answers: %(error)s",
                        name=policy.name,
                        error=error,
                    )
                ) from error

    def _answer_rules(self):
        """The rules of ``tools.answer_rules``, in order."""
        self.ensure_one()
        return answer_rules.parse_rules(self.rules or "")

    def _schedule(self) -> Schedule:
        self.ensure_one()
        return parse_schedule(self.schedule, jitter=self.jitter)

    @api.model
    def _default_schedule(self) -> Schedule:
        """For messages whose subscription or route was deleted meanwhile."""
        return parse_schedule(DEFAULT_SCHEDULE)
