from odoo import fields, models


class MfgFlow(models.Model):
    _name = "mfg.flow"
    _description = "Integration flow"
    _order = "sequence, code"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    description = fields.Text(
        translate=True, help="Which business process this is, and between whom."
    )
    owner_id = fields.Many2one("res.users", string="Business owner")
    criticality = fields.Selection(
        [
            ("p1", "P1: production stops"),
            ("p2", "P2: same day"),
            ("p3", "P3: next day"),
            ("p4", "P4: reporting"),
        ],
        required=True,
        default="p2",
    )
    latency_class = fields.Selection(
        [
            ("real_time", "Real time"),
            ("near_real_time", "Near real time"),
            ("batch", "Batch"),
        ],
        required=True,
        default="real_time",
    )
    system_of_record = fields.Selection(
        [
            ("odoo", "Odoo"),
            ("partner", "Partner system"),
            ("shared", "By field (source-of-truth rules)"),
        ],
        required=True,
        default="odoo",
    )
    target_seconds = fields.Integer(
        string="Target time (s)",
        default=60,
        help="From the business change to the partner's answer.",
    )
    tolerance = fields.Float(
        string="Reconciliation tolerance", help="Differences up to this quantity are not reported."
    )
    recovery_rule = fields.Text(help="What people do when this flow is interrupted.")
    phase = fields.Char(string="Roadmap phase")
    lane_id = fields.Many2one("mfg.lane", string="Proposed lane", ondelete="restrict")
    retry_policy_id = fields.Many2one(
        "mfg.retry.policy", string="Proposed retry policy", ondelete="restrict"
    )
    event_type_ids = fields.One2many("mfg.event.type", "flow_id", string="Event types")

    _code_uniq = models.Constraint("UNIQUE (code)", "Another flow has this code.")
