from odoo import fields, models
from odoo.tools import SQL

LIVE = [("down", "Stands still"), ("running", "Runs"), ("idle", "Idle")]


class MrpWorkcenter(models.Model):
    """What a work center does at this moment, as far as the shop floor has said."""

    _inherit = "mrp.workcenter"

    mfg_live_state = fields.Selection(LIVE, string="Now", compute="_compute_mfg_live")
    mfg_live_since = fields.Datetime(string="Since", compute="_compute_mfg_live")
    mfg_last_signal_at = fields.Datetime(
        string="Last signal",
        compute="_compute_mfg_live",
        help="When the shop floor last said something about this work center.",
    )

    def _compute_mfg_live(self):
        signals = self._mfg_last_signals()
        lines = self.env["mrp.workcenter.productivity"].search(
            [("workcenter_id", "in", self.ids), ("date_end", "=", False)], order="date_start"
        )
        for workcenter in self:
            own = lines.filtered(lambda line, w=workcenter: line.workcenter_id == w)
            workcenter.mfg_live_state, workcenter.mfg_live_since = workcenter._mfg_live(own)
            workcenter.mfg_last_signal_at = signals.get(workcenter.id, False)

    def _mfg_live(self, lines):
        """``(state, naive UTC since when or False)``.

        :param lines: its open time lines, oldest first
        """
        self.ensure_one()
        down = lines.filtered(lambda line: line._mfg_is_downtime())
        state = "down" if down else "running" if lines else "idle"
        return state, (down or lines)[:1].date_start

    def _mfg_last_signals(self):
        """``{id: naive UTC}`` of those that were ever reported on."""
        if not self.ids:
            return {}
        self.env["mfg.mes.progress"].flush_model(["write_date", "workorder_id"])
        self.env["mfg.downtime"].flush_model(["write_date", "workcenter_id"])
        self.env["mfg.mes.state"].flush_model(["create_date", "workorder_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT workcenter_id, max(at) FROM (
                    SELECT w.workcenter_id, p.write_date AS at FROM mfg_mes_progress p
                      JOIN mrp_workorder w ON w.id = p.workorder_id
                     WHERE w.workcenter_id = ANY(%(ids)s)
                     UNION ALL
                    SELECT w.workcenter_id, s.create_date FROM mfg_mes_state s
                      JOIN mrp_workorder w ON w.id = s.workorder_id
                     WHERE w.workcenter_id = ANY(%(ids)s)
                     UNION ALL
                    SELECT workcenter_id, write_date FROM mfg_downtime
                     WHERE workcenter_id = ANY(%(ids)s)) signal
                 GROUP BY workcenter_id
                """,
                ids=self.ids,
            )
        )
        return dict(rows)
