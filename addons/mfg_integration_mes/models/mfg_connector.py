from odoo import fields, models

from .mfg_inbox_route import SHOP_FLOOR


class MfgConnector(models.Model):
    _inherit = "mfg.connector"

    mfg_reconciliation_ids = fields.One2many("mfg.reconciliation", "connector_id")

    def _service_user_groups(self):
        groups = super()._service_user_groups()
        handlers = set(self.inbox_route_ids.mapped("handler"))
        # sudo: what is compared decides the rights, whoever sets up a route.
        compared = self.sudo().mfg_reconciliation_ids
        if dict(SHOP_FLOOR).keys() & handlers or compared:
            # What booking production needs, and what its own users have: no administrator's right.
            groups |= self.env.ref("mrp.group_mrp_user")
        return groups

    def _mfg_grant_service_user(self):
        """Give the service users the rights that their connector's routes need by now."""
        for connector in self:
            # sudo: who may configure a route need not be allowed to edit users. What is granted is
            # fixed by the route's handler.
            user = connector.service_user_id.sudo()
            user.group_ids |= connector._service_user_groups()
