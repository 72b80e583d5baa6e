from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import labor as arithmetic
from ..tools.labor import Verdict


class MfgInboxLabor(models.AbstractModel):
    """Keeps who worked when on which operation. It moves no stock and blocks nothing."""

    _name = "mfg.inbox.handler.labor_report"
    _inherit = ["mfg.inbox.handler.production_report"]
    _description = "Inbox handler: labor time"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _handle(self, *, message, document):
        labor = self._read(document)
        order, workorder = self._target(labor)
        message._link_record(workorder)
        connector = message.connector_id
        order._mfg_lock()
        known = self.env["mfg.mes.labor"]._find(connector, workorder, labor.operator)
        verdict = arithmetic.decide(
            labor.sequence, labor.digest, known[:1].sequence, known[:1].digest or ""
        )
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("Number %s was booked before with another content.", labor.sequence),
                "/sequence",
            )
        if verdict == Verdict.APPLY:
            # Labor of a closed order counts as well: its times are known when people clock out.
            known = known._replace(connector, workorder, labor)
        answer = {
            "result": verdict.value,
            "workorder": workorder.mfg_uuid,
            "operator": labor.operator,
            "minutes": round(sum(known.mapped("minutes")), 2),
            "order_minutes": round(order.mfg_labor_minutes, 2),
        }
        return Delivered(response=canonical_json(answer))

    def _parse(self, document):
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return arithmetic.parse(document, now=now)
