from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.exceptions import AccessError, UserError

from ..tools import increment as arithmetic
from ..tools.increment import Increment
from ..tools.report import Totals

FORMS = [("totals", "Totals"), ("increments", "Increments")]


class MfgMesIncrement(models.Model):
    """One increment of an operation (or order): each number once, whenever it came."""

    _name = "mfg.mes.increment"
    _description = "Shop-floor increment"
    _order = "progress_id, sequence"
    _rec_name = "sequence"

    progress_id = fields.Many2one(
        "mfg.mes.progress", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="progress_id.company_id", store=True)
    sequence = fields.Integer(string="Number", required=True, readonly=True)
    document = fields.Json(readonly=True, help="As it was reported.")
    good = fields.Float(digits="Product Unit", readonly=True)
    scrap = fields.Float(digits="Product Unit", readonly=True)
    given_up = fields.Boolean(readonly=True, help="It never came, and a person went on without it.")
    message_uuid = fields.Char(string="Message", readonly=True)

    _sequence_uniq = models.Constraint(
        "UNIQUE (progress_id, sequence)", "This number was booked already."
    )

    @api.model
    def _keep(self, progress, increment, document):
        """Remember an increment.

        :param increment: ``tools.increment.Increment``; ``document`` is what it was read from
        """
        cause = self._mfg_cause()
        self.create(
            {
                "progress_id": progress.id,
                "sequence": increment.sequence,
                "document": {k: v for k, v in document.items() if k != "reported_at"},
                "good": float(increment.change.good),
                "scrap": float(increment.change.scrap_total),
                "message_uuid": cause.message_uuid if cause else False,
            }
        )

    def _read_all(self):
        """``[Increment]`` of these rows."""
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return [
            _nothing(row.sequence) if row.given_up else arithmetic.parse(row.document, now=now)
            for row in self
        ]


class MfgMesProgress(models.Model):
    _inherit = "mfg.mes.progress"

    form = fields.Selection(
        FORMS,
        string="Reported as",
        required=True,
        default="totals",
        help="Totals since the start, or what was made since the last report.",
    )
    increment_ids = fields.One2many("mfg.mes.increment", "progress_id", readonly=True)
    waits_for = fields.Char(
        help="Numbers of increments that have not come. The totals are short of what they say, and "
        "the operation is not finished before they are here."
    )

    def action_mfg_give_up(self):
        """Go on without the increments that never came."""
        self.ensure_one()
        if not self.env["mrp.production"]._mfg_may_override():
            raise AccessError(
                self.env._("Only manufacturing administrators go on without missing reports.")
            )
        if not self.waits_for:
            raise UserError(self.env._("No report is missing."))
        # sudo: nobody writes the shop floor's books by hand; this is the one exception, audited.
        own = self.sudo()
        own.production_id._mfg_lock()
        missing = arithmetic.total(own.increment_ids._read_all()).missing
        own.increment_ids.create(
            [{"progress_id": own.id, "sequence": n, "given_up": True} for n in missing]
        )
        own.env["mfg.audit.entry"]._record(
            "decide",
            own.production_id,
            self.env._("Went on without missing reports"),
            # All of them: the list on the screen is cut short.
            after=", ".join(map(str, missing)),
        )
        own.production_id.message_post(
            body=self.env._(
                "%(user)s went on without the reports %(numbers)s of %(target)s by %(connector)s.",
                user=self.env.user.name,
                numbers=own.waits_for,
                target=own.display_name,
                connector=own.connector_id.name,
            )
        )
        try:
            own.env["mfg.inbox.handler.production_increment"]._book(own)
        except BusinessReject as reject:
            raise UserError(reject.detail) from reject


def _nothing(sequence):
    return Increment(
        order="", workorder="", revision=0, sequence=sequence, finished=False, change=Totals(),
        lot="", serials=(), operator="", started_at=None, ended_at=None, correction=False,
        correction_reason="", digest="",
    )  # fmt: skip
