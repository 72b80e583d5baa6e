from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject


class MfgMesConsumption(models.Model):
    """What a connector says that an order has taken, apart from its production reports."""

    _name = "mfg.mes.consumption"
    _description = "Consumed components"
    _order = "production_id desc, connector_id"
    _rec_name = "production_id"

    connector_id = fields.Many2one("mfg.connector", required=True, readonly=True, index=True)
    production_id = fields.Many2one(
        "mrp.production",
        string="Order",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    sequence = fields.Integer(string="Number", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True, help="SHA-256 of the message's content.")
    lines = fields.Json(readonly=True, help="Exact totals by product, unit and lot.")
    message_uuid = fields.Char(string="Message", readonly=True)

    _target_uniq = models.Constraint(
        "UNIQUE (connector_id, production_id)", "There is already a row for that order."
    )

    @api.model
    def _find(self, connector, order):
        return self.search([("connector_id", "=", connector.id), ("production_id", "=", order.id)])

    def _apply(self, connector, order, consumption):
        """:param consumption: ``tools.consumption.Consumption``"""
        cause = self._mfg_cause()
        vals = {
            "sequence": consumption.sequence,
            "digest": consumption.digest,
            "lines": [[*key, str(quantity)] for key, quantity in consumption.lines],
            "message_uuid": cause.message_uuid if cause else False,
        }
        if self:
            self.write(vals)
            return self
        return self.create(
            {
                "connector_id": connector.id,
                "production_id": order.id,
                "company_id": order.company_id.id,
                **vals,
            }
        )

    def _read_lines(self):
        """``[((product, unit, lot), Decimal)]``"""
        return [(tuple(key), Decimal(quantity)) for *key, quantity in self.lines or ()]


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    mfg_consumption_ids = fields.One2many("mfg.mes.consumption", "production_id", readonly=True)

    def _mfg_check_one_source(self, of_reports):
        """Components of one order are named by its reports or by messages of their own.

        Both together: nobody could say whether they add up or mean the same.

        :param of_reports: whether a report names some now
        :raises BusinessReject: the other way was taken before
        """
        if of_reports and self.mfg_consumption_ids:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "The components of %s are told in messages of their own: its reports may not "
                    "name any.",
                    self.name,
                ),
                "/consumption",
            )
        reported = self.mfg_progress_ids.filtered(lambda row: row._read_totals().consumption)
        if not of_reports and reported:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "The reports of %s name its components: they may not be told in messages of "
                    "their own.",
                    self.name,
                ),
                "/consumption",
            )


class MfgMesWords(models.AbstractModel):
    _inherit = "mfg.mes.words"

    @api.model
    def _consumption_lines(self, order):
        yield from super()._consumption_lines(order)
        for row in order.mfg_consumption_ids:
            for key, quantity in row._read_lines():
                yield row.connector_id, key, quantity
