"""The screens: they render for who may see them, and their buttons find the messages."""

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import EVENT_TYPES, MesCase


@tagged("post_install", "-at_install")
class TestViews(MesCase):
    def test_order_form(self):
        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 1)
        viewer = self.user("mrp.group_mrp_user", "mfg_integration_base.group_viewer")
        with Form(order.with_user(viewer)) as form:
            self.assertEqual(form.mfg_owner, "mes")
            self.assertEqual(len(form.mfg_progress_ids), 1)
            self.assertEqual((form.mfg_outbox_count, form.mfg_inbox_count), (2, 1))
        with Form(order.with_user(self.user("mrp.group_mrp_user"))) as form:
            self.assertNotIn("mfg_outbox_count", form._view["fields"])

    def test_owner_before_release(self):
        form = Form(self.env["mrp.production"])
        form.product_id = self.table
        order = form.save()
        self.assertEqual(order.mfg_owner, "mes")
        with Form(order) as form:
            form.mfg_owner = "odoo"
        order.action_confirm()
        self.assertEqual(order.mfg_owner, "odoo")

    def test_messages_of_an_order_and_of_an_operation(self):
        with self.capture_outbox() as outbox:
            order = self.make_order()
            self.booked(order.workorder_ids[0], 1, 10, "finished")
        messages = self.env["mfg.outbox.message"].search(order.action_mfg_outbox()["domain"])
        self.assertEqual(messages, outbox.messages)
        started_finished = self.env["mfg.outbox.message"].search(
            order.workorder_ids[0].action_mfg_outbox()["domain"]
        )
        self.assertEqual(len(started_finished), 2)
        self.assertEqual(order.workorder_ids.mapped("mfg_outbox_count"), [2, 0])

    def test_status_of_an_order(self):
        order = self.make_order(confirm=False)
        self.assertFalse(order.mfg_status)
        order.action_confirm()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(order.mfg_status, "waiting")
        message = self.rejected(order.workorder_ids[0], 1, 99)
        self.assertEqual(order.mfg_status, "dead")
        action = order.action_mfg_dead()
        found = self.env[action["res_model"]].search(action["domain"])
        self.assertIn(message.uuid, found.mapped("uuid"))
        self.assertEqual(len(found), order.mfg_dead_count)
        blind = order.with_user(self.user("mrp.group_mrp_user"))
        self.assertEqual((blind.mfg_status, blind.mfg_dead_count), (False, 0))

    def test_other_forms(self):
        self.booked(self.make_order().workorder_ids[0], 1, 1, **self.scrap(1))
        manager = self.user(
            "mrp.group_mrp_manager",
            "stock.group_stock_manager",
            "mfg_integration_base.group_manager",
        )
        for record, field in (
            (self.saw, "mfg_owner_default"),
            (self.picking_type, "mfg_owner_default"),
            (self.table.product_tmpl_id, "mfg_scrap_policy"),
            (self.env["stock.scrap"].search([("mfg_booking", "!=", False)], limit=1), "mfg_reason"),
            (self.env["mfg.mes.progress"].search([], limit=1), "sequence"),
        ):
            with self.subTest(record._name):
                form = Form(record.with_user(manager))
                self.assertEqual(form[field], record[field])
        for view in ("list", "search", "form"):
            self.env["mfg.mes.progress"].with_user(manager).get_view(view_type=view)
        self.env["mrp.workorder"].with_user(manager).get_view(
            self.env.ref("mrp.mrp_production_workorder_form_view_inherit").id, "form"
        )

    def test_settings(self):
        settings = self.env["res.config.settings"].create({})
        settings.write(
            {
                "mfg_over_tolerance": 5,
                "mfg_over_rule": "approve",
                "mfg_operation_check": "block",
            }
        )
        settings.execute()
        company = self.env.company
        self.assertEqual((company.mfg_over_tolerance, company.mfg_operation_check), (5, "block"))
        self.assertEqual(company.mfg_over_rule, "approve")

    def test_scrap_that_was_counted_is_not_deleted(self):
        order = self.make_order()
        self.booked(order.workorder_ids[0], 1, 1, **self.scrap(1))
        with self.assertRaises(UserError):
            order.scrap_ids.unlink()


@tagged("post_install", "-at_install")
class TestCatalogue(MesCase):
    def test_event_types_are_published_with_schema_example_and_flow(self):
        ours = self.env["ir.model.data"].search(
            [("module", "=", "mfg_integration_mes"), ("model", "=", "mfg.event.type")]
        )
        types = self.env["mfg.event.type"].browse(ours.mapped("res_id"))
        self.assertLessEqual(set(EVENT_TYPES), set(types.mapped("code")))
        for event_type in types:
            with self.subTest(event_type.code):
                self.assertEqual(event_type.state, "published")
                self.assertTrue(event_type.flow_id)
                self.assertTrue(event_type.example)
                self.assertIn("2020-12", event_type.schema)
                event_type._check_schema()
