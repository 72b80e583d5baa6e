from datetime import datetime

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ..exceptions import UnknownEventType
from ..models.base import CAUSE_KEY, Cause
from ..tools import tracecontext
from .common import MfgCase

CHANGED = "mfg.test.partner.changed.v1"
KEPT = "mfg.test.partner.kept.v1"


class Rollback(Exception):
    """Raised by a test to undo what it did."""


def restricted_field(records):
    """Name of a stored text field that only certain groups may read."""
    return next(
        name
        for name, field in records._fields.items()
        if field.store and field.type == "char" and field.groups
    )


@tagged("post_install", "-at_install")
class TestEmit(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.changed = cls.event_type(CHANGED)
        cls.kept = cls.event_type(KEPT, keep=True)
        cls.partner_connector = cls.connector()
        cls.to_partner = cls.subscription(cls.partner_connector, cls.changed)
        cls.company_b = cls.env["res.company"].create({"name": "Company B"})
        cls.record = cls.env["res.partner"].create({"name": "Customer"})

    def emit(self, records=None, code=CHANGED, data=None, **how):
        """``(events, messages)`` that one emission wrote."""
        last = self.env["mfg.event"].search([], order="id desc", limit=1).id
        with self.capture_outbox() as outbox:
            uuids = (self.record if records is None else records)._mfg_emit(code, data or {}, **how)
        events = self.env["mfg.event"].search([("id", ">", last or 0)], order="id")
        self.assertEqual(events.mapped("uuid"), uuids)
        return events, outbox.messages

    # === One event, one message per subscription === #

    def test_one_event_and_one_message(self):
        events, messages = self.emit(data={"name": "Customer"})
        self.assertRecordValues(
            events,
            [
                {
                    "type": CHANGED,
                    "event_type_id": self.changed.id,
                    "subject": f"res.partner/{self.record.id}",
                    "ordering_key": f"res.partner:{self.record.id}",
                    "company_id": self.env.company.id,
                    "user_id": self.env.uid,
                    "model": "res.partner",
                    "res_id": self.record.id,
                    "causation_id": False,
                    "correlation_id": events.uuid,
                }
            ],
        )
        self.assertTrue(events.source.startswith("/odoo/"))
        self.assertTrue(tracecontext.is_valid(events.traceparent))
        self.assertRecordValues(
            messages,
            [
                {
                    "event_id": events.id,
                    "event_type": CHANGED,
                    "subscription_id": self.to_partner.id,
                    "connector_id": self.partner_connector.id,
                    "company_id": self.env.company.id,
                    "lane_id": self.to_partner.lane_id.id,
                    "ordering_key": events.ordering_key,
                    "state": "pending",
                    "attempt_count": 0,
                    "key_id": 0,
                }
            ],
        )
        self.assertNotEqual(messages.uuid, events.uuid)

    def test_one_message_per_subscription(self):
        other = self.subscription(self.connector(), self.changed | self.kept)
        second = self.subscription(self.partner_connector, self.changed)
        events, messages = self.emit()
        self.assertEqual(len(events), 1)
        self.assertEqual(messages.subscription_id, self.to_partner | other | second)
        self.assertEqual(len(messages), 3)
        self.assertEqual(len(set(messages.mapped("uuid"))), 3)

    def test_rollback_leaves_nothing(self):
        with self.capture_outbox() as outbox:
            before = self.env["mfg.event"].search_count([])
            with self.assertRaises(Rollback), self.env.cr.savepoint():
                self.record.name = "Changed"
                self.record._mfg_emit(CHANGED, {})
                self.assertEqual(len(outbox.messages), 1)
                raise Rollback
            self.assertFalse(outbox.messages)
            self.assertEqual(self.env["mfg.event"].search_count([]), before)

    def test_nobody_listens(self):
        asked = []
        self.to_partner.state = "retired"
        events, messages = self.emit(data=asked.append)
        self.assertFalse(events or messages)
        self.assertFalse(asked, "data is not even computed")

    def test_nobody_listens_costs_no_query(self):
        self.to_partner.state = "retired"
        self.emit()  # fills the caches
        with self.assertQueryCount(0):
            self.record._mfg_emit(CHANGED, {})

    def test_a_kept_type_is_stored_without_subscriber(self):
        events, messages = self.emit(code=KEPT)
        self.assertEqual((len(events), len(messages)), (1, 0))

    def test_who_gets_it(self):
        """Draft and retired get nothing; paused ones are written for, and wait."""
        connector, subscription = self.partner_connector, self.to_partner
        cases = [
            (lambda: connector.action_pause(), 1),
            (lambda: subscription.write({"state": "paused"}), 1),
            (lambda: connector.action_activate(), 1),
            (lambda: subscription.write({"state": "retired"}), 0),
            (lambda: subscription.write({"state": "active"}), 1),
            (lambda: subscription.write({"event_type_ids": [(5,), (4, self.kept.id)]}), 0),
            (lambda: subscription.write({"event_type_ids": [(4, self.changed.id)]}), 1),
            (lambda: connector.action_retire(), 0),
        ]
        for number, (change, count) in enumerate(cases):
            with self.subTest(number):
                change()
                self.assertEqual(len(self.emit()[1]), count)
        draft = self.env["mfg.connector"].create(
            {"name": "Draft", "code": "draft", "url": "https://partner.example/"}
        )
        self.subscription(draft, self.changed)
        self.assertEqual(len(self.emit()[1]), 0)
        draft.action_activate()
        self.assertEqual(len(self.emit()[1]), 1)

    def test_other_companies_do_not_get_it(self):
        connector_b = self.connector(company_id=self.company_b.id)
        to_b = self.subscription(connector_b, self.changed)
        self.assertEqual(self.emit()[1].subscription_id, self.to_partner)
        record_b = self.record.copy({"company_id": self.company_b.id})
        events, messages = self.emit(record_b)
        self.assertEqual(messages.subscription_id, to_b)
        self.assertEqual((events.company_id, messages.company_id), (self.company_b, self.company_b))
        self.assertTrue(events.source.endswith(f"/{self.company_b.id}"))

    def test_an_unknown_type_fails_in_the_business_transaction(self):
        for code in ("mfg.test.unknown.v1", "mfg.test.partner.changed.v2", ""):
            with self.subTest(code), self.assertRaisesRegex(UnknownEventType, "catalogue"):
                self.record._mfg_emit(code, {})
        self.changed.state = "retired"
        with self.assertRaises(UnknownEventType):
            self.record._mfg_emit(CHANGED, {})

    def test_a_user_without_rights_emits(self):
        clerk = self.user("base.group_user", "base.group_partner_manager")
        events, messages = self.emit(self.record.with_user(clerk))
        self.assertEqual(len(messages), 1)
        self.assertEqual(events.user_id, clerk)

    # === Data === #

    def test_common_fields(self):
        when = datetime.fromisoformat("2026-03-01T12:30:00.250000")
        with self.capture_outbox() as outbox:
            self.record._mfg_emit(CHANGED, lambda r: {"name": r.name}, occurred_at=when)
        [data] = outbox.data
        self.assertEqual(data.pop("occurred_at"), "2026-03-01T12:30:00.250000Z")
        self.assertTrue(data.pop("recorded_at").endswith("Z"))
        self.assertEqual(
            data,
            {
                "name": "Customer",
                "company": self.env.company.name,
                "plant": None,
                "actor": self.env.user.login,
                "cause_id": None,
            },
        )

    def test_data_as_dict_function_or_text(self):
        for data in ({"n": 1}, lambda record: {"n": 1}, '{"n": 1}'):
            with self.subTest(type(data).__name__):
                with self.capture_outbox() as outbox:
                    self.record._mfg_emit(CHANGED, data)
                self.assertEqual(outbox.data[0]["n"], 1)
        # Text goes out as it is.
        self.assertEqual(self.emit(data='{"n":1}')[0].data, '{"n":1}')

    def test_data_of_each_record(self):
        records = self.record + self.record.copy({"name": "Second"})
        with self.capture_outbox() as outbox:
            records._mfg_emit(CHANGED, lambda record: {"name": record.name})
        self.assertEqual([data["name"] for data in outbox.data], ["Customer", "Second"])

    # === Cause and echo === #

    def caused(self, connector):
        cause = Cause(
            message_uuid="0190a000-0000-7000-8000-000000000001",
            connector_id=connector.id,
            correlation_id="exchange-1",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        return self.record.with_context(**{CAUSE_KEY: cause})

    def test_what_a_message_caused_is_traced(self):
        self.subscription(self.connector(), self.changed)
        events, _messages = self.emit(self.caused(self.partner_connector))
        self.assertEqual(events.causation_id, "0190a000-0000-7000-8000-000000000001")
        self.assertEqual(events.correlation_id, "exchange-1")
        parent = tracecontext.parse(events.traceparent)
        self.assertEqual(parent.trace_id, "0af7651916cd43dd8448eb211c80319c")
        self.assertNotEqual(parent.parent_id, "b7ad6b7169203331")
        self.assertIn("0190a000-0000-7000-8000-000000000001", events.data)

    def test_no_echo(self):
        other = self.subscription(self.connector(), self.changed)
        _events, messages = self.emit(self.caused(self.partner_connector))
        self.assertEqual(messages.subscription_id, other)
        self.to_partner.echo = True
        _events, messages = self.emit(self.caused(self.partner_connector))
        self.assertEqual(messages.subscription_id, self.to_partner | other)

    def test_nobody_pretends_a_cause_over_rpc(self):
        forged = {
            "message_uuid": "x",
            "connector_id": self.partner_connector.id,
            "correlation_id": "x",
            "traceparent": "",
        }
        _events, messages = self.emit(self.record.with_context(**{CAUSE_KEY: forged}))
        self.assertEqual(messages.subscription_id, self.to_partner)

    # === Filter === #

    def test_filter(self):
        self.to_partner.write(
            {"filter_model": "res.partner", "filter_domain": "[('is_company', '=', True)]"}
        )
        self.assertFalse(self.emit()[1])
        self.record.is_company = True
        self.assertEqual(len(self.emit()[1]), 1)
        records = self.record + self.record.copy({"is_company": False})
        events, messages = self.emit(records)
        self.assertEqual((events.mapped("res_id"), len(messages)), (self.record.ids, 1))

    def test_a_filter_of_another_model_lets_nothing_through(self):
        self.to_partner.write(
            {"filter_model": "res.users", "filter_domain": "[('active', '=', True)]"}
        )
        self.assertFalse(self.emit()[1])

    def test_the_filter_does_not_depend_on_the_users_rights(self):
        restricted = restricted_field(self.record)
        self.to_partner.write(
            {"filter_model": "res.partner", "filter_domain": f"[('{restricted}', '=', False)]"}
        )
        clerk = self.user("base.group_user")
        with self.assertRaises(AccessError):
            self.record.with_user(clerk).read([restricted])
        self.assertEqual(len(self.emit(self.record.with_user(clerk))[1]), 1)

    def test_filters_that_are_refused(self):
        for model, domain in (
            ("res.partner", "[('no_field', '=', 1)]"),
            ("no.model", "[('id', '=', 1)]"),
            (False, "[('id', '=', 1)]"),
            ("res.partner", "[("),
            ("res.partner", "__import__('os').system('true')"),
        ):
            with (
                self.subTest(domain),
                self.assertRaises(ValidationError),
                self.env.cr.savepoint(),
            ):
                self.to_partner.write({"filter_model": model, "filter_domain": domain})

    # === Order === #

    def advisory_locks(self):
        self.env.cr.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        return self.env.cr.fetchone()[0]

    def test_ordered_emission_locks_its_key(self):
        before = self.advisory_locks()
        self.emit()
        self.assertEqual(self.advisory_locks(), before + 1)
        self.emit()
        self.assertEqual(self.advisory_locks(), before + 1, "once per key")

    def test_without_order_there_is_no_lock(self):
        self.to_partner.ordering = "none"
        before = self.advisory_locks()
        _events, messages = self.emit(self.record + self.record.copy())
        self.assertEqual(self.advisory_locks(), before)
        self.assertEqual(messages.mapped("ordering_key"), messages.mapped("uuid"))

    def test_order_of_ids(self):
        records = self.record + self.record.copy() + self.record.copy()
        events, messages = self.emit(records)
        self.assertEqual(events.mapped("res_id"), records.ids)
        self.assertEqual(messages.mapped("event_id"), events)
        self.assertEqual(sorted(messages.ids), messages.ids)

    # === Bulk === #

    def queries(self, records):
        self.emit(records)  # fills the caches
        records.mapped("company_id")
        before = self.env.cr.sql_log_count
        records._mfg_emit(CHANGED, lambda record: {"name": record.name})
        return self.env.cr.sql_log_count - before

    def test_many_records_in_as_many_queries_as_one(self):
        self.subscription(self.connector(), self.changed)
        many = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(50)])
        self.assertEqual(self.queries(many), self.queries(self.record))

    def test_bulk(self):
        count = 1000
        records = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(count)])
        events, messages = self.emit(records)
        self.assertEqual((len(events), len(messages)), (count, count))
        self.assertEqual(len(set(events.mapped("uuid"))), count)
        self.assertEqual(events.mapped("uuid"), sorted(events.mapped("uuid")))

    def test_no_records(self):
        events, messages = self.emit(self.env["res.partner"])
        self.assertFalse(events or messages)

    # === Wake === #

    def test_the_lane_is_woken_after_commit(self):
        # The hook itself runs after a real commit only.
        postcommit = self.env.cr.postcommit.data
        postcommit.pop("mfg_integration.wake", None)
        self.emit(code=KEPT)
        self.assertFalse(postcommit.get("mfg_integration.wake"))
        self.emit()
        self.assertEqual(postcommit["mfg_integration.wake"], {(self.to_partner.lane_id.id, "out")})


