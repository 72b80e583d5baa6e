from odoo import models

from ..models.reported import RELEASE_LATER


class MrpProductionSplit(models.TransientModel):
    _inherit = "mrp.production.split"

    def action_split(self):
        # The parts get their dates after they were made: they are told when those are known.
        group = self.production_id.production_group_id
        later = self.with_context(mfg_release_later=RELEASE_LATER)
        result = super(MrpProductionSplit, later).action_split()
        group.production_ids._mfg_release()
        return result
