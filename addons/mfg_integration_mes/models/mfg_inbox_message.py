from odoo import models


class MfgInboxMessage(models.Model):
    _inherit = "mfg.inbox.message"

    def _mfg_matches(self, spec, cause):
        # That its report was rejected is no echo to the partner: it is our answer.
        if self.env.context.get("mfg_news"):
            spec = spec._replace(echo=True)
        return super()._mfg_matches(spec, cause)
