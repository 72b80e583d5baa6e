"""From when on the shop floor's silence counts as late."""

from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    mfg_late_minutes = fields.Integer(
        string="Late after (minutes)",
        default=15,
        required=True,
        help="How long after its planned time a start or an end counts as late when the shop floor "
        "has said nothing.",
    )

    _mfg_late_positive = models.Constraint(
        "CHECK (mfg_late_minutes >= 0)", "Nothing is late before its time."
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    mfg_late_minutes = fields.Integer(related="company_id.mfg_late_minutes", readonly=False)
