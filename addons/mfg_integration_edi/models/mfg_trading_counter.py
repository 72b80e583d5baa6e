from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..tools.interchange import NUMBER_LIMIT

LEVELS = [("interchange", "Interchange"), ("group", "Group"), ("message", "Message")]


class MfgTradingCounter(models.Model):
    """The control numbers of an agreement: one row per level of the envelope.

    A row of its own, apart from what people edit: taking a number locks it until the business
    transaction ends, so that numbers are given in the order of commits and a rollback leaves no
    gap. A number once given is never given again before the counter has gone round.
    """

    _name = "mfg.trading.counter"
    _description = "Control number of a trading agreement"
    _order = "agreement_id, id"

    agreement_id = fields.Many2one(
        "mfg.trading.agreement", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="agreement_id.company_id", store=True)
    level = fields.Selection(LEVELS, required=True)
    last_number = fields.Integer(
        required=True, default=0, help="The next document gets the number after this one."
    )
    used_at = fields.Datetime(string="Last used", readonly=True, copy=False)

    _level_uniq = models.Constraint(
        "UNIQUE (agreement_id, level)", "An agreement counts each level once."
    )
    _not_negative = models.Constraint("CHECK (last_number >= 0)", "Control numbers start at 1.")

    @api.constrains("last_number")
    def _check_limit(self):
        for counter in self:
            if counter.last_number > NUMBER_LIMIT:
                raise ValidationError(
                    self.env._(
                        "%(agreement)s: a control number is at most %(limit)s.",
                        agreement=counter.agreement_id.name,
                        limit=NUMBER_LIMIT,
                    )
                )

    def write(self, vals):
        used = self.filtered("used_at")
        if used and vals.keys() & {"last_number", "level", "agreement_id", "used_at"}:
            raise UserError(
                self.env._(
                    "%s: control numbers that have been used go on by themselves; the partner "
                    "would take a number given twice for a repeat. To start again, make a new "
                    "agreement.",
                    used[0].agreement_id.name,
                )
            )
        return super().write(vals)

    def _next(self, count=1):
        """Give ``count`` numbers (list of int), in order, within the caller's transaction.

        :raises UserError: the agreement is not active
        """
        self.ensure_one()
        if self.agreement_id.state != "active":
            raise UserError(self.env._("Agreement %s is not active.", self.agreement_id.name))
        self.flush_recordset(["last_number", "used_at"])
        # The row lock of UPDATE is the order: whoever comes second waits for the first to commit.
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_trading_counter
                   SET last_number = (last_number + %(count)s - 1) %% %(limit)s + 1,
                       used_at = now() AT TIME ZONE 'UTC'
                 WHERE id = %(id)s
             RETURNING last_number
                """,
                count=count,
                limit=NUMBER_LIMIT,
                id=self.id,
            )
        )
        last = self.env.cr.fetchone()[0]
        self.invalidate_recordset(["last_number", "used_at"])
        return [(last - count + offset) % NUMBER_LIMIT + 1 for offset in range(count)]
