from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import operation_state as arithmetic
from ..tools.operation_state import Verdict


class MfgInboxOperationState(models.AbstractModel):
    """Books starts, pauses and resumptions of operations."""

    _name = "mfg.inbox.handler.workorder_state"
    _inherit = ["mfg.inbox.handler.production_report"]
    _description = "Inbox handler: state of an operation"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _handle(self, *, message, document):
        transition = self._read(document)
        order, workorder = self._target(transition)
        message._link_record(workorder)
        connector = message.connector_id
        order._mfg_lock()
        states = self.env["mfg.mes.state"]._find(connector, workorder)
        known = states.filtered(lambda row: row.sequence == transition.sequence)
        verdict = arithmetic.decide(transition, known.digest if known else None)
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("Number %s was booked before with another content.", known.sequence),
                "/sequence",
            )
        if verdict == Verdict.DUPLICATE:
            return self._told(workorder, transition, verdict.value)
        if order.state in ("done", "cancel") or workorder.state == "cancel":
            # Its costs are booked: the times stay as they are.
            return self._told(workorder, transition, "late")
        self._check_owner(order)
        states._keep(connector, workorder, transition)
        workorder._mfg_take_states(connector)
        return self._told(workorder, transition, verdict.value)

    def _parse(self, document):
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return arithmetic.parse(document, now=now)

    def _told(self, workorder, transition, result):
        answer = {
            "result": result,
            "workorder": workorder.mfg_uuid,
            "sequence": transition.sequence,
            "workorder_state": workorder.state,
            "is_running": bool(workorder._mfg_running()),
            "minutes": round(sum(workorder.time_ids.mapped("duration")), 2),
        }
        return Delivered(response=canonical_json(answer))
