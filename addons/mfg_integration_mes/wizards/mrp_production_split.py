from odoo import models


class MrpProductionSplit(models.TransientModel):
    _inherit = "mrp.production.split"

    def action_split(self):
        # The parts get their dates after they were made: they are told when those are known.
        group = self.production_id.production_group_id
        result = super(MrpProductionSplit, self.with_context(mfg_release_later=True)).action_split()
        group.production_ids.with_context(mfg_release_later=False)._mfg_release()
        return result
