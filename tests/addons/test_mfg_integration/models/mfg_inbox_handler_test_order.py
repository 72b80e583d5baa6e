import json

from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry

SCHEMA = {
    "type": "object",
    "required": ["order", "quantity"],
    "properties": {
        "order": {"type": "string"},
        "quantity": {"type": "number", "exclusiveMinimum": 0},
        "then": {"enum": ["reject", "return_reject", "retry", "raise", "emit", "nonsense"]},
    },
    "additionalProperties": False,
}


class MfgInboxHandlerTestOrder(models.AbstractModel):
    """Books a quantity on an order, then does what the document tells it to.

    Whatever ``then`` says comes after the booking, so that a test sees whether it is undone.
    """

    _name = "mfg.inbox.handler.test_order"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler for tests"

    @api.model
    def _schema(self):
        return SCHEMA

    @api.model
    def _ordering_key(self, document):
        return document["order"]

    @api.model
    def _handle(self, *, message, document):
        order = self.env["test.mfg.order"].search([("mfg_uuid", "=", document["order"])])
        if not order:
            raise BusinessReject("unknown_reference", "No order has this UUID.", "/order")
        order.book(document["quantity"])
        then = document.get("then")
        if then == "reject":
            raise BusinessReject("closed_order", "The order is closed.", "/order")
        if then == "return_reject":
            return Reject("closed_order", "The order is closed.")
        if then == "retry":
            return Retry("server_error", "Not now.")
        if then == "raise":
            raise ZeroDivisionError("a fault in the handler")
        if then == "nonsense":
            return "booked"
        if then == "emit":
            order.action_change(order.quantity)
        return Delivered(response=json.dumps({"booked": order.booked}))

    @api.model
    def _rejected(self, *, message, outcome):
        """Shows that a rejection can be told in the transaction that buries the message."""
        order = self.env["test.mfg.order"].search([("mfg_uuid", "=", message.ordering_key)])
        order._mfg_emit(
            "mfg.test.order.refused.v1", {"reason": outcome.reason, "message": message.uuid}
        )
