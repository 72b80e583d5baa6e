from odoo.exceptions import UserError
from odoo.tools import SQL

from .common import MfgCase


class TestRecordLink(MfgCase):
    """Events name records that may be gone, or not for everybody."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = cls.event_type("mfg.test.thing.happened.v1", keep=True)
        cls.thing = cls.env["res.partner"].create({"name": "Thing"})
        [uuid] = cls.thing._mfg_emit(cls.type.code, {"n": 1})
        cls.event = cls.env["mfg.event"].search([("uuid", "=", uuid)])

    def test_opens_the_record(self):
        self.assertEqual(self.event.record_name, "Thing")
        action = self.event.action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.thing.id))

    def test_the_delivery_bears_the_record_s_name_too(self):
        connector = self.connector()
        self.subscription(connector, self.type)
        with self.capture_outbox() as outbox:
            self.thing._mfg_emit(self.type.code, {"n": 2})
        self.assertEqual(outbox.messages.record_name, "Thing")
        self.thing.company_id = self.env["res.company"].create({"name": "Other"})
        viewer = self.user("mfg_integration_base.group_viewer")
        self.assertFalse(outbox.messages.with_user(viewer).record_name)

    def test_a_deleted_record(self):
        self.thing.unlink()
        self.event.invalidate_recordset()
        self.assertFalse(self.event.record_name)
        with self.assertRaisesRegex(UserError, "was deleted"):
            self.event.action_open_record()

    def test_a_model_that_is_no_longer_installed(self):
        self.env.cr.execute(
            SQL("UPDATE mfg_event SET model = 'gone.model' WHERE id = %s", self.event.id)
        )
        self.event.invalidate_recordset()
        self.assertFalse(self.event.record_name)
        with self.assertRaisesRegex(UserError, "gone.model"):
            self.event.action_open_record()

    def test_a_record_of_another_company_keeps_its_name_to_itself(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.thing.company_id = other
        viewer = self.user("mfg_integration_base.group_viewer")
        event = self.event.with_user(viewer)
        self.assertFalse(event.record_name)
        with self.assertRaises(UserError):
            event.action_open_record()
