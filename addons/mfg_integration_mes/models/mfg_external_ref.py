from odoo import api, models

MAPPED = (
    "product.product",
    "mrp.workcenter",
    "mrp.workcenter.productivity.loss",
    "uom.uom",
    "stock.location",
)
"""What a shop floor has its own words for, see ``mfg.mes.words``."""


class MfgExternalRef(models.Model):
    _inherit = "mfg.external.ref"

    @api.model
    def _mapped_models(self):
        return super()._mapped_models() + self._selection_of(MAPPED)


class MrpWorkcenter(models.Model):
    _inherit = "mrp.workcenter"

    def action_mfg_external_refs(self):
        """What partners call this work center."""
        self.ensure_one()
        return self.env["mfg.external.ref"]._action_of(self)


class ProductProduct(models.Model):
    _inherit = "product.product"

    def action_mfg_external_refs(self):
        """What partners call this product."""
        self.ensure_one()
        return self.env["mfg.external.ref"]._action_of(self)


class ProductTemplate(models.Model):
    _inherit = "product.template"

    def action_mfg_external_refs(self):
        """What partners call the variants of this product."""
        self.ensure_one()
        variants = self.product_variant_ids
        action = self.env["mfg.external.ref"]._action_of(variants[:1] or self)
        return action | {
            "domain": [("model", "=", variants._name), ("res_id", "in", variants.ids)],
        }
