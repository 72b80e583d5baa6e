from ast import literal_eval

from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import MfgCase

MODULES = (
    "mfg_integration_base",
    "mfg_integration_mes",
    "mfg_integration_edi",
    "mfg_integration_quality",
)
ROLES = ("viewer", "operator", "manager", "approver", "auditor")
CHANGING = {
    "operator": {
        "action_retry",
        "action_cancel",
        "action_edit",
        "action_export",
        "action_replay",
        "action_backfill",
        "action_check",
        "action_start",
        "action_pause",
        "action_resume",
        "action_ask",
        "action_resend",
        "action_decide",
    },
    "manager": {
        "action_activate",
        "action_retire",
        "action_test_connection",
        "action_send_test_event",
        "action_generate",
    },
}
"""Buttons that change something, by the least role that sees them."""


@tagged("post_install", "-at_install")
class TestScreens(MfgCase):
    """Each screen opens for each role and shows only what the role may do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: cls.user(f"mfg_integration_base.group_{role}", "base.group_user")
            for role in ROLES
        }
        cls.actions = cls.env["ir.actions.act_window"].search(
            [("res_model", "=like", "mfg.%"), ("target", "!=", "new")]
        )

    def views(self, model, role):
        """View type -> parsed arch, as the user's browser gets it."""
        records = self.env[model].with_user(self.users[role])
        types = ["list", "search"] + (["form"] if not model.endswith(".dead") else [])
        result = records.get_views([(False, view_type) for view_type in types])
        return {name: etree.fromstring(view["arch"]) for name, view in result["views"].items()}

    def test_there_is_an_action_for_each_menu(self):
        menus = self.env["ir.ui.menu"].search(
            [("id", "child_of", self.env.ref("mfg_integration_base.menu_mfg_root").id)]
        )
        leaves = menus - menus.parent_id
        self.assertGreaterEqual(len(leaves), 14)
        for menu in leaves:
            with self.subTest(menu=menu.complete_name):
                self.assertTrue(menu.action)

    def test_each_screen_opens_for_each_role(self):
        for action in self.actions:
            for role in ROLES:
                with self.subTest(model=action.res_model, role=role):
                    records = self.env[action.res_model].with_user(self.users[role])
                    if not records.has_access("read"):
                        continue  # its menu is hidden, see below
                    for arch in self.views(action.res_model, role).values():
                        names = {node.get("name") for node in arch.iter("field")}
                        names &= records._fields.keys()
                        self.assertTrue(names)
                        records.search([], limit=3).read(sorted(names))

    def test_each_filter_and_group_works(self):
        for action in self.actions:
            records = self.env[action.res_model].with_user(self.users["manager"])
            search = self.views(action.res_model, "manager")["search"]
            for node in search.iter("filter"):
                with self.subTest(model=action.res_model, filter=node.get("name")):
                    if node.get("domain"):
                        domain = safe_eval(node.get("domain"), {"uid": records.env.uid})
                        records.search(domain, limit=1)
                    if node.get("context"):
                        group = literal_eval(node.get("context"))["group_by"]
                        records.formatted_read_group([], [group], ["__count"])
                    if node.get("date"):
                        self.assertIn(node.get("date"), records._fields)
            for node in search.iter("field"):
                self.assertIn(node.get("name"), records._fields)

    def test_empty_screens_say_the_next_step(self):
        for action in self.actions:
            if self.external_module(action) in MODULES:
                with self.subTest(model=action.res_model):
                    self.assertIn("o_view_nocontent", action.help or "")

    def external_module(self, record):
        return record.get_external_id()[record.id].partition(".")[0]

    def test_buttons_that_change_something_need_their_role(self):
        seen = {"operator": set(), "manager": set()}
        for action in self.actions:
            for role in ROLES:
                if not self.env[action.res_model].with_user(self.users[role]).has_access("read"):
                    continue
                shown = {
                    node.get("name")
                    for arch in self.views(action.res_model, role).values()
                    for node in arch.iter("button")
                }
                if role in ("viewer", "approver", "auditor"):
                    forbidden = CHANGING["operator"] | CHANGING["manager"]
                elif role == "operator":
                    forbidden = CHANGING["manager"]
                    seen["operator"] |= shown
                else:
                    forbidden = set()
                    seen["manager"] |= shown
                with self.subTest(model=action.res_model, role=role):
                    self.assertFalse(shown & forbidden)
        self.assertLessEqual(CHANGING["operator"], seen["operator"])
        self.assertLessEqual(CHANGING["operator"] | CHANGING["manager"], seen["manager"])

    def test_menus_are_hidden_without_the_role(self):
        root = self.env.ref("mfg_integration_base.menu_mfg_root")
        credentials = self.env.ref("mfg_integration_base.menu_mfg_credential")
        audit = self.env.ref("mfg_integration_base.menu_mfg_audit_entry")
        nobody = self.user("base.group_user")
        self.assertNotIn(root.id, self.visible_menus(nobody))
        for role, sees_credentials in (
            ("viewer", False),
            ("operator", False),
            ("manager", True),
            ("auditor", True),
        ):
            with self.subTest(role=role):
                visible = self.visible_menus(self.users[role])
                self.assertIn(root.id, visible)
                self.assertEqual(credentials.id in visible, sees_credentials)
                self.assertEqual(audit.id in visible, role != "viewer")

    def visible_menus(self, user):
        return self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()

    def test_a_connector_of_a_copy_says_so_to_everybody(self):
        connector = self.connector()
        for user in self.users.values():
            self.assertTrue(connector.with_user(user).activated_here)
        # What a copied database holds: the fingerprint of another one.
        connector.sudo().activation_fingerprint = "of another database"
        for user in self.users.values():
            self.assertFalse(connector.with_user(user).activated_here)

    def test_a_route_tells_the_partner_where_to_send(self):
        connector = self.connector()
        route = self.route(connector, "production.report.v1")
        self.assertTrue(
            route.endpoint.endswith(f"/mfg/v1/in/{connector.code}/production.report.v1")
        )
        self.assertFalse(self.env["mfg.inbox.route"].new({}).endpoint)

    def test_nothing_from_outside_is_shown_as_html(self):
        # Only the help texts of our own actions are HTML; fields of messages never are.
        for action in self.actions:
            fields = self.env[action.res_model]._fields
            html = {name for name, field in fields.items() if field.type == "html"}
            self.assertFalse(html - {"website_message_ids"}, action.res_model)
