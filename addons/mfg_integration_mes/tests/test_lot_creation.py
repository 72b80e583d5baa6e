import json

from odoo.tests import tagged

from .common import MesCase

UNKNOWN = "0192f3a0-0000-7000-8000-00000000dead"


@tagged("post_install", "-at_install")
class TestLotCreation(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lot_route = cls.route(cls.mes, "lot.creation.v1", handler="lot_creation")
        cls.paint = cls.make_product("Paint", "PAINT", tracking="lot")

    def make(self, lot="L-1", product="PAINT", **values):
        """Tell of a lot; the message as it is afterwards."""
        return self.send({"lot": lot, "product": product, **values}, route=self.lot_route)

    def made(self, *arguments, **values):
        message = self.make(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def refused(self, reason, pointer, *arguments, **values):
        message = self.make(*arguments, **values)
        self.assertEqual((message.state, message.reason_code), ("dead", reason), message.detail)
        self.assertIn(f"({pointer})", message.detail)

    def lots(self, product=None):
        product = product or self.paint
        return self.env["stock.lot"].search([("product_id", "=", product.id)], order="id")

    def test_made_once(self):
        self.assertEqual(self.made()["result"], "apply")
        self.assertEqual(self.made()["result"], "duplicate")
        self.assertEqual(self.made("L-2")["result"], "apply")
        self.assertEqual(self.lots().mapped("name"), ["L-1", "L-2"])
        self.assertEqual(self.lots().company_id, self.env.company)

    def test_never_merged_with_somebody_elses(self):
        self.make_lot(self.paint, "L-1")
        self.refused("conflict", "/lot")
        self.assertEqual(len(self.lots()), 1)
        other = self.connector(code="mes2", category="mes")
        route = self.route(other, "lot.creation.v1", handler="lot_creation")
        self.made("L-2")
        message = self.send({"lot": "L-2", "product": "PAINT"}, route=route)
        self.assertEqual(message.reason_code, "conflict")

    def test_the_same_number_of_another_product(self):
        self.make_product("Glue", "GLUE", tracking="lot")
        self.made("L-1", "PAINT")
        self.assertEqual(self.made("L-1", "GLUE")["result"], "apply")

    def test_assigned_to_its_order(self):
        order = self.make_simple_order(5, product=self.paint)
        answer = self.made(order=order.mfg_uuid)
        self.assertEqual(answer["order"], order.mfg_uuid)
        self.assertEqual(order.lot_producing_ids.name, "L-1")
        self.assertEqual(self.made(order=order.mfg_uuid)["result"], "duplicate")
        self.refused("conflict", "/lot", "L-2", order=order.mfg_uuid)
        self.assertEqual(self.lots().mapped("name"), ["L-1"], "nothing of it stays")
        self.booked(order, 1, 5, "finished", lot="L-1")
        self.assertEqual(order.state, "done")
        self.refused("closed_order", "/order", "L-3", order=order.mfg_uuid)

    def test_overtaken_by_its_report(self):
        order = self.make_simple_order(5, product=self.paint)
        self.booked(order, 1, 2, lot="L-1")
        self.assertEqual(self.made(order=order.mfg_uuid)["result"], "duplicate")
        self.booked(order, 2, 5, "finished", lot="L-1")
        self.assertEqual(order.state, "done")
        self.assertEqual(self.made(order=order.mfg_uuid)["result"], "duplicate")
        other = self.connector(code="mes2", category="mes")
        route = self.route(other, "lot.creation.v1", handler="lot_creation")
        message = self.send({"lot": "L-1", "product": "PAINT"}, route=route)
        self.assertEqual(message.reason_code, "conflict", "somebody else gave it out")

    def test_serials_add_up(self):
        drone = self.make_product("Drone", "DRONE", tracking="serial")
        order = self.make_simple_order(2, product=drone)
        self.made("S-1", "DRONE", order=order.mfg_uuid)
        self.made("S-2", "DRONE", order=order.mfg_uuid)
        self.assertEqual(order.lot_producing_ids.mapped("name"), ["S-1", "S-2"])

    def test_what_it_cannot_be_about(self):
        order = self.make_simple_order(5, product=self.paint)
        self.refused("unknown_reference", "/product", product="GHOST")
        self.refused("unknown_reference", "/order", order=UNKNOWN)
        self.refused("invalid_value", "/product", product="LEG")
        self.make_product("Glue", "GLUE", tracking="lot")
        self.refused("invalid_value", "/product", product="GLUE", order=order.mfg_uuid)
        self.refused("invalid_value", "/expires_at", expires_at="2027-01-01T00:00:00Z")
        self.assertFalse(self.lots())
