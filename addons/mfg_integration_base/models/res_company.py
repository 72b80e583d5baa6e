from odoo import api, models


class ResCompany(models.Model):
    _inherit = "res.company"

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        self.env["mfg.connector"]._ensure_builtin()
        return companies

    def unlink(self):
        # sudo: who may delete a company need not be an integration manager.
        self.env["mfg.connector"].sudo().search(
            [("builtin", "=", True), ("company_id", "in", self.ids)]
        )._unlink_builtin()
        return super().unlink()
