from datetime import timedelta

from odoo import api, fields, models

from . import mfg_production_payload as payload


class MrpWorkcenterProductivity(models.Model):
    _inherit = "mrp.workcenter.productivity"

    mfg_progress_id = fields.Many2one(
        "mfg.mes.progress",
        string="Shop-floor report",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )

    mfg_downtime_id = fields.Many2one(
        "mfg.downtime", string="Downtime", readonly=True, ondelete="set null",
        index="btree_not_null",
    )  # fmt: skip

    # === What is told === #

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        losses = records.filtered(lambda r: r._mfg_is_downtime())
        losses.filtered(lambda r: not r.date_end)._mfg_tell(True)
        losses.filtered("date_end")._mfg_tell(False)
        return records

    def write(self, vals):
        before = {r: r.date_end for r in self if "date_end" in vals and r._mfg_is_downtime()}
        result = super().write(vals)
        changed = self.filtered(lambda r: r in before and r.date_end != before[r])
        ended = changed.filtered("date_end")
        ended._mfg_tell(False)
        (changed - ended)._mfg_tell(True)  # its end was withdrawn: it stands still after all
        for record in ended.filtered("mfg_downtime_id"):
            record.mfg_downtime_id._mfg_ended(record.date_end)
        return result

    def _mfg_is_downtime(self):
        """Whether the work center stands still, and does not run slowly or well."""
        return self.loss_type not in ("productive", "performance")

    def _mfg_tell(self, started):
        code = payload.DOWNTIME_STARTED if started else payload.DOWNTIME_ENDED
        data = payload.downtime_started if started else payload.downtime_ended
        self._mfg_emit(code, data)

    def _mfg_ordering_key(self):
        return self.workcenter_id._mfg_ordering_key()

    @api.model
    def _mfg_replace(self, progress):
        """Time lines of an operation as its last report has them, in place of the earlier ones.

        Beyond the expected duration the time counts as reduced speed, as Odoo's own timer has it.
        Without an end the line stays open: the operation is under way.
        """
        workorder = progress.workorder_id
        lines = self.search([("mfg_progress_id", "=", progress.id)], order="id")
        start, end = progress.started_at, progress.ended_at
        spans = self._mfg_spans(workorder, start, end) if start else []
        reporter = self.env._("Reported by %s", progress.operator or progress.connector_id.name)
        wanted = [
            {
                **workorder._prepare_timeline_vals(duration, since, until or False),
                "mfg_progress_id": progress.id,
                "description": reporter,
            }
            for duration, since, until in spans
        ]
        self._mfg_write_lines(lines, wanted)

    @api.model
    def _mfg_write_lines(self, lines, wanted):
        """Make ``lines`` what is ``wanted`` (a list of values)."""
        # Each report moves the end: in place, a line costs a third of a new one.
        for line, vals in zip(lines, wanted, strict=False):
            changed = {
                name: value for name, value in vals.items() if line._mfg_differs(name, value)
            }
            if changed:
                line.write(changed)
        # Neither is free where there is nothing to do.
        if len(lines) > len(wanted):
            lines[len(wanted) :].unlink()
        elif len(wanted) > len(lines):
            self.create(wanted[len(lines) :])

    @api.model
    def _mfg_spans(self, workorder, start, end):
        """``[(duration that says which loss it is, since, until)]``."""
        expected_end = start + timedelta(minutes=workorder.duration_expected)
        if end and workorder.duration_expected and end > expected_end:
            # Any duration above the expected one makes Odoo choose the loss "reduced speed".
            beyond = workorder.duration_expected + 1
            return [(0.0, start, expected_end), (beyond, expected_end, end)]
        return [(0.0, start, end)]

    def _mfg_differs(self, name, value):
        field = self._fields[name]
        return field.convert_to_write(self[name], self) != (value or False)
