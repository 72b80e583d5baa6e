from odoo import api, models

from ..const import JOB_EVENT_TYPE
from ..exceptions import UnknownEventType


class MfgEventType(models.Model):
    _inherit = "mfg.event.type"

    @api.model
    def _lookup(self, code):
        if code == JOB_EVENT_TYPE:
            # Its data says what is called and as whom: nothing but _mfg_enqueue may write it.
            raise UnknownEventType(
                self.env._("Jobs are put on the queue by _mfg_enqueue, and never emitted.")
            )
        return super()._lookup(code)
