from odoo import fields, models


class MfgInboxRoute(models.Model):
    _inherit = "mfg.inbox.route"

    handler = fields.Selection(
        selection_add=[("test_order", "Test: book on an order")], ondelete={"test_order": "cascade"}
    )
