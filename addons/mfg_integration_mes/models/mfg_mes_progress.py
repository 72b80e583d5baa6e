from decimal import Decimal

from odoo import api, fields, models

from ..tools.progress import Applied
from ..tools.report import Totals


class MfgMesProgress(models.Model):
    """What a connector has reported last on an operation, or on an order as a whole.

    The books of cumulative reports: the next report is compared with this row.
    """

    _name = "mfg.mes.progress"
    _description = "Shop-floor report"
    _order = "production_id desc, workorder_id, connector_id"
    _rec_name = "production_id"

    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, index=True)
    production_id = fields.Many2one(
        "mrp.production", string="Order", required=True, ondelete="cascade", index=True
    )
    workorder_id = fields.Many2one(
        "mrp.workorder", string="Operation", ondelete="cascade", index="btree_not_null"
    )
    sequence = fields.Integer(required=True, help="Number of the last booked report.")
    missing = fields.Integer(
        string="Skipped numbers", help="Reports that never came; later totals included theirs."
    )
    digest = fields.Char(help="SHA-256 of the last booked report.")
    finished = fields.Boolean()
    good = fields.Float(digits="Product Unit")
    scrap = fields.Float(digits="Product Unit")
    rework = fields.Float(
        digits="Product Unit", help="Pieces that were worked on again. They move no stock."
    )
    totals = fields.Json(required=True, help="Exact totals of the last booked report.")
    operator = fields.Char()
    started_at = fields.Datetime(string="Started")
    ended_at = fields.Datetime(string="Ended")
    posted_at = fields.Datetime(
        string="Posted", help="The date in stock; differs from the end where a period was locked."
    )
    correction_reason = fields.Char()
    message_uuid = fields.Char(string="Last message")

    _target_uniq = models.UniqueIndex(
        "(connector_id, production_id, COALESCE(workorder_id, 0))",
        "There is already a row for that connector, order and operation.",
    )

    @api.depends("production_id", "workorder_id")
    def _compute_display_name(self):
        for progress in self:
            target = progress.workorder_id or progress.production_id
            progress.display_name = target.display_name

    @api.model
    def _find(self, connector, order, workorder):
        """The row of what a report is about, or none."""
        return self.search(
            [
                ("connector_id", "=", connector.id),
                ("production_id", "=", order.id),
                ("workorder_id", "=", workorder.id),
            ]
        )

    def _applied(self):
        """The row as the arithmetic wants it; nothing applied when there is no row."""
        if not self:
            return Applied()
        return Applied(sequence=self.sequence, digest=self.digest, totals=self._read_totals())

    def _read_totals(self):
        self.ensure_one()
        return Totals(
            good=Decimal(self.totals["good"]),
            scrap=_read_lines(self.totals["scrap"]),
            consumption=_read_lines(self.totals["consumption"]),
            # Reports that were booked before rework was known have none.
            rework=_read_lines(self.totals.get("rework", ())),
        )

    def _apply(self, connector, order, workorder, report, missing):
        """Write what ``report`` says into the row, making it if there is none; return it."""
        vals = {
            "sequence": report.sequence,
            "missing": self.missing + missing,
            "digest": report.digest,
            "finished": report.finished,
            "good": float(report.totals.good),
            "scrap": float(report.totals.scrap_total),
            "rework": float(report.totals.rework_total),
            "totals": {
                "good": str(report.totals.good),
                "scrap": _write_lines(report.totals.scrap),
                "consumption": _write_lines(report.totals.consumption),
                "rework": _write_lines(report.totals.rework),
            },
            "operator": report.operator or self.operator,
            "started_at": _naive(report.started_at) or self.started_at,
            "ended_at": _naive(report.ended_at),
            "correction_reason": report.correction_reason or self.correction_reason,
            "message_uuid": self._mfg_cause().message_uuid if self._mfg_cause() else False,
        }
        if self:
            self.write(vals)
            return self
        return self._begin(connector, order, workorder, **vals)

    def _set_good(self, good, reason):
        """Take ``good`` (a Decimal) for what was reported last."""
        self.ensure_one()
        self.write(
            {
                "good": float(good),
                "totals": {**self.totals, "good": str(good)},
                "correction_reason": reason,
            }
        )

    @api.model
    def _begin(self, connector, order, workorder, **vals):
        """Make the row of a target; nothing is reported unless ``vals`` say so."""
        return self.create(
            {
                "connector_id": connector.id,
                "company_id": order.company_id.id,
                "production_id": order.id,
                "workorder_id": workorder.id,
                "sequence": 0,
                "digest": "",
                "totals": {"good": "0", "scrap": [], "consumption": [], "rework": []},
                **vals,
            }
        )


def _read_lines(lines):
    return tuple((tuple(key), Decimal(quantity)) for *key, quantity in lines)


def _write_lines(lines):
    return [[*key, str(quantity)] for key, quantity in lines]


def _naive(moment):
    """Odoo's form of an aware UTC time, without fractions of a second; False for none."""
    return moment.replace(tzinfo=None, microsecond=0) if moment else False
