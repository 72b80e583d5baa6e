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
    res_id = fields.Many2oneReference(string="Record id", model_field="model", required=True)
    record_ref = fields.Reference(
        selection="_mapped_models",
        string="Record",
        compute="_compute_record_ref",
        inverse="_inverse_record_ref",
        help="Chosen by its name; what it is first, then which.",
    )

    _external_uniq = models.Constraint(
        "UNIQUE (connector_id, model, external_id)",
        "This connector already maps that partner id for that model.",
    )
    _record_idx = models.Index("(model, res_id)")

    @api.model
    def _mapped_models(self):
        """``[(model, name)]`` of what people map; addons add theirs."""
        return []

    @api.model
    def _selection_of(self, names):
        """Entries of ``_mapped_models`` for those of the models that are installed."""
        # sudo: what a model is called is no secret.
        models = self.env["ir.model"].sudo()
        return [(name, models._get(name).name) for name in names if name in self.env]

    @api.depends("model", "res_id")
    def _compute_record_ref(self):
        known = dict(self._mapped_models())
        for ref in self:
            record = self._linked_records(ref.model, [ref.res_id] if ref.res_id else [])
            shown = record and ref.model in known
            ref.record_ref = f"{ref.model},{record.id}" if shown else False

    def _inverse_record_ref(self):
        for ref in self.filtered("record_ref"):
            ref.write({"model": ref.record_ref._name, "res_id": ref.record_ref.id})

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_record(vals) for vals in vals_list])

    @api.model
    def _with_record(self, vals):
        """Values with model and id of the chosen record, which have to be there from the start."""
        value = vals.get("record_ref") or ""
        if isinstance(value, models.BaseModel):
            value = f"{value._name},{value.id}"
        model, _comma, res_id = value.partition(",")
        if not res_id.isdigit():
            return vals
        vals = {name: value for name, value in vals.items() if name != "record_ref"}
        return vals | {"model": model, "res_id": int(res_id)}

    @api.model
    def _action_of(self, record):
        """The screen with what partners call ``record``, and where another name is added."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mfg_integration_base.mfg_external_ref_action"
        )
        return action | {
            "name": self.env._("What partners call %s", record.display_name),
            "domain": [("model", "=", record._name), ("res_id", "=", record.id)],
            "context": {
                "default_record_ref": f"{record._name},{record.id}",
                "default_model": record._name,
                "default_res_id": record.id,
            },
        }

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
