from datetime import timezone

from odoo import api, fields, models


class MfgMesLabor(models.Model):
    """One time that somebody worked on an operation, as the shop floor reported it."""

    _name = "mfg.mes.labor"
    _description = "Labor time"
    _order = "started_at desc, id desc"
    _rec_name = "operator"

    connector_id = fields.Many2one("mfg.connector", required=True, readonly=True, index=True)
    workorder_id = fields.Many2one(
        "mrp.workorder",
        string="Operation",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    production_id = fields.Many2one(
        related="workorder_id.production_id", string="Order", store=True, index=True
    )
    workcenter_id = fields.Many2one(related="workorder_id.workcenter_id", store=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    operator = fields.Char(required=True, readonly=True)
    started_at = fields.Datetime(
        string="Start", readonly=True, help="Empty: all times of this operator were withdrawn."
    )
    ended_at = fields.Datetime(string="End", readonly=True)
    minutes = fields.Float(compute="_compute_minutes", store=True, digits=(16, 2))
    sequence = fields.Integer(string="Number", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True, help="SHA-256 of the message's content.")
    message_uuid = fields.Char(string="Message", readonly=True)

    @api.depends("started_at", "ended_at")
    def _compute_minutes(self):
        for labor in self:
            spent = labor.started_at and labor.ended_at - labor.started_at
            labor.minutes = spent.total_seconds() / 60 if spent else 0.0

    @api.model
    def _find(self, connector, workorder, operator):
        """All times of an operator on an operation, as last reported."""
        return self.search(
            [
                ("connector_id", "=", connector.id),
                ("workorder_id", "=", workorder.id),
                ("operator", "=", operator),
            ]
        )

    def _replace(self, connector, workorder, labor):
        """Put what ``labor`` (``tools.labor.Labor``) says in place of these."""
        cause = self._mfg_cause()
        common = {
            "connector_id": connector.id,
            "workorder_id": workorder.id,
            "company_id": workorder.company_id.id,
            "operator": labor.operator,
            "sequence": labor.sequence,
            "digest": labor.digest,
            "message_uuid": cause.message_uuid if cause else False,
        }
        times = [(_naive(start), _naive(end)) for start, end in labor.entries]
        # Without any time a row stays: its number has to be known.
        rows = [
            {**common, "started_at": start, "ended_at": end}
            for start, end in times or [(False, False)]
        ]
        # sudo: nobody deletes labor times; they are replaced by what the shop floor says now.
        self.sudo().unlink()
        return self.create(rows)


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    mfg_labor_ids = fields.One2many("mfg.mes.labor", "production_id", readonly=True)
    mfg_labor_minutes = fields.Float(
        string="Labor (minutes)", compute="_compute_mfg_labor_minutes", digits=(16, 1)
    )

    @api.depends("mfg_labor_ids.minutes")
    def _compute_mfg_labor_minutes(self):
        for order in self:
            order.mfg_labor_minutes = sum(order.mfg_labor_ids.mapped("minutes"))

    def action_mfg_labor(self):
        """The labor times of this order."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mfg_integration_mes.mfg_mes_labor_action"
        )
        return action | {"domain": [("production_id", "=", self.id)], "context": {}}


def _naive(moment):
    return moment.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
