"""Key users say what a partner calls a record by choosing it, not by its id."""

from odoo.tests import Form, tagged

from .common import MesCase


@tagged("post_install", "-at_install")
class TestExternalRefs(MesCase):
    def test_chosen_by_name(self):
        operator = self.user("mfg_integration_base.group_operator", "mrp.group_mrp_user")
        refs = self.env["mfg.external.ref"].with_user(operator)
        with Form(refs) as form:
            form.connector_id = self.mes
            form.external_id = "4711"
            form.record_ref = self.leg
        ref = refs.search([("external_id", "=", "4711")])
        self.assertEqual((ref.model, ref.res_id), ("product.product", self.leg.id))
        order = self.make_simple_order()
        self.booked(order, 1, 5, consumption=[{"product": "4711", "quantity": 11}])
        move = order.move_raw_ids.filtered(lambda move: move.product_id == self.leg)
        self.assertEqual(move.quantity, 11)
        with Form(ref) as form:
            form.record_ref = self.top
        self.assertEqual(ref.res_id, self.top.id)

    def test_from_the_record(self):
        for record in (self.saw, self.leg, self.leg.product_tmpl_id):
            action = record.action_mfg_external_refs()
            ref = (
                self.env["mfg.external.ref"]
                .with_context(**action["context"])
                .create({"connector_id": self.mes.id, "external_id": f"X-{record._name}"})
            )
            self.assertIn(ref, self.env["mfg.external.ref"].search(action["domain"]))

    def test_models_that_people_map(self):
        models = dict(self.env["mfg.external.ref"]._mapped_models())
        self.assertIn("uom.uom", models)
        # What handlers keep for themselves is shown, and not offered.
        ref = self.env["mfg.external.ref"].create(
            {
                "connector_id": self.mes.id,
                "external_id": "L",
                "model": "stock.lot",
                "res_id": self.make_lot(self.make_product("G", "G", tracking="lot"), "L").id,
            }
        )
        self.assertFalse(ref.record_ref)
        self.assertEqual(ref.record_name, "L")
