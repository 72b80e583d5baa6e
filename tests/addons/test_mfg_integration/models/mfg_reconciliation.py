from odoo import api, fields, models
from odoo.addons.mfg_integration_base.tools.snapshot_compare import Fact


class MfgReconciliation(models.Model):
    _inherit = "mfg.reconciliation"

    kind = fields.Selection(
        selection_add=[("test_orders", "Test: orders")], ondelete={"test_orders": "cascade"}
    )


class MfgReconciliationTestOrders(models.AbstractModel):
    """Compares quantities of test orders."""

    _name = "mfg.reconciliation.kind.test_orders"
    _inherit = ["mfg.reconciliation.kind"]
    _description = "Comparison for tests"

    @api.model
    def _row_schema(self):
        return {
            "type": "object",
            "required": ["order", "quantity"],
            "properties": {"order": {"type": "string"}, "quantity": {"type": "number"}},
            "additionalProperties": False,
        }

    @api.model
    def _facts(self):
        return {"quantity": Fact("Quantity", "quantity")}

    @api.model
    def _there(self, run, row, pointer):
        return row["order"], {"quantity": row["quantity"]}

    @api.model
    def _here(self, run, there):
        orders = self.env["test.mfg.order"].sudo().search([("company_id", "=", run.company_id.id)])
        return {order.mfg_uuid: {"quantity": order.quantity} for order in orders}

    @api.model
    def _records(self, run, keys):
        orders = self.env["test.mfg.order"].sudo().search([("mfg_uuid", "in", list(keys))])
        return {order.mfg_uuid: order for order in orders}

    @api.model
    def _can(self, act, line):
        return act == "accept" and line.difference == "different"

    @api.model
    def _accept(self, line, reason):
        self.env[line.model].browse(line.res_id).quantity = line.values["quantity"]
