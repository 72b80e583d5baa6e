from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import file_open, mute_logger

from .common import EdiCase


@tagged("post_install", "-at_install")
class TestTradingAgreement(EdiCase):
    def test_the_standard_proposes_versions_and_separators(self):
        x12, edifact = self.agreement(), self.edifact_agreement()
        self.assertEqual((x12.syntax, x12.release), ("00401", "004010"))
        self.assertEqual((edifact.syntax, edifact.release), ("UNOC:3", "D.96A"))
        self.assertEqual(
            (x12.element_separator, x12.component_separator, x12.segment_separator), ("*", ">", "~")
        )
        self.assertEqual(
            (edifact.element_separator, edifact.component_separator, edifact.release_character),
            ("+", ":", "?"),
        )
        self.assertEqual(x12.syntax_acknowledgement, "997")
        self.assertEqual(edifact.syntax_acknowledgement, "contrl")

    def test_the_form_follows_the_standard(self):
        with Form(self.env["mfg.trading.agreement"].with_user(self.manager())) as form:
            form.name = "By hand"
            form.connector_id = self.edi_connector
            form.partner_id = self.partner
            form.standard = "edifact"
            self.assertEqual(form.syntax, "UNOC:3")
            form.our_id = "US"
            form.partner_code = "THEM"
        self.assertEqual(form.record.element_separator, "+")

    def test_ids_that_do_not_fit_are_refused_with_the_side_and_the_reason(self):
        for vals, text in (
            ({"our_id": "SIXTEEN-CHARS-16"}, "our side: .*has room for 15"),
            ({"partner_code": "A*B"}, "partner: .*which is a separator"),
            ({"partner_qualifier": "1"}, "partner: .*exactly two characters"),
            ({"our_application": "A"}, "our side: .*2 to 15 characters"),
            ({"release": "4010"}, "is not a GS version"),
            ({"component_separator": "*"}, "element separators are both"),
        ):
            with self.subTest(vals=vals), self.assertRaisesRegex(ValidationError, text):
                self.agreement(**vals)

    def test_an_id_must_not_hold_a_separator_chosen_later(self):
        agreement = self.agreement(our_id="OUR-COMPANY")
        with self.assertRaisesRegex(ValidationError, "which is a separator"):
            agreement.element_separator = "-"

    def test_the_two_sides_differ(self):
        with self.assertRaisesRegex(ValidationError, "both sides have the same"):
            self.agreement(partner_qualifier="ZZ", partner_code="OURCOMPANY")

    def test_each_standard_has_its_own_acknowledgements(self):
        with self.assertRaisesRegex(ValidationError, "EDIFACT with CONTRL"):
            self.edifact_agreement(syntax_acknowledgement="997")
        with self.assertRaisesRegex(ValidationError, "EDIFACT with CONTRL"):
            self.agreement(syntax_acknowledgement="contrl")
        with self.assertRaisesRegex(ValidationError, "EDIFACT with CONTRL"):
            self.edifact_agreement(interchange_acknowledgement=True)
        self.agreement(syntax_acknowledgement="999", interchange_acknowledgement=True)

    def test_document_codes_belong_to_the_standard(self):
        for code in ("ORDERS", "85", "8500", "85A", "٨٥٠"):
            with self.subTest(code=code), self.assertRaises(ValidationError):
                self.agreement(document_ids=[(0, 0, {"code": code})])
        with self.assertRaises(ValidationError):
            self.edifact_agreement(document_ids=[(0, 0, {"code": "850"})])
        with self.assertRaises(ValidationError):
            self.agreement().standard = "edifact"

    def test_an_acknowledgement_is_never_acknowledged(self):
        with self.assertRaisesRegex(ValidationError, "is itself an acknowledgement"):
            self.agreement(document_ids=[(0, 0, {"code": "997"})])
        self.agreement(document_ids=[(0, 0, {"code": "997", "acknowledge": False})])

    def test_a_document_is_listed_once_per_direction(self):
        line = {"direction": "out", "code": "850"}
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.agreement(document_ids=[(0, 0, line), (0, 0, line)])

    def test_deadlines_are_positive(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.agreement(syntax_deadline=0)

    # === Life === #

    def test_activation_needs_a_document(self):
        agreement = self.agreement(document_ids=False)
        with self.assertRaisesRegex(UserError, "list the documents"):
            agreement.action_activate()

    def test_activation_needs_a_connector_in_use(self):
        agreement = self.agreement()
        self.edi_connector.action_retire()
        with self.assertRaisesRegex(UserError, "is retired"):
            agreement.action_activate()

    def test_one_active_agreement_per_identity(self):
        first, second = self.agreement(), self.agreement()
        first.action_activate()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            second.action_activate()
        first.action_retire()
        second.action_activate()
        self.assertEqual((first.state, second.state), ("retired", "active"))

    def test_test_and_production_stand_side_by_side(self):
        test, production = self.agreement(), self.agreement(usage="production")
        (test | production).action_activate()
        self.assertEqual(set((test | production).mapped("state")), {"active"})

    def test_edifact_without_qualifiers_is_unique_too(self):
        both = self.edifact_agreement(our_qualifier=False, partner_qualifier=False)
        both |= self.edifact_agreement(our_qualifier=False, partner_qualifier=False)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            both.action_activate()

    def test_the_state_changes_by_the_buttons_only(self):
        agreement = self.agreement()
        with self.assertRaises(UserError):
            agreement.write({"state": "active"})
        with self.assertRaises(UserError):
            self.agreement(state="active")
        agreement.action_activate()
        with self.assertRaises(UserError):
            agreement.action_activate()
        agreement.action_retire()
        with self.assertRaises(UserError):
            agreement.action_activate()
        with self.assertRaises(UserError):
            agreement.action_retire()

    def test_an_agreement_in_use_keeps_its_identity(self):
        agreement = self.agreement()
        agreement.action_activate()
        for vals in ({"our_id": "OTHER"}, {"usage": "production"}, {"standard": "edifact"}):
            with self.subTest(vals=vals), self.assertRaisesRegex(UserError, "cannot change"):
                agreement.write(vals)
        agreement.write({"our_id": agreement.our_id, "note": "the same is no change"})
        agreement.write({"syntax_deadline": 30})

    def test_only_a_draft_can_be_deleted(self):
        self.agreement().unlink()
        agreement = self.agreement()
        agreement.action_activate()
        with self.assertRaises(UserError):
            agreement.unlink()

    def test_a_copy_is_a_draft_with_the_documents(self):
        agreement = self.agreement()
        agreement.action_activate()
        copy = agreement.copy()
        self.assertEqual(copy.state, "draft")
        self.assertEqual(copy.document_ids.mapped("code"), ["850"])
        self.assertEqual(copy.name, "Supplier, X12 (copy)")

    # === Rights === #

    def manager(self, **kwargs):
        return self.user("mfg_integration_base.group_manager", **kwargs)

    def test_viewers_read_and_managers_write(self):
        agreement = self.agreement()
        viewer = self.user("mfg_integration_base.group_viewer")
        self.assertEqual(agreement.with_user(viewer).our_id, "OURCOMPANY")
        with self.assertRaises(AccessError):
            agreement.with_user(viewer).action_activate()
        with self.assertRaises(AccessError):
            agreement.counter_ids.with_user(viewer).write({"last_number": 5})
        agreement.with_user(self.manager()).action_activate()
        self.assertEqual(agreement.state, "active")

    def test_other_companies_see_nothing(self):
        agreement = self.agreement()
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.manager(company=other)
        for records in (agreement, agreement.document_ids, agreement.counter_ids):
            with self.subTest(model=records._name):
                found = self.env[records._name].with_user(stranger).search([])
                self.assertFalse(found & records)
                with self.assertRaises(AccessError):
                    records.with_user(stranger).read(["display_name"])

    def test_a_neutralized_copy_exchanges_nothing(self):
        agreement = self.agreement()
        agreement.action_activate()
        self.env.flush_all()
        with file_open("mfg_integration_edi/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.assertEqual(agreement.state, "draft")
        with self.assertRaises(UserError):
            agreement._next_control_numbers("interchange")
