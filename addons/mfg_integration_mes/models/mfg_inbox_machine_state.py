from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import machine_state as arithmetic
from ..tools.labor import Verdict, decide
from ..tools.report import ReportError


class MfgInboxMachineState(models.AbstractModel):
    """Keeps what machines say of themselves. It books nothing: reports and downtimes do."""

    _name = "mfg.inbox.handler.workcenter_state"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: state of a machine"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _ordering_key(self, document):
        name = document.get("workcenter") if isinstance(document, dict) else None
        return f"mrp.workcenter:{name}" if isinstance(name, str) else None

    @api.model
    def _handle(self, *, message, document):
        if not isinstance(document, dict):
            raise BusinessReject("schema", self.env._("A machine state is a JSON object."))
        try:
            now = fields.Datetime.now().replace(tzinfo=timezone.utc)
            stated = arithmetic.parse(document, now=now)
        except ReportError as error:
            raise BusinessReject("invalid_value", str(error), error.pointer) from error
        connector = message.connector_id
        workcenter = self.env["mfg.mes.words"]._workcenter(connector, stated.workcenter)
        message._link_record(workcenter)
        machine = self.env["mfg.mes.machine"]._find(connector, workcenter)
        verdict = decide(stated.sequence, stated.digest, machine.sequence, machine.digest or "")
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("Number %s was booked before with another content.", stated.sequence),
                "/sequence",
            )
        if verdict == Verdict.APPLY:
            machine = machine._apply(connector, workcenter, stated)
        answer = {"result": verdict.value, "state": machine.state, "since": machine.since}
        return Delivered(response=canonical_json(answer))
