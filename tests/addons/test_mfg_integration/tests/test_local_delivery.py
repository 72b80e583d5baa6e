"""A connector whose partner is this database: events are delivered to server actions."""

from odoo.addons.mfg_integration_base.tests.common import MfgCase
from odoo.exceptions import ValidationError

CHANGED = "mfg.test.order.changed.v1"


class TestLocalDelivery(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls.env["test.mfg.order"].create({"name": "T1", "quantity": 10})
        cls.local = cls.env["mfg.connector"].create(
            {"name": "Here", "code": "here", "transport": "local"}
        )
        cls.local.service_user_id.sudo().group_ids += cls.env.ref("base.group_user")
        cls.type = cls.env["mfg.event.type"].search([("code", "=", CHANGED)])

    def action(self, code, model="test.mfg.order", **vals):
        return self.env["ir.actions.server"].create(
            {
                "name": "On change",
                "model_id": self.env["ir.model"]._get_id(model),
                "state": "code",
                "code": code,
                **vals,
            }
        )

    def deliver(self, action):
        """Subscribe, change the order, deliver; the message."""
        self.subscription(self.local, self.type, local_action_id=action.id)
        self.local.action_activate()
        self.order.action_change(4)
        self.drain()
        return self.env["mfg.outbox.message"].search([("connector_id", "=", self.local.id)])

    def test_the_action_gets_the_event_and_its_record(self):
        message = self.deliver(
            self.action(
                "record.note('%s %s %s %s' % (mfg_event['type'], mfg_event['data']['quantity'],"
                " env.uid, env.company.id))"
            )
        )
        self.assertEqual(message.state, "done", message.detail)
        self.assertEqual(
            self.order.journal,
            f"{CHANGED} 4.0 {self.local.service_user_id.id} {self.local.company_id.id};",
        )
        self.assertEqual(message.attempt_ids.direction, "out")

    def test_an_action_of_another_model_gets_the_event_only(self):
        message = self.deliver(
            self.action(
                "if record: raise UserError('a record')\n"
                f"env['test.mfg.order'].browse({self.order.id}).note(mfg_event['type'])",
                model="res.partner",
                group_ids=[(6, 0, self.env.ref("base.group_user").ids)],
            )
        )
        self.assertEqual((message.state, self.order.journal), ("done", f"{CHANGED};"))

    def test_what_fails_is_rolled_back_and_tried_again(self):
        message = self.deliver(self.action("record.note('never')\nraise UserError('Not now.')"))
        self.assertEqual((message.state, message.reason_code), ("retrying", "job_failed"))
        self.assertIn("Not now.", message.job_error)
        self.assertFalse(self.order.journal)

    def test_it_may_do_what_its_service_user_may(self):
        code = f"env['test.mfg.order'].browse({self.order.id}).note('never')"
        admins = self.env.ref("base.group_system")
        message = self.deliver(self.action(code, group_ids=[(6, 0, admins.ids)]))
        self.assertEqual((message.state, self.order.journal), ("retrying", ""))
        self.assertIn("AccessError", message.job_error)

    def test_what_the_action_changes_is_not_delivered_to_it_again(self):
        self.deliver(self.action("record.action_change(5)"))
        self.assertEqual(
            self.env["mfg.outbox.message"].search_count([("connector_id", "=", self.local.id)]), 1
        )
        self.assertEqual(self.order.quantity, 5)

    def test_no_context_from_outside_pretends_a_delivery(self):
        action = self.action("record.note(str(mfg_event['type']))")
        run = action.with_context(
            active_model="test.mfg.order", active_id=self.order.id, mfg_delivery={"text": "{}"}
        ).run
        with self.assertRaisesRegex(ValueError, "mfg_event"):
            run()

    def test_refused_at_save(self):
        with self.assertRaisesRegex(ValidationError, "choose the server action"):
            self.subscription(self.local, self.type)
        with self.assertRaisesRegex(ValidationError, "only a connector that works"):
            self.subscription(self.connector(), self.type, local_action_id=self.action("pass").id)
