from datetime import timezone

from odoo import api, fields, models

from ..tools import operation_state as arithmetic
from . import mfg_workorder_payload as payload

STATES = [("started", "Started"), ("paused", "Paused"), ("resumed", "Resumed")]


class MfgMesState(models.Model):
    """One transition of an operation, as the shop floor stated it: each number once."""

    _name = "mfg.mes.state"
    _description = "Shop-floor state of an operation"
    _order = "workorder_id desc, connector_id, sequence"
    _rec_name = "state"

    connector_id = fields.Many2one("mfg.connector", required=True, readonly=True, index=True)
    workorder_id = fields.Many2one(
        "mrp.workorder", required=True, readonly=True, ondelete="cascade", index=True
    )
    production_id = fields.Many2one(related="workorder_id.production_id", store=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    sequence = fields.Integer(string="Number", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True)
    at = fields.Datetime(string="When", required=True, readonly=True)
    operator = fields.Char(readonly=True)
    reason = fields.Char(readonly=True)
    digest = fields.Char(required=True, readonly=True, help="SHA-256 of the message's content.")
    message_uuid = fields.Char(string="Message", readonly=True)

    _sequence_uniq = models.Constraint(
        "UNIQUE (connector_id, workorder_id, sequence)", "This number was booked already."
    )

    @api.model
    def _find(self, connector, workorder):
        return self.search(
            [("connector_id", "=", connector.id), ("workorder_id", "=", workorder.id)]
        )

    @api.model
    def _keep(self, connector, workorder, transition):
        """:param transition: ``tools.operation_state.Transition``"""
        cause = self._mfg_cause()
        return self.create(
            {
                "connector_id": connector.id,
                "workorder_id": workorder.id,
                "company_id": workorder.company_id.id,
                "sequence": transition.sequence,
                "state": transition.state,
                "at": transition.at.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0),
                "operator": transition.operator or False,
                "reason": transition.reason or False,
                "digest": transition.digest,
                "message_uuid": cause.message_uuid if cause else False,
            }
        )

    def _intervals(self, end=None):
        """When these say that work was done: ``((naive start, naive end or None), …)``."""
        return arithmetic.intervals(((row.sequence, row.state, row.at) for row in self), end)

    def _operator(self):
        return self.filtered("operator").sorted("sequence")[-1:].operator or ""


class MrpWorkorder(models.Model):
    _inherit = "mrp.workorder"

    mfg_state_ids = fields.One2many(
        "mfg.mes.state", "workorder_id", string="Shop-floor states", readonly=True
    )

    def _mfg_take_states(self, connector):
        """Bring start and time lines in line with what ``connector`` stated about the operation."""
        self.ensure_one()
        states = self.env["mfg.mes.state"]._find(connector, self)
        was_running = self._mfg_running()
        first = states._intervals()[:1]
        if first:
            self._mfg_start(first[0][0])
        began = self.state == "progress" and not was_running
        self.env["mrp.workcenter.productivity"]._mfg_replace_states(connector, self, states)
        if was_running and not self._mfg_running():
            self._mfg_emit(payload.PAUSED, payload.paused)
        elif began and len(states._intervals()) > 1 and self._mfg_running():
            self._mfg_emit(payload.RESUMED, payload.paused)


class MrpWorkcenterProductivity(models.Model):
    _inherit = "mrp.workcenter.productivity"

    mfg_state_id = fields.Many2one(
        "mfg.mes.state",
        string="Shop-floor state",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The start or resumption that this time began with.",
    )

    @api.model
    def _mfg_replace(self, progress):
        """Where the shop floor states starts and pauses, these are the times; a report only ends
        what still runs."""
        states = self.env["mfg.mes.state"]._find(progress.connector_id, progress.workorder_id)
        if not states:
            return super()._mfg_replace(progress)
        self.search([("mfg_progress_id", "=", progress.id)]).unlink()
        return self._mfg_replace_states(progress.connector_id, progress.workorder_id, states)

    @api.model
    def _mfg_replace_states(self, connector, workorder, states):
        """Time lines of an operation as its states have them, in place of the earlier ones."""
        progress = self.env["mfg.mes.progress"]._find(connector, workorder.production_id, workorder)
        end = progress.ended_at if progress.finished else None
        starts = {row.at: row for row in states if row.state != "paused"}
        reporter = self.env._("Reported by %s", states._operator() or connector.name)
        wanted = [
            {
                **workorder._prepare_timeline_vals(0.0, since, until or False),
                "mfg_state_id": starts[since].id if since in starts else states[:1].id,
                "description": reporter,
            }
            for since, until in states._intervals(end)
        ]
        lines = self.search(
            [("workorder_id", "=", workorder.id), ("mfg_state_id.connector_id", "=", connector.id)],
            order="id",
        )
        # The report's own line, from before the first state came, is told in more detail now.
        if progress:
            self.search([("mfg_progress_id", "=", progress.id)]).unlink()
        self._mfg_write_lines(lines, wanted)
