from datetime import timezone

from odoo import api, fields, models

STATES = [
    ("running", "Runs"),
    ("setup", "Being set up"),
    ("idle", "Idle"),
    ("down", "Stands still"),
    ("off", "Off"),
]
LIVE = {"running": "running", "down": "down"}
"""What a machine's state means for its work center; any other: idle."""


class MfgMesMachine(models.Model):
    """What a connector said last of a machine: its state and its counters."""

    _name = "mfg.mes.machine"
    _description = "Machine state"
    _order = "workcenter_id, connector_id"
    _rec_name = "workcenter_id"

    connector_id = fields.Many2one("mfg.connector", required=True, readonly=True, index=True)
    workcenter_id = fields.Many2one(
        "mrp.workcenter", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    sequence = fields.Integer(string="Number", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True, help="SHA-256 of the message's content.")
    state = fields.Selection(STATES, required=True, readonly=True)
    since = fields.Datetime(readonly=True, help="When it was first seen in this state.")
    at = fields.Datetime(string="Seen", required=True, readonly=True)
    counters = fields.Json(string="Counters by name", readonly=True)
    counters_text = fields.Char(string="Counters", compute="_compute_counters_text")
    message_uuid = fields.Char(string="Message", readonly=True)

    _machine_uniq = models.Constraint(
        "UNIQUE (connector_id, workcenter_id)", "There is already a row for that work center."
    )

    @api.depends("counters")
    def _compute_counters_text(self):
        for machine in self:
            machine.counters_text = ", ".join(
                f"{name} {value:g}" for name, value in sorted((machine.counters or {}).items())
            )

    @api.model
    def _find(self, connector, workcenter):
        return self.search(
            [("connector_id", "=", connector.id), ("workcenter_id", "=", workcenter.id)]
        )

    def _apply(self, connector, workcenter, stated):
        """:param stated: ``tools.machine_state.MachineState``"""
        at = stated.at.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
        cause = self._mfg_cause()
        vals = {
            "sequence": stated.sequence,
            "digest": stated.digest,
            "state": stated.state,
            "since": self.since if self.state == stated.state else at,
            "at": at,
            "counters": dict(stated.counters),
            "message_uuid": cause.message_uuid if cause else False,
        }
        if self:
            self.write(vals)
            return self
        return self.create(
            {
                "connector_id": connector.id,
                "workcenter_id": workcenter.id,
                "company_id": connector.company_id.id,
                **vals,
            }
        )


class MrpWorkcenter(models.Model):
    _inherit = "mrp.workcenter"

    mfg_machine_ids = fields.One2many("mfg.mes.machine", "workcenter_id", readonly=True)

    def _mfg_live(self, lines):
        """A machine that speaks for itself is believed, as far as nothing newer is known."""
        state, since = super()._mfg_live(lines)
        machine = self.mfg_machine_ids.sorted("at")[-1:]
        if machine and state != "down" and (not since or machine.at >= since):
            return LIVE.get(machine.state, "idle"), machine.since
        return state, since

    def _mfg_last_signals(self):
        signals = super()._mfg_last_signals()
        for machine in self.mfg_machine_ids:
            known = signals.get(machine.workcenter_id.id)
            signals[machine.workcenter_id.id] = max(machine.write_date, known or machine.write_date)
        return signals
