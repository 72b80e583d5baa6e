"""A small plant, and a shop-floor system that reports to it."""

import json

from odoo import Command
from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.addons.mfg_integration_base.tools.schema import compile_schema

from ..models import mfg_production_payload as payload

EVENT_TYPES = (
    payload.RELEASED,
    payload.QUANTITY_CHANGED,
    payload.CANCELLED,
    payload.COMPLETED,
    payload.WORKORDER_STARTED,
    payload.WORKORDER_COMPLETED,
    payload.SCRAP_RECORDED,
    payload.REPORT_REJECTED,
    payload.DOWNTIME_STARTED,
    payload.DOWNTIME_ENDED,
    payload.DELIVERY_AT_RISK,
)


class MesCase(MfgCase):
    """Table = 2 legs + 1 top; sawing, then assembly, both on work centers of the shop floor.

    ``mes`` reports and is told nothing; ``listener`` is told everything, by ``capture_outbox``.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stock = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.env.company.id)], limit=1
        )
        cls.location = cls.stock.lot_stock_id
        cls.picking_type = cls.stock.manu_type_id
        cls.picking_type.create_backorder = "ask"
        cls.saw, cls.bench = cls.env["mrp.workcenter"].create(
            [
                {"name": "Saw", "code": "SAW", "mfg_owner_default": "mes"},
                {"name": "Bench", "code": "BENCH", "mfg_owner_default": "mes"},
            ]
        )
        cls.leg = cls.make_product("Leg", "LEG", stock=1000)
        cls.top = cls.make_product("Top", "TOP", stock=1000)
        cls.table = cls.make_product("Table", "TABLE")
        cls.bom = cls.make_bom(cls.table, [(cls.leg, 2), (cls.top, 1)], [cls.saw, cls.bench])
        cls.mes = cls.connector(code="mes", category="mes")
        cls.report_route = cls.route(cls.mes, "production.report.v1", handler="production_report")
        cls.listener = cls.connector(code="listener")
        cls.subscription(
            cls.listener, cls.env["mfg.event.type"].search([("code", "in", EVENT_TYPES)])
        )

    @classmethod
    def listen(cls, *codes):
        """Have ``listener`` told these as well, which ``EVENT_TYPES`` leave out."""
        types = cls.env["mfg.event.type"].search([("code", "in", codes)])
        assert len(types) == len(codes)
        cls.subscription(cls.listener, types)

    def nobody_listens(self):
        self.env["mfg.subscription"].search(
            [("connector_id", "=", self.listener.id)]
        ).state = "retired"

    # === Making things === #

    @classmethod
    def make_product(cls, name, code, *, stock=0, **vals):
        product = cls.env["product.product"].create(
            {"name": name, "default_code": code, "is_storable": True, **vals}
        )
        if stock:
            cls.put_in_stock(product, stock)
        return product

    @classmethod
    def put_in_stock(cls, product, quantity, lot=None):
        cls.env["stock.quant"]._update_available_quantity(
            product, cls.location, quantity, lot_id=lot
        )

    @classmethod
    def make_lot(cls, product, name):
        return cls.env["stock.lot"].create({"product_id": product.id, "name": name})

    @classmethod
    def make_bom(cls, product, components, workcenters=(), **vals):
        return cls.env["mrp.bom"].create(
            {
                "product_tmpl_id": product.product_tmpl_id.id,
                "product_qty": 1,
                "operation_ids": [
                    Command.create(
                        {
                            "name": f"On {workcenter.name}",
                            "workcenter_id": workcenter.id,
                            "time_cycle_manual": 10,
                            "sequence": sequence,
                        }
                    )
                    for sequence, workcenter in enumerate(workcenters, start=1)
                ],
                "bom_line_ids": [
                    Command.create({"product_id": component.id, "product_qty": quantity})
                    for component, quantity in components
                ],
                **vals,
            }
        )

    @classmethod
    def make_order(cls, product=None, quantity=10, *, confirm=True, assign=True, **vals):
        product = product or cls.table
        order = cls.env["mrp.production"].create(
            {"product_id": product.id, "product_qty": quantity, **vals}
        )
        if confirm:
            order.action_confirm()
            if assign:
                order.action_assign()
        return order

    @classmethod
    def make_simple_order(cls, quantity=10, *, product=None, components=None, **vals):
        """An order without operations, run by the shop floor."""
        cls.picking_type.mfg_owner_default = "mes"
        product = product or cls.make_product("Box", "BOX")
        cls.make_bom(product, components or [(cls.leg, 2), (cls.top, 1)], **vals)
        return cls.make_order(product, quantity)

    # === Reporting === #

    def report(self, target, sequence, good=0, status="progress", *, route=None, **values):
        """Report and book; the message as it is afterwards."""
        document = {
            "sequence": sequence,
            "good_total": good,
            "status": status,
            **values,
        }
        if target._name == "mrp.workorder":
            document |= {
                "workorder": target.mfg_uuid,
                "order": target.production_id.mfg_uuid,
            }
        else:
            document["order"] = target.mfg_uuid
        return self.send(document, route=route)

    def send(self, document, *, route=None):
        message = self.inbox(route or self.report_route, document)
        self.drain()
        return message

    def booked(self, *arguments, **values):
        """``report``, which has to be booked; the answer."""
        message = self.report(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def rejected(self, *arguments, **values):
        """``report``, which has to be rejected; the message."""
        message = self.report(*arguments, **values)
        self.assertEqual(message.state, "dead", message.result)
        return message

    @staticmethod
    def scrap(quantity, reason="crack", **values):
        """The two members of a report that say what was scrapped of the product."""
        return {
            "scrap_total": quantity,
            "scrap": [{"quantity": quantity, "reason": reason, **values}],
        }

    # === Looking === #

    def on_hand(self, product, location=None):
        return self.env["stock.quant"]._get_available_quantity(
            product, location or self.location, allow_negative=True
        ) + sum(
            self.env["stock.quant"]
            ._gather(product, location or self.location)
            .mapped("reserved_quantity")
        )

    def consumed(self, order):
        """``{internal reference: quantity}`` of the done component moves."""
        totals = {}
        for move in order.move_raw_ids.filtered(lambda m: m.state == "done"):
            code = move.product_id.default_code
            totals[code] = totals.get(code, 0) + move.quantity
        return totals

    def produced(self, order):
        return sum(
            order.move_finished_ids.filtered(
                lambda m: m.state == "done" and m.product_id == order.product_id
            ).mapped("quantity")
        )

    def backorder(self, order):
        return order.production_group_id.production_ids.filtered(
            lambda o: o.backorder_sequence > order.backorder_sequence
        )

    def events(self, capture, code):
        """Data of the captured events of one type; each is valid against its schema."""
        found = []
        for message in capture.messages.filtered(
            lambda m: m.connector_id == self.listener and m.event_type == code
        ):
            data = json.loads(message.event_data)
            event_type = self.env["mfg.event.type"].search([("code", "=", code)])
            problems = compile_schema(json.loads(event_type.schema)).errors(data)
            self.assertFalse(problems, f"{code}: {problems}")
            found.append(data)
        return found

    def types(self, capture):
        """Event types told to the listener, in order, without prefix and version."""
        return [
            message.event_type.removeprefix("mfg.production.").removesuffix(".v1")
            for message in capture.messages
            if message.connector_id == self.listener
        ]
