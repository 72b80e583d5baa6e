from odoo import api, models

from .mfg_connector_local import BUILTIN, BUILTIN_KEY


class MfgLane(models.Model):
    """Each lane in use carries jobs of each company; that alone does not make it one in use."""

    _inherit = "mfg.lane"

    def _job_subscriptions(self):
        # sudo: those of all companies, and no manager's to change.
        return (
            self.env["mfg.subscription"]
            .sudo()
            .with_context(**{BUILTIN_KEY: BUILTIN})
            .search([("builtin", "=", True), ("lane_id", "in", self.ids)])
        )

    @api.model_create_multi
    def create(self, vals_list):
        lanes = super().create(vals_list)
        self.env["mfg.connector"]._ensure_builtin()
        return lanes

    def write(self, vals):
        if "active" not in vals:
            return super().write(vals)
        if not vals["active"]:
            # Refused below if jobs wait, as for every other message.
            self._job_subscriptions().write({"state": "retired"})
            return super().write(vals)
        result = super().write(vals)
        self._job_subscriptions().filtered(lambda s: s.state == "retired").write(
            {"state": "active"}
        )
        self.env["mfg.connector"]._ensure_builtin()
        return result

    def unlink(self):
        self._job_subscriptions().unlink()
        return super().unlink()
