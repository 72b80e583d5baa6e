from datetime import timedelta

from odoo import api, fields, models


class MrpWorkcenterProductivity(models.Model):
    _inherit = "mrp.workcenter.productivity"

    mfg_progress_id = fields.Many2one(
        "mfg.mes.progress",
        string="Shop-floor report",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )

    @api.model
    def _mfg_replace(self, progress):
        """Time lines of an operation as its last report has them, in place of the earlier ones.

        Beyond the expected duration the time counts as reduced speed, as Odoo's own timer has it.
        Without an end the line stays open: the operation is under way.
        """
        workorder = progress.workorder_id
        self.search([("mfg_progress_id", "=", progress.id)]).unlink()
        start, end = progress.started_at, progress.ended_at
        if not start:
            return
        expected_end = start + timedelta(minutes=workorder.duration_expected)
        spans = [(0.0, start, end)]
        if end and workorder.duration_expected and end > expected_end:
            # Any duration above the expected one makes Odoo choose the loss "reduced speed".
            beyond = workorder.duration_expected + 1
            spans = [(0.0, start, expected_end), (beyond, expected_end, end)]
        self.create(
            [
                {
                    **workorder._prepare_timeline_vals(duration, since, until or False),
                    "mfg_progress_id": progress.id,
                    "description": self.env._(
                        "Reported by %s", progress.operator or progress.connector_id.name
                    ),
                }
                for duration, since, until in spans
            ]
        )
