import json
from collections import defaultdict

from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.snapshot_compare import Fact
from odoo.exceptions import UserError

from .mfg_reconciliation import QUANTITY, TEXT


class MfgReconciliationStock(models.AbstractModel):
    """What lies where, by lot: the locations that the partner's rows name, in full."""

    _name = "mfg.reconciliation.kind.stock"
    _inherit = ["mfg.reconciliation.kind"]
    _description = "Comparison of stock"

    @api.model
    def _row_schema(self):
        return {
            "type": "object",
            "required": ["product", "location", "quantity"],
            "additionalProperties": False,
            "properties": {
                "product": TEXT,
                "location": TEXT,
                "lot": TEXT,
                "quantity": QUANTITY,
            },
        }

    @api.model
    def _facts(self):
        return {"quantity": Fact(self.env._("Quantity"), "quantity")}

    @api.model
    def _there(self, run, row, pointer):
        product = self._product(run, row["product"])
        location = self._location(run, row["location"])
        # What is not known here stays the partner's text: the row is missing here, and shows it.
        key = _key(
            location.id if location else row["location"],
            product.id if product else row["product"],
            row.get("lot"),
        )
        return key, {"quantity": row["quantity"]}

    def _product(self, run, text):
        try:
            return self.env["mfg.mes.words"]._product(
                run.connector_id, self.env["mrp.production"], text, ""
            )
        except BusinessReject:
            return None

    def _location(self, run, text):
        """By the partner's own id, the barcode, or the full name; inside this company."""
        location = self.env["mfg.external.ref"]._resolve(run.connector_id, "stock.location", text)
        domain = [("usage", "=", "internal"), ("company_id", "in", (False, run.company_id.id))]
        for found in (
            location,
            location.search([*domain, ("barcode", "=", text)], limit=2),
            location.search([*domain, ("complete_name", "=", text)], limit=2),
        ):
            if len(found) == 1:
                return found
        return None

    @api.model
    def _here(self, run, there):
        keys = [_split(key) for key in there]
        locations = {location for location, product, _lot in keys if location}
        quantities = defaultdict(float)
        quants = self.env["stock.quant"].search([("location_id", "in", list(locations))])
        for quant in quants:
            key = _key(quant.location_id.id, quant.product_id.id, quant.lot_id.name)
            quantities[key] += quant.quantity
        for location, product, lot in keys:
            if location and product:
                quantities.setdefault(_key(location, product, lot), 0.0)
        products = self.env["product.product"].browse({_split(key)[1] for key in quantities})
        uoms = {product.id: product.uom_id for product in products}
        return {
            key: {"quantity": uoms[_split(key)[1]].round(quantity)}
            for key, quantity in quantities.items()
        }

    @api.model
    def _expected(self, run, keys):
        return keys

    @api.model
    def _records(self, run, keys):
        wanted = {key: _split(key) for key in keys}
        quants = self.env["stock.quant"].search(
            [("location_id", "in", [location for location, _p, _l in wanted.values() if location])]
        )
        by_key = {
            _key(quant.location_id.id, quant.product_id.id, quant.lot_id.name): quant
            for quant in quants
        }
        return {key: by_key[key] for key in keys if key in by_key}

    @api.model
    def _name_of(self, run, key, record):
        location, product, lot = json.loads(key)
        if isinstance(location, int):
            location = self.env["stock.location"].browse(location).complete_name
        if isinstance(product, int):
            product = self.env["product.product"].browse(product).display_name
        parts = [product, lot, location]
        return ", ".join(part for part in parts if part)

    @api.model
    def _under_way(self, run, keys):
        """Rows that moved in Odoo since the partner counted."""
        found = super()._under_way(run, keys)
        wanted = {key: _split(key) for key in keys}
        locations = [location for location, _p, _l in wanted.values() if location]
        lines = self.env["stock.move.line"].search(
            [
                ("state", "=", "done"),
                ("move_id.write_date", ">", run.as_of),
                ("product_id", "in", [product for _l, product, _t in wanted.values() if product]),
                "|",
                ("location_id", "in", locations),
                ("location_dest_id", "in", locations),
            ]
        )
        for line in lines:
            for location in (line.location_id, line.location_dest_id):
                key = _key(location.id, line.product_id.id, line.lot_id.name)
                if key in wanted:
                    found[key] = "in_flight"
        return found

    # === Accept theirs === #

    @api.model
    def _can(self, act, line):
        location, product, _lot = _split(line.key)
        if act == "accept":
            return bool(location and product) and line.difference != "missing_here"
        return super()._can(act, line)

    @api.model
    def _accept(self, line, reason):
        """Correct the stock to the partner's count, by an inventory adjustment with the reason."""
        location, product, lot_name = _split(line.key)
        product = self.env["product.product"].browse(product)
        lot = self.env["stock.lot"]
        if lot_name:
            lot = lot.search([("product_id", "=", product.id), ("name", "=", lot_name)], limit=1)
            if not lot:
                raise UserError(
                    self.env._("%s: create the lot first, then accept the quantity.", line.name)
                )
        quants = self.env["stock.quant"].with_context(
            inventory_mode=True, inventory_name=f"{line.connector_id.name}: {reason}"
        )
        quant = quants.create(
            {
                "product_id": product.id,
                "location_id": location,
                "lot_id": lot.id,
                "inventory_quantity": (line.values or {}).get("quantity", 0.0),
            }
        )
        quant.action_apply_inventory()


def _key(location, product, lot):
    return canonical_json([location, product, lot or ""])


def _split(key):
    """``(location id or None, product id or None, lot name)``."""
    location, product, lot = json.loads(key)
    return (
        location if isinstance(location, int) else None,
        product if isinstance(product, int) else None,
        lot,
    )
