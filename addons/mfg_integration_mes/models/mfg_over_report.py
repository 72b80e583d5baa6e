"""More than was ordered: within the tolerance it is booked, beyond it the company's rule says."""

from decimal import Decimal

from odoo import fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.exceptions import AccessError, UserError

from .mfg_inbox_route import PRODUCTION

APPROVER = "mfg_integration_base.group_approver"
WAITS = "awaiting_approval"


class ResCompany(models.Model):
    _inherit = "res.company"

    mfg_over_rule = fields.Selection(
        [("refuse", "Reject the report"), ("approve", "Wait for an approval")],
        string="More than ordered and its tolerance",
        required=True,
        default="refuse",
        help="An approver books the report as it is or cancels it with a reason, in the error "
        "queue.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    mfg_over_rule = fields.Selection(related="company_id.mfg_over_rule", readonly=False)


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    mfg_over_approved = fields.Float(
        string="Approved quantity",
        digits="Product Unit",
        readonly=True,
        copy=False,
        help="Good and scrapped pieces that an approver allowed on this order and its operations, "
        "beyond its quantity and tolerance.",
    )


class MfgInboxMessage(models.Model):
    _inherit = "mfg.inbox.message"

    def action_mfg_approve_over(self):
        """Allow what the report says on its order, and book it."""
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only approvers allow more than was ordered."))
        self.check_access("read")
        for message in self:
            message._mfg_approve_over()

    def _mfg_approve_over(self):
        if (self.state, self.reason_code) != ("dead", WAITS) or (
            self.route_id.handler not in PRODUCTION
        ):
            raise UserError(self.env._("This message does not wait for an approval."))
        handler = self.env["mfg.inbox.handler"]._mfg_resolve(self.route_id.handler)
        try:
            report = handler._read(handler._document_of(self))
        except BusinessReject as reject:
            raise UserError(reject.detail) from reject
        # sudo: an approver of the integration need not be a user of manufacturing. The message
        # names the order since it was rejected.
        order = self.env["mrp.production"].sudo().browse(self.record_id).exists()
        if self.record_model != order._name or not order:
            raise UserError(self.env._("The order of this report is gone."))
        workorder = order.workorder_ids.filtered(
            lambda w: report.workorder and w.mfg_uuid == report.workorder
        )
        made = handler._made(self.connector_id, order, workorder, report)
        made += handler._made_by_others(self.connector_id, order, workorder)
        before = Decimal(repr(order.mfg_over_approved))
        order._mfg_note({"mfg_over_approved": float(max(made, before))})
        order.message_post(
            body=self.env._(
                "%(user)s approved %(made)s %(uom)s good and scrap in all, as reported by "
                "%(connector)s.",
                user=self.env.user.name,
                made=f"{made.normalize():f}",
                uom=order.product_uom_id.name,
                connector=self.connector_id.name,
            )
        )
        self._retry_because(self.env._("Approved: more than ordered"))
