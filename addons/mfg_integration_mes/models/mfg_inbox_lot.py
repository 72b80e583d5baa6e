from datetime import timezone

from odoo import Command, api, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools import rfc3339
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools.lot import SCHEMA


class MfgInboxLot(models.AbstractModel):
    """Makes lots and serial numbers that the shop floor has given out.

    A number that is here already is refused, never merged: two systems may have given out the same.
    Which numbers a connector made is kept as its external references.
    """

    _name = "mfg.inbox.handler.lot_creation"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: lot or serial number"

    @api.model
    def _schema(self):
        return dict(SCHEMA)

    @api.model
    def _ordering_key(self, document):
        """With the reports of its order, else with the other messages about that number."""
        if not isinstance(document, dict):
            return None
        order, lot = document.get("order"), document.get("lot")
        if isinstance(order, str):
            return f"mrp.production:{order.lower()}"
        return f"stock.lot:{lot}" if isinstance(lot, str) else None

    @api.model
    def _handle(self, *, message, document):
        connector = message.connector_id
        order = self._target(document)
        product = self.env["mfg.mes.words"]._product(
            connector, order, document["product"], "/product"
        )
        self._check_product(order, product)
        lot, is_new = self._lot(connector, product, document)
        message._link_record(lot)
        # A number that the order has already may come late: its report can have overtaken it.
        if order and lot not in order.lot_producing_ids:
            self._assign(order, lot)
        answer = {
            "result": "apply" if is_new else "duplicate",
            "lot": lot.name,
            "product": product.mfg_uuid,
            "order": order.mfg_uuid or None,
        }
        return Delivered(response=canonical_json(answer))

    def _target(self, document):
        order = self.env["mrp.production"]
        if not document.get("order"):
            return order
        order = order.search([("mfg_uuid", "=", document["order"].lower())])
        if not order.mfg_released_at:
            raise BusinessReject(
                "unknown_reference",
                self.env._("There is no released production order %s here.", document["order"]),
                "/order",
            )
        order._mfg_lock()
        return order

    def _check_product(self, order, product):
        if product.tracking == "none":
            raise BusinessReject(
                "invalid_value",
                self.env._("%s is tracked neither by lot nor by serial.", product.display_name),
                "/product",
            )
        if order and product != order.product_id:
            raise BusinessReject(
                "invalid_value",
                self.env._(
                    "%(order)s makes %(own)s, not %(product)s.",
                    order=order.name,
                    own=order.product_id.display_name,
                    product=product.display_name,
                ),
                "/product",
            )

    def _lot(self, connector, product, document):
        """``(lot, whether it was made now)``."""
        company = connector.company_id
        found = self.env["stock.lot"].search(
            [
                ("name", "=", document["lot"]),
                ("product_id", "=", product.id),
                ("company_id", "in", (False, company.id)),
            ],
            limit=1,
        )
        if found:
            if found._mfg_is_made_by(connector):
                return found, False
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%(product)s has a lot %(lot)s already, which somebody else made.",
                    product=product.display_name,
                    lot=document["lot"],
                ),
                "/lot",
            )
        vals = {"name": document["lot"], "product_id": product.id, "company_id": company.id}
        lot = self.env["stock.lot"].create(vals | self._expiration(product, document))
        lot._mfg_note_maker()
        return lot, True

    def _expiration(self, product, document):
        if "expires_at" not in document:
            return {}
        # The fields come with product_expiry.
        if "use_expiration_date" not in product._fields or not product.use_expiration_date:
            raise BusinessReject(
                "invalid_value",
                self.env._("%s has no expiration date.", product.display_name),
                "/expires_at",
            )
        try:
            moment = rfc3339.parse(document["expires_at"])
        except ValueError as error:
            raise BusinessReject("invalid_value", str(error), "/expires_at") from error
        naive = moment.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
        return {"expiration_date": naive}

    def _assign(self, order, lot):
        if order.state in ("done", "cancel"):
            raise BusinessReject(
                "closed_order", self.env._("%s takes no more lots.", order.name), "/order"
            )
        if order.product_tracking == "lot" and order.lot_producing_ids:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%(order)s is produced into lot %(lot)s. An order takes one lot.",
                    order=order.name,
                    lot=order.lot_producing_ids.name,
                ),
                "/lot",
            )
        order.lot_producing_ids = [Command.link(lot.id)]
