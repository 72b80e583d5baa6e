from odoo import models


class StockLot(models.Model):
    """Who gave out a number: a connector's own are kept as its external references."""

    _inherit = "stock.lot"

    def _mfg_partner_id(self):
        """What the connector that gave out the number calls it: numbers are per product."""
        return f"{self.product_id.mfg_uuid}/{self.name}"

    def _mfg_note_maker(self):
        """These were made because of a message: its connector gave them out."""
        cause = self._mfg_cause()
        if not cause:
            return
        # sudo: a service user does not edit cross-references; this says what it has just made.
        self.env["mfg.external.ref"].sudo().create(
            [
                {
                    "connector_id": cause.connector_id,
                    "model": self._name,
                    "external_id": lot._mfg_partner_id(),
                    "res_id": lot.id,
                }
                for lot in self
            ]
        )

    def _mfg_is_made_by(self, connector):
        self.ensure_one()
        refs = self.env["mfg.external.ref"]
        return refs._resolve(connector, self._name, self._mfg_partner_id()) == self
