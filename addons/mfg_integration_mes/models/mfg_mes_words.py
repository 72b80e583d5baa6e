from collections import defaultdict
from decimal import Decimal

from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.tools.sql import escape_psql


class MfgMesWords(models.AbstractModel):
    """What a shop floor's words for products and units mean here."""

    _name = "mfg.mes.words"
    _description = "Shop-floor words"

    @api.model
    def _scrap(self, connector, order, lines):
        """``[(product, reason, lot name, quantity)]``, quantities in the product's unit."""
        resolved = []
        for (product_text, reason, lot), quantity in lines:
            product, uom = order.product_id, order.product_uom_id
            if product_text:
                product = self._product(connector, order, product_text, "/scrap")
                uom = product.uom_id
                if product == order.product_id:
                    raise BusinessReject(
                        "invalid_value",
                        self.env._("Scrap of the product itself is reported without product."),
                        "/scrap",
                    )
            resolved.append((product, reason, lot, uom.round(float(quantity))))
        return resolved

    @api.model
    def _consumption(self, order):
        """All that was reported for the order: ``{product: [(lot, Decimal)]}``, products' units."""
        totals = defaultdict(Decimal)
        for connector, (product_text, uom_text, lot), quantity in self._consumption_lines(order):
            product = self._product(connector, order, product_text, "/consumption")
            uom = self._uom(connector, product, uom_text)
            totals[product, lot] += _convert(quantity, uom, product.uom_id)
        consumption = defaultdict(list)
        for (product, lot), quantity in totals.items():
            consumption[product].append((lot, quantity))
        return dict(consumption)

    @api.model
    def _consumption_lines(self, order):
        """``(connector, (product, unit, lot), Decimal)`` of all that was reported for the order."""
        for row in order.mfg_progress_ids:
            for key, quantity in row._read_totals().consumption:
                yield row.connector_id, key, quantity

    @api.model
    def _product(self, connector, order, text, pointer):
        """By the partner's own id, our UUID, or the internal reference, components first."""
        product = self.env["mfg.external.ref"]._resolve(connector, "product.product", text)
        components = order.move_raw_ids.product_id
        for found in (
            product,
            components.filtered(lambda p: p.mfg_uuid == text.lower()),
            components.filtered(lambda p: p.default_code == text),
            self.env["product.product"].search(
                ["|", ("mfg_uuid", "=", text.lower()), ("default_code", "=", text)], limit=2
            ),
        ):
            if len(found) == 1:
                return found
            if found:
                raise BusinessReject(
                    "unknown_reference",
                    self.env._("Several products have the reference %s.", text),
                    pointer,
                )
        raise BusinessReject(
            "unknown_reference", self.env._("There is no product %s here.", text), pointer
        )

    @api.model
    def _uom(self, connector, product, text):
        if not text:
            return product.uom_id
        uom = self.env["mfg.external.ref"]._resolve(connector, "uom.uom", text)
        uom = uom or self.env["uom.uom"].with_context(lang="en_US").search(
            [("name", "=ilike", escape_psql(text))], limit=1
        )
        if not uom:
            raise BusinessReject(
                "unknown_reference", self.env._("There is no unit %s here.", text), "/consumption"
            )
        if not uom._has_common_reference(product.uom_id):
            raise BusinessReject(
                "invalid_value",
                self.env._(
                    "%(product)s is counted in %(unit)s, not in %(other)s.",
                    product=product.display_name,
                    unit=product.uom_id.name,
                    other=uom.name,
                ),
                "/consumption",
            )
        return uom

    @api.model
    def _workcenter(self, connector, text):
        """By the partner's own id, else the code."""
        return self._named(
            connector,
            "mrp.workcenter",
            text,
            [("code", "=", text), ("company_id", "in", (False, connector.company_id.id))],
            self.env._("There is no work center %s here.", text),
            "/workcenter",
        )

    @api.model
    def _loss_reason(self, connector, text):
        """By the partner's own id, else the English name; a reason that stops a work center."""
        reason = self._named(
            connector,
            "mrp.workcenter.productivity.loss",
            text,
            [("name", "=ilike", escape_psql(text))],
            self.env._("There is no loss reason %s here.", text),
            "/reason",
        )
        if reason.loss_type in ("productive", "performance"):
            raise BusinessReject(
                "invalid_value",
                self.env._("%s is no reason to stand still.", reason.name),
                "/reason",
            )
        return reason

    def _named(self, connector, model, text, domain, unknown, pointer):
        """What the partner calls ``text``, else the one record of the domain."""
        found = self.env["mfg.external.ref"]._resolve(connector, model, text)
        found = found or self.env[model].with_context(lang="en_US").search(domain, limit=2)
        if len(found) > 1:
            raise BusinessReject(
                "unknown_reference",
                self.env._("Several records have the name %s. Map your own id to one.", text),
                pointer,
            )
        if not found:
            raise BusinessReject("unknown_reference", unknown, pointer)
        return found.with_env(self.env)


def _convert(quantity, uom, to):
    """An exact quantity in another unit; exact still where the unit is the same."""
    if uom == to:
        return quantity
    return Decimal(repr(uom._compute_quantity(float(quantity), to, round=False)))
