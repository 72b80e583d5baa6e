import os
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessDenied, AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..const import ENV_ENVIRONMENT
from ..exceptions import ConfigurationError
from .common import MfgCase


@tagged("post_install", "-at_install")
class TestConnector(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_b = cls.env["res.company"].create({"name": "Company B"})
        cls.partner_connector = cls.connector(company_id=cls.company_b.id)

    def draft(self, **vals):
        return self.env["mfg.connector"].create({"name": "Draft", "code": "draft", **vals})

    # === Codes and addresses === #

    def test_codes(self):
        for code in ("mes", "mes-1", "a_b", "m" * 63):
            with self.subTest(code):
                self.assertTrue(self.draft(code=code))

    def test_codes_that_are_refused(self):
        for code in ("m", "1mes", "MES", "m/es", "mes ", "m" * 64, "mes\n", "größe"):
            with self.subTest(code), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.draft(code=code)

    @mute_logger("odoo.sql_db")
    def test_a_code_is_taken_once_in_all_companies(self):
        with self.assertRaises(UniqueViolation), self.env.cr.savepoint():
            self.draft(code=self.partner_connector.code)

    def test_code_and_company_stay(self):
        with self.assertRaisesRegex(ValidationError, "cannot change"):
            self.partner_connector.code = "other"
        with self.assertRaisesRegex(ValidationError, "stays with its company"):
            self.partner_connector.company_id = self.env.company
        # Writing what is there already is no change: forms do that.
        self.partner_connector.write(
            {"code": self.partner_connector.code, "company_id": self.company_b.id}
        )

    def test_addresses_that_are_refused(self):
        for url in (
            "http://partner.example/hook",
            "ftp://partner.example",
            "https://",
            "https://user:pw@partner.example/",
            "javascript:alert(1)",
        ):
            with self.subTest(url), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.draft(url=url)
        self.assertTrue(self.draft(url="http://plc.example/hook", allow_http=True))

    def test_limits(self):
        with self.assertRaisesRegex(ValidationError, "at most 60"):
            self.partner_connector.total_timeout = 61
        with self.assertRaises(ValidationError):
            self.partner_connector.allow_list = "10.0.0.0/99"

    def test_copy_starts_over(self):
        copy = self.partner_connector.copy({"code": "copy"})
        self.assertEqual(copy.state, "draft")
        self.assertFalse(copy.activation_fingerprint)
        self.assertNotEqual(copy.service_user_id, self.partner_connector.service_user_id)
        self.assertFalse(copy.credential_ids)

    # === Service user === #

    def test_service_user_is_made(self):
        user = self.partner_connector.service_user_id
        self.assertEqual(user.company_id, self.company_b)
        self.assertEqual(user.company_ids, self.company_b)
        self.assertTrue(user.has_group("mfg_integration_base.group_service"))
        for group in ("viewer", "operator", "manager", "approver", "auditor"):
            self.assertFalse(user.has_group(f"mfg_integration_base.group_{group}"), group)
        self.assertFalse(user.has_group("base.group_system"))

    def test_service_user_has_no_password(self):
        user = self.partner_connector.service_user_id
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", [user.id])
        self.assertFalse(self.env.cr.fetchone()[0])
        for password in ("", " ", "False", "None", user.login):
            with (
                self.subTest(password),
                mute_logger("odoo.addons.base.models.res_users"),
                self.assertRaises(AccessDenied),
            ):
                self.env["res.users"].authenticate(
                    {"login": user.login, "password": password, "type": "password"},
                    {"interactive": False},
                )

    def test_service_user_belongs_to_one_connector(self):
        other = self.draft(code="other")
        other.action_activate()
        self.assertNotEqual(other.service_user_id, self.partner_connector.service_user_id)

    def test_a_manager_need_not_be_allowed_to_create_users(self):
        manager = self.user("mfg_integration_base.group_manager")
        connector = self.draft().with_user(manager)
        connector.action_activate()
        self.assertEqual(connector.state, "active")
        self.assertTrue(connector.sudo().service_user_id)

    def test_nobody_chooses_the_service_user(self):
        """It would book a partner's messages as anybody, and go with the connector."""
        manager = self.user("mfg_integration_base.group_manager")
        for victim in (self.env.ref("base.user_admin"), manager):
            connector = self.draft(code=f"draft-{victim.id}").with_user(manager)
            with self.subTest(victim.login):
                with self.assertRaises(AccessError), self.env.cr.savepoint():
                    connector.write({"service_user_id": victim.id})
                made = connector.create(
                    {"name": "Mine", "code": f"mine-{victim.id}", "service_user_id": victim.id}
                )
                self.assertNotEqual(made.sudo().service_user_id, victim)
                made.unlink()
                self.assertTrue(victim.exists())
                connector.unlink()

    # === States === #

    def test_states_change_by_the_verbs_only(self):
        manager = self.user("mfg_integration_base.group_manager")
        connector = self.draft().with_user(manager)
        connector.action_activate()
        connector.action_retire()
        for vals in ({"state": "active"}, {"state": "draft"}, {"environment": "production"}):
            with self.subTest(vals), self.assertRaises(AccessError):
                connector.write(vals)
        born = connector.create({"name": "Born", "code": "born-active", "state": "active"})
        self.assertEqual(born.state, "draft")

    def test_states(self):
        connector = self.draft()
        self.assertEqual(connector.state, "draft")
        with self.assertRaises(ValidationError):
            connector.action_pause()
        connector.action_activate()
        connector.action_pause()
        self.assertEqual(connector.state, "paused")
        connector.action_activate()
        self.assertEqual(connector.state, "active")
        connector.action_retire()
        for action in (connector.action_activate, connector.action_pause, connector.action_retire):
            with self.assertRaises(ValidationError):
                action()
        self.assertEqual(connector.state, "retired")

    def test_a_connector_that_sends_needs_an_address(self):
        connector = self.draft()
        self.subscription(connector, self.event_type("mfg.test.address.v1"))
        with self.assertRaisesRegex(ConfigurationError, "address"):
            connector.action_activate()
        connector.url = "https://partner.example/"
        connector.action_activate()

    def test_only_a_draft_can_be_deleted(self):
        with self.assertRaisesRegex(ValidationError, "retire it"):
            self.partner_connector.unlink()
        draft = self.draft()
        user = draft.service_user_id
        draft.unlink()
        self.assertFalse(user.exists())
        self.assertTrue(self.draft(), "its code is free again")

    # === Copies of the database === #

    def test_another_environment_is_another_place(self):
        connector = self.partner_connector
        self.assertTrue(connector.activated_here)
        self.assertEqual(connector.environment, "test")
        with patch.dict(os.environ, {ENV_ENVIRONMENT: "production"}):
            connector.invalidate_recordset(["activated_here"])
            self.assertFalse(connector.activated_here)
            connector.action_activate()
            self.assertTrue(connector.activated_here)
            self.assertEqual(connector.environment, "production")
        connector.invalidate_recordset(["activated_here"])
        self.assertFalse(connector.activated_here)

    def test_an_unknown_environment_is_said(self):
        with (
            patch.dict(os.environ, {ENV_ENVIRONMENT: "prod"}),
            self.assertRaisesRegex(ConfigurationError, "MFG_ENVIRONMENT.*prod"),
        ):
            self.draft().action_activate()

    def test_a_copy_does_not_book(self):
        message = self.inbox(self.route(self.partner_connector), {})
        with patch.dict(os.environ, {ENV_ENVIRONMENT: "production"}):
            self.drain()
        self.assertEqual((message.state, message.attempt_count), ("pending", 0))
        self.drain()
        self.assertEqual((message.state, message.attempt_count), ("done", 1))

    def test_a_neutralized_database_stays_off(self):
        message = self.inbox(self.route(self.partner_connector), {})
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        self.env.flush_all()
        self.drain()
        self.assertEqual(message.state, "pending")
        with self.assertRaisesRegex(ConfigurationError, "neutralized"):
            self.draft().action_activate()

    def test_the_fingerprint_is_for_administrators(self):
        manager = self.user("mfg_integration_base.group_manager", company=self.company_b)
        values = self.partner_connector.with_user(manager).read()[0]
        self.assertNotIn("activation_fingerprint", values)
        self.assertTrue(values["activated_here"])

    def test_run_time_row(self):
        runtime = self.env["mfg.connector.runtime"].search(
            [("connector_id", "=", self.partner_connector.id)]
        )
        self.assertEqual(len(runtime), 1)
