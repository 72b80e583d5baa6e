from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.snapshot_compare import Fact

from . import mfg_production_payload as payload
from .mfg_reconciliation import QUANTITY, TEXT, UUID


class MfgReconciliationOperations(models.AbstractModel):
    """Which operations are still to be done: the shop floor's list of work against Odoo's."""

    _name = "mfg.reconciliation.kind.open_operations"
    _inherit = ["mfg.reconciliation.orders", "mfg.reconciliation.kind"]
    _description = "Comparison of open operations"

    @api.model
    def _row_schema(self):
        return {
            "type": "object",
            "required": ["workorder"],
            "additionalProperties": False,
            "properties": {
                "order": UUID,
                "workorder": UUID,
                "workcenter": TEXT,
                "quantity": QUANTITY,
            },
        }

    @api.model
    def _facts(self):
        return {
            "workcenter": Fact(self.env._("Work center")),
            "quantity": Fact(self.env._("Quantity to make"), "quantity"),
        }

    @api.model
    def _there(self, run, row, pointer):
        facts = {}
        if "workcenter" in row:
            facts["workcenter"] = self._workcenter(run.connector_id, row["workcenter"])
        if "quantity" in row:
            facts["quantity"] = row["quantity"]
        return row["workorder"].lower(), facts

    def _workcenter(self, connector, text):
        try:
            found = self.env["mfg.mes.words"]._workcenter(connector, text)
        except BusinessReject:
            return text  # an unknown word is not ours: the row differs, and shows it
        return found.code or found.name

    @api.model
    def _here(self, run, there):
        open_ones = self._orders(
            run, [("state", "not in", ("done", "cancel")), ("mfg_owner", "=", "mes")]
        ).workorder_ids.filtered(lambda w: w.state not in ("done", "cancel"))
        return {
            workorder.mfg_uuid: {
                "workcenter": workorder.workcenter_id.code or workorder.workcenter_id.name,
                "quantity": payload.quantity_of(
                    workorder.qty_production - workorder.qty_reported_from_previous_wo,
                    workorder.production_id.product_uom_id,
                ),
            }
            for workorder in open_ones
        }

    @api.model
    def _records(self, run, keys):
        return self._workorders(keys)