@tagged("post_install", "-at_install")
class TestEmitAction(MfgCase):
    """The server action "Emit integration event": emission without code."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.changed = cls.event_type(CHANGED)
        cls.subscription(cls.connector(), cls.changed)

    def action(self, names, **vals):
        model = self.env["ir.model"]._get("res.partner")
        model_fields = self.env["ir.model.fields"].search(
            [("model_id", "=", model.id), ("name", "in", names)]
        )
        return self.env["ir.actions.server"].create(
            {
                "name": "Tell the partner",
                "model_id": model.id,
                "state": "mfg_emit",
                "mfg_event_type_id": self.changed.id,
                "mfg_field_ids": [(6, 0, model_fields.ids)],
                **vals,
            }
        )

    def test_run(self):
        country = self.env.ref("base.be")
        partners = self.env["res.partner"].create(
            [{"name": "A", "country_id": country.id}, {"name": "B", "comment": False}]
        )
        action = self.action(["name", "country_id", "category_id", "is_company", "vat"])
        clerk = self.user("base.group_user", "base.group_partner_manager")
        with self.capture_outbox() as outbox:
            action.with_user(clerk).with_context(
                active_model="res.partner", active_ids=partners.ids, active_id=partners[0].id
            ).run()
        first, second = outbox.data
        self.assertEqual(first["name"], "A")
        self.assertEqual(first["id"], partners[0].id)
        self.assertEqual(
            first["country_id"], {"id": country.id, "display_name": country.display_name}
        )
        self.assertEqual(first["category_id"], [])
        self.assertIs(first["is_company"], False)
        self.assertIsNone(second["country_id"])
        self.assertIsNone(second["vat"])
        self.assertNotIn("comment", first)

    def test_an_action_needs_its_event_type(self):
        with self.assertRaisesRegex(ValidationError, "event type"):
            self.action(["name"], mfg_event_type_id=False)

    def test_fields_for_certain_groups_do_not_leave(self):
        with self.assertRaisesRegex(ValidationError, "certain groups"):
            self.action(["name", restricted_field(self.env["res.partner"])])
