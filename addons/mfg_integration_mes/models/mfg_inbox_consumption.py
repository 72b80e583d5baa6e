from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import consumption as arithmetic
from ..tools.labor import Verdict, decide


class MfgInboxConsumption(models.AbstractModel):
    """Books what an order took from stock, where it is told apart from what was made."""

    _name = "mfg.inbox.handler.material_consumption"
    _inherit = ["mfg.inbox.handler.production_report"]
    _description = "Inbox handler: consumed components"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _handle(self, *, message, document):
        consumption = self._read(document)
        order, workorder = self._target(consumption)
        message._link_record(order)
        connector = message.connector_id
        order._mfg_lock()
        known = self.env["mfg.mes.consumption"]._find(connector, order)
        verdict = decide(
            consumption.sequence, consumption.digest, known.sequence, known.digest or ""
        )
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "Number %s was booked before with another content.", consumption.sequence
                ),
                "/sequence",
            )
        if verdict == Verdict.APPLY:
            self._check_open(order, workorder, self.env["mfg.mes.progress"])
            order._mfg_check_one_source(of_reports=False)
            known._apply(connector, order, consumption)
            order._mfg_book_consumption(self.env["mfg.mes.words"]._consumption(order))
        answer = {
            "result": verdict.value,
            "order": order.mfg_uuid,
            "sequence": consumption.sequence,
            "order_state": order.state,
        }
        return Delivered(response=canonical_json(answer))

    def _parse(self, document):
        return arithmetic.parse(document)
