from functools import partial

from odoo import api, models

from . import mfg_maintenance_payload as payload


class MaintenanceRequest(models.Model):
    """What partners are told of the maintenance of machines."""

    _name = "maintenance.request"
    _inherit = ["maintenance.request", "mfg.uuid.mixin"]

    @api.model_create_multi
    def create(self, vals_list):
        requests = super().create(vals_list)
        requests._mfg_emit(payload.CREATED, payload.created)
        return requests

    def write(self, vals):
        before = {r: r.stage_id for r in self} if "stage_id" in vals else {}
        result = super().write(vals)
        self.filtered(lambda r: r in before and r.stage_id != before[r])._mfg_emit(
            payload.STAGE_CHANGED, partial(payload.stage_changed, before=before)
        )
        return result

    def _mfg_workcenters(self):
        """Work centers whose machine it is about."""
        if not self.equipment_id:
            return self.env["mrp.workcenter"]
        return self.env["mrp.workcenter"].search([("mfg_equipment_id", "=", self.equipment_id.id)])
