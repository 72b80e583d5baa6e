from odoo import api, fields, models

KINDS = [
    ("workorder", "Operation"),
    ("production", "Production order"),
    ("component", "Component"),
    ("delivery", "Delivery"),
]


class MfgDowntimeImpact(models.Model):
    """What one downtime moved, from when to when."""

    _name = "mfg.downtime.impact"
    _description = "Effect of a downtime"
    _inherit = ["mfg.record.link"]
    _order = "downtime_id desc, at_risk desc, kind desc, before, id"
    _rec_name = "name"

    downtime_id = fields.Many2one(
        "mfg.downtime", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="downtime_id.company_id", store=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    name = fields.Char(required=True, readonly=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="model", required=True, readonly=True
    )
    production_id = fields.Many2one(
        "mrp.production", string="Order", readonly=True, ondelete="cascade", index=True
    )
    product_id = fields.Many2one("product.product", readonly=True, ondelete="cascade")
    quantity = fields.Float(digits="Product Unit", readonly=True, aggregator=None)
    before_start = fields.Datetime(string="Planned start", readonly=True)
    before = fields.Datetime(
        string="Planned",
        readonly=True,
        help="Before this downtime: the planned end; of a component, when it is needed.",
    )
    workcenter_before_id = fields.Many2one(
        "mrp.workcenter", string="Planned on", readonly=True, ondelete="set null"
    )
    after_start = fields.Datetime(string="New start", readonly=True)
    after = fields.Datetime(string="Now", readonly=True)
    workcenter_after_id = fields.Many2one(
        "mrp.workcenter", string="Now on", readonly=True, ondelete="set null"
    )
    promised_at = fields.Datetime(string="Promised", readonly=True)
    hours = fields.Float(
        string="Later by (h)", compute="_compute_hours", store=True, aggregator=None
    )
    at_risk = fields.Boolean(readonly=True, help="It is expected later than promised.")
    undone = fields.Boolean(string="Over", readonly=True, help="The work center runs again.")

    _record_uniq = models.Constraint(
        "UNIQUE (downtime_id, model, res_id)", "A downtime moves a record once."
    )

    @api.depends("before", "after")
    def _compute_hours(self):
        for impact in self:
            both = impact.before and impact.after
            span = (impact.after - impact.before).total_seconds() if both else 0
            impact.hours = round(span / 3600, 2)


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    mfg_risk_ids = fields.One2many(
        "mfg.downtime.impact",
        "production_id",
        domain=[("kind", "=", "production"), ("at_risk", "=", True)],
        string="Risks",
    )
    mfg_at_risk = fields.Boolean(
        string="At risk",
        compute="_compute_mfg_risk",
        store=True,
        help="A downtime delays it beyond its deadline.",
    )
    mfg_expected_at = fields.Datetime(string="Expected", compute="_compute_mfg_risk", store=True)

    @api.depends("mfg_risk_ids.at_risk", "mfg_risk_ids.after", "state")
    def _compute_mfg_risk(self):
        for order in self:
            open_risks = order.mfg_risk_ids.filtered("at_risk")
            if order.state in ("done", "cancel"):
                open_risks = open_risks.browse()
            order.mfg_at_risk = bool(open_risks)
            order.mfg_expected_at = max(open_risks.mapped("after"), default=False)
