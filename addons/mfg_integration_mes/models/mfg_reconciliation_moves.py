import json
from collections import defaultdict

from odoo import api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.snapshot_compare import Fact

from .mfg_reconciliation import QUANTITY, TEXT, UUID


class MfgReconciliationMoves(models.AbstractModel):
    """What closed orders took out of stock and put into it, by product and lot."""

    _name = "mfg.reconciliation.kind.production_moves"
    _inherit = ["mfg.reconciliation.orders", "mfg.reconciliation.kind"]
    _description = "Comparison of consumed and produced quantities"

    @api.model
    def _row_schema(self):
        return {
            "type": "object",
            "required": ["order", "product"],
            "additionalProperties": False,
            "anyOf": [{"required": ["consumed"]}, {"required": ["produced"]}],
            "properties": {
                "order": UUID,
                "product": TEXT,
                "lot": TEXT,
                "consumed": QUANTITY,
                "produced": QUANTITY,
            },
        }

    @api.model
    def _facts(self):
        return {
            "consumed": Fact(self.env._("Consumed"), "quantity"),
            "produced": Fact(self.env._("Produced"), "quantity"),
        }

    @api.model
    def _there(self, run, row, pointer):
        order = self._by_uuid("mrp.production", [row["order"].lower()]).get(row["order"].lower())
        product = row["product"]
        if order:
            product = self._product(run, order, product)
        facts = {name: row[name] for name in ("consumed", "produced") if name in row}
        return _key(row["order"].lower(), product, row.get("lot")), facts

    def _product(self, run, order, text):
        try:
            product = self.env["mfg.mes.words"]._product(run.connector_id, order, text, "")
        except BusinessReject:
            return text  # an unknown word is not ours: the row is missing here, and shows it
        return product.mfg_uuid

    @api.model
    def _here(self, run, there):
        asked = {_split(key)[0] for key in there}
        reported = self.env["mfg.mes.progress"].search(
            [
                ("connector_id", "=", run.connector_id.id),
                ("production_id.state", "=", "done"),
                ("production_id.date_finished", ">=", run.since),
            ]
        )
        orders = reported.production_id | self._orders(
            run, [("mfg_uuid", "in", list(asked)), ("state", "=", "done")]
        )
        here = defaultdict(lambda: {"consumed": 0.0, "produced": 0.0})
        for order in orders:
            for line, fact, sign in self._lines(order):
                key = _key(order.mfg_uuid, line.product_id.mfg_uuid, line.lot_id.name)
                here[key][fact] += sign * line.quantity_product_uom
                here[key]["uom"] = line.product_id.uom_id
        return {
            key: {
                name: row["uom"].round(row[name]) + 0.0  # no negative zero
                for name in ("consumed", "produced")
            }
            for key, row in here.items()
        }

    def _lines(self, order):
        """``(move line, fact, sign)`` of all that the order moved.

        Pieces that were produced and then scrapped are not produced in the end; components that
        were scrapped left the stock by a move of their own, and are no consumption.
        """
        done = order.move_raw_ids.filtered(lambda m: m.state == "done" and not m.scrap_id)
        for line in done.move_line_ids:
            yield line, "consumed", 1
        made = order.move_finished_ids.filtered(lambda m: m.state == "done" and not m.scrap_id)
        for line in made.move_line_ids:
            yield line, "produced", 1
        scraps = order._mfg_finished_scraps().move_ids.filtered(lambda m: m.state == "done")
        for line in scraps.move_line_ids:
            yield line, "produced", -1

    @api.model
    def _expected(self, run, keys):
        return keys

    @api.model
    def _records(self, run, keys):
        orders = self._by_uuid("mrp.production", {_split(key)[0] for key in keys})
        return {key: orders[uuid] for key in keys if (uuid := _split(key)[0]) in orders}

    @api.model
    def _name_of(self, run, key, record):
        order, product, lot = _split(key)
        found = self._by_uuid("product.product", [product]).get(product)
        parts = [record.name if record else order, found.display_name if found else product, lot]
        return ", ".join(part for part in parts if part)

    @api.model
    def _under_way(self, run, keys):
        """As messages say; and what is booked when the order closes."""
        return {
            **{
                key: "in_flight"
                for key, order in self._records(run, keys).items()
                if order.state not in ("done", "cancel")
            },
            **super()._under_way(run, keys),
        }


def _key(order, product, lot):
    return canonical_json([order, product, lot or ""])


def _split(key):
    return tuple(json.loads(key))
