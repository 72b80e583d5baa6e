"""Reports are booked by the connector's own user: with its rights, in its company, and no more."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models import mfg_production_payload as payload
from .common import MesCase


@tagged("post_install", "-at_install")
class TestServiceUser(MesCase):
    def test_rights_come_with_the_route(self):
        group = "mrp.group_mrp_user"
        connector = self.connector(code="plain")
        self.assertFalse(connector.service_user_id.has_group(group))
        route = self.route(connector, "production.report.v1")
        self.assertFalse(connector.service_user_id.has_group(group))
        route.handler = "production_report"
        self.assertTrue(connector.service_user_id.has_group(group))
        self.assertTrue(self.mes.service_user_id.has_group(group))

    def test_rights_are_few(self):
        user = self.mes.service_user_id
        for group in ("mrp.group_mrp_manager", "stock.group_stock_manager", "base.group_system"):
            self.assertFalse(user.has_group(group), group)
        for model, operation in (
            ("mrp.bom", "write"),
            ("product.product", "write"),
            ("mrp.workcenter", "write"),
            ("res.users", "write"),
            ("mfg.connector", "write"),
            ("mfg.inbox.route", "write"),
        ):
            with self.subTest(model), self.assertRaises(AccessError):
                self.env[model].with_user(user).check_access(operation)
        with self.assertRaises(AccessError):
            self.env["mfg.mes.progress"].with_user(user).check_access("unlink")

    def test_everything_is_booked_by_the_service_user(self):
        user = self.mes.service_user_id
        order = self.make_order()
        first, last = order.workorder_ids
        self.booked(
            first, 1, 8, "finished", **self.scrap(2), started_at="2026-01-05T06:00:00Z",
            ended_at="2026-01-05T07:00:00Z",
        )  # fmt: skip
        self.booked(last, 1, 8, "finished")
        self.assertEqual(order.state, "done")
        self.assertEqual(order.scrap_ids.create_uid, user)
        self.assertEqual(order.mfg_progress_ids.create_uid, user)
        self.assertEqual(first.time_ids.create_uid, user)
        self.assertEqual(self.backorder(order).create_uid, user)

    def test_people_do_not_write_the_books(self):
        self.booked(self.make_order(), 1, 1)
        progress = self.env["mfg.mes.progress"].search([("connector_id", "=", self.mes.id)])
        for group in ("mrp.group_mrp_manager", "mfg_integration_base.group_manager"):
            with self.subTest(group), self.assertRaises(AccessError):
                progress.with_user(self.user(group)).good = 5

    def test_another_companys_order_is_unknown(self):
        """Whether it exists is not told either."""
        company = self.env["res.company"].create({"name": "Elsewhere"})
        theirs = self.connector(code="theirs", company_id=company.id)
        route = self.route(theirs, "production.report.v1", handler="production_report")
        order = self.make_order()
        first = order.workorder_ids[0]
        for target in (order, first):
            with self.subTest(target._name), self.capture_outbox() as outbox:
                message = self.rejected(target, 1, 1, route=route)
                self.assertEqual(message.reason_code, "unknown_reference")
                self.assertNotIn(order.name, message.detail)
                self.assertFalse(message.record_id)
                self.assertFalse(self.events(outbox, payload.REPORT_REJECTED), "ours are not told")
        self.assertEqual(first.qty_produced, 0)
        self.assertFalse(order.mfg_progress_ids)

    def test_books_of_another_company_are_invisible(self):
        self.booked(self.make_order(), 1, 1)
        company = self.env["res.company"].create({"name": "Elsewhere"})
        viewer = self.user("mfg_integration_base.group_viewer", company=company)
        self.assertFalse(self.env["mfg.mes.progress"].with_user(viewer).search_count([]))

    def test_a_company_of_its_own(self):
        """A second company's plant works like the first."""
        company = self.env["res.company"].create({"name": "Elsewhere"})
        env = self.env(context={**self.env.context, "allowed_company_ids": company.ids})
        stock = env["stock.warehouse"].search([("company_id", "=", company.id)], limit=1)
        stock.manu_type_id.mfg_owner_default = "mes"
        product = self.make_product("Table", "T2").with_env(env)
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": product.product_tmpl_id.id,
                "company_id": company.id,
                "bom_line_ids": [(0, 0, {"product_id": self.leg.id, "product_qty": 2})],
            }
        )
        theirs = self.connector(code="theirs", company_id=company.id)
        route = self.route(theirs, "production.report.v1", handler="production_report")
        order = env["mrp.production"].create({"product_id": product.id, "product_qty": 5})
        order.action_confirm()
        self.assertEqual((order.company_id, order.mfg_owner), (company, "mes"))
        self.booked(order, 1, 5, "finished", route=route)
        self.assertEqual(order.state, "done")
        self.assertEqual(order.mfg_progress_ids.company_id, company)
