import json

from odoo.tests import tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestConsumption(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.consumption_route = cls.route(
            cls.mes, "material.consumption.v1", handler="material_consumption"
        )

    def take(self, order, sequence, **quantities):
        document = {
            "order": order.mfg_uuid,
            "sequence": sequence,
            "consumption": [
                {"product": code, "quantity": quantity} for code, quantity in quantities.items()
            ],
        }
        return self.send(document, route=self.consumption_route)

    def taken(self, *arguments, **values):
        message = self.take(*arguments, **values)
        self.assertEqual(message.state, "done", f"{message.reason_code}: {message.detail}")
        return json.loads(message.result)

    def test_exactly_what_was_taken(self):
        order = self.make_simple_order()
        self.taken(order, 1, LEG=12, TOP=5)
        self.booked(order, 1, 5)
        self.taken(order, 2, LEG=21, TOP=9)
        self.booked(order, 2, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 21, "TOP": 9})
        self.assertEqual((self.on_hand(self.leg), self.on_hand(self.top)), (979, 991))

    def test_what_is_not_named_is_not_consumed(self):
        order = self.make_simple_order()
        self.taken(order, 1, LEG=20)
        self.booked(order, 1, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 20})

    def test_returned(self):
        order = self.make_simple_order()
        self.taken(order, 1, LEG=30, TOP=10)
        self.taken(order, 2, LEG=22, TOP=10)
        self.booked(order, 1, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 22, "TOP": 10})

    def test_late_and_repeated(self):
        order = self.make_simple_order()
        self.taken(order, 2, LEG=20, TOP=10)
        self.assertEqual(self.taken(order, 1, LEG=10)["result"], "stale")
        self.assertEqual(self.taken(order, 2, LEG=20, TOP=10)["result"], "duplicate")
        self.assertEqual(self.take(order, 2, LEG=19).reason_code, "conflict")
        self.booked(order, 1, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10})
        self.assertEqual(self.taken(order, 2, LEG=20, TOP=10)["result"], "duplicate")
        self.assertEqual(self.take(order, 3, LEG=21, TOP=10).reason_code, "closed_order")

    def test_one_source_for_an_order(self):
        order = self.make_simple_order()
        self.taken(order, 1, LEG=20)
        message = self.rejected(order, 1, 5, consumption=[{"product": "TOP", "quantity": 5}])
        self.assertEqual(message.reason_code, "conflict")
        self.assertIn("(/consumption)", message.detail)
        box = self.make_product("Crate", "CRATE")
        other = self.make_simple_order(product=box)
        self.booked(other, 1, 5, consumption=[{"product": "TOP", "quantity": 5}])
        self.assertEqual(self.take(other, 1, LEG=20).reason_code, "conflict")

    def test_by_lot_and_by_another_component(self):
        glue = self.make_product("Glue", "GLUE", tracking="lot")
        self.put_in_stock(glue, 50, self.make_lot(glue, "G-1"))
        order = self.make_simple_order()
        message = self.send(
            {
                "order": order.mfg_uuid,
                "sequence": 1,
                "consumption": [
                    {"product": "LEG", "quantity": 20},
                    {"product": "TOP", "quantity": 10},
                    {"product": "GLUE", "quantity": 3, "lot": "G-1"},
                ],
            },
            route=self.consumption_route,
        )
        self.assertEqual(message.state, "done", message.detail)
        self.booked(order, 1, 10, "finished")
        self.assertEqual(self.consumed(order), {"LEG": 20, "TOP": 10, "GLUE": 3})

    def test_unknown(self):
        order = self.make_simple_order()
        message = self.take(order, 1, GHOST=1)
        self.assertEqual(message.reason_code, "unknown_reference")
        self.assertFalse(order.mfg_consumption_ids, "nothing of it stays")
