from odoo import models

from . import mfg_material_payload as payload


class MrpUnbuild(models.Model):
    _inherit = "mrp.unbuild"

    def _mfg_ordering_key(self):
        return self.mo_id._mfg_ordering_key() if self.mo_id else super()._mfg_ordering_key()

    def _mfg_plant(self):
        return self.mo_id._mfg_plant() if self.mo_id else super()._mfg_plant()

    def action_unbuild(self):
        # Not action_validate: it asks back where there is too little to take apart.
        result = super().action_unbuild()
        self._mfg_emit(payload.UNBUILT, payload.unbuilt)
        return result
