from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    mfg_over_tolerance = fields.Float(
        string="Over-production tolerance (%)",
        help="How much more than ordered the shop floor may report, good and scrap together.",
    )
    mfg_operation_check = fields.Selection(
        [("warn", "Book it with a warning"), ("block", "Reject the report")],
        string="More good pieces than the operation before",
        required=True,
        default="warn",
    )

    _mfg_over_tolerance_positive = models.Constraint(
        "CHECK (mfg_over_tolerance >= 0)", "A tolerance is 0 % or more."
    )

    def _mfg_posting_date(self, moment):
        """The day on which a fact of the shop floor may be booked: its own, or today.

        Community Edition locks accounting periods, not stock: where accounting is installed, what
        happened in a locked period is booked today, and the report keeps its own time.

        :param moment: naive UTC
        :return: naive UTC, never in the future
        """
        self.ensure_one()
        now = fields.Datetime.now()
        locks = [
            self[name]
            for name in ("user_fiscalyear_lock_date", "user_hard_lock_date")
            if name in self._fields and self[name]
        ]
        if locks and moment.date() <= max(locks):
            return now
        return min(moment, now)
