from odoo import api, fields, models


class MfgExternalRef(models.Model):
    """Cross-reference: what a partner calls one of our records."""

    _name = "mfg.external.ref"
    _description = "External reference"
    _inherit = ["mfg.record.link"]
    _order = "connector_id, model, external_id"
    _rec_name = "external_id"

    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    model = fields.Char(required=True, help="Technical name, e.g. product.product")
    external_id = fields.Char(string="Partner's id", required=True)
    res_id = fields.Many2oneReference(string="Record", model_field="model", required=True)

    _external_uniq = models.Constraint(
        "UNIQUE (connector_id, model, external_id)",
        "This connector already maps that partner id for that model.",
    )
    _record_idx = models.Index("(model, res_id)")

    @api.model
    def _resolve(self, connector, model, external_id):
        """The record of ``model`` that ``connector`` calls ``external_id``, or an empty one."""
        ref = self.search(
            [
                ("connector_id", "=", connector.id),
                ("model", "=", model),
                ("external_id", "=", external_id),
            ]
        )
        return self.env[model].browse(ref.res_id).exists() if ref else self.env[model]
