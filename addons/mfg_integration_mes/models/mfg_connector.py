from odoo import models

from .mfg_inbox_route import SHOP_FLOOR


class MfgConnector(models.Model):
    _inherit = "mfg.connector"

    def _service_user_groups(self):
        groups = super()._service_user_groups()
        if dict(SHOP_FLOOR).keys() & set(self.inbox_route_ids.mapped("handler")):
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
