from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import MfgCase
from .rights import GROUPS, RightsMixin

ADDON = "mfg_integration_base"
# Who may read, write, create, unlink. "user" is an internal user of none of our groups.
RIGHTS = """
model                  viewer operator manager approver auditor service user
mfg.attempt            r      r        r       r        r       -       -
mfg.audit.check        -      -        rc      -        rc      -       -
mfg.audit.entry        -      r        r       -        r       -       -
mfg.audit.erase        -      -        rwc     -        -       -       -
mfg.audit.export       -      -        rwc     -        rwc     -       -
mfg.audit.seal         -      -        r       -        r       -       -
mfg.change.line        r      r        r       r        r       -       -
mfg.change.request     r      r        rw      rw       r       -       -
mfg.conflict           r r r r r - -
mfg.conflict.decide    - rwcu rwcu - - - -
mfg.connector          r      r        rwcu    r        r       r       -
mfg.connector.reactivate -   -        rwcu    -        -       -       -
mfg.connector.runtime  r      r        r       r        r       -       -
mfg.contract.version   r      r        r       r        r       -       -
mfg.credential         r      r        rwcu    r        r       -       -
mfg.credential.rotate  -      -        rwcu    -        -       -       -
mfg.event              r      r        r       r        r       -       -
mfg.event.type         r      r        rwcu    r        r       -       -
mfg.external.ref       r      rwc      rwcu    r        r       r       -
mfg.flow               r      r        rwcu    r        r       -       -
mfg.inbox.identity     -      -        -       -        -       -       -
mfg.job.progress       -      -        -       -        -       -       -
mfg.inbox.key          -      -        -       -        -       -       -
mfg.inbox.limit        -      -        -       -        -       -       -
mfg.inbox.message      r      r        r       r        r       r       -
mfg.inbox.route        r      r        rwcu    r        r       r       -
mfg.lane               r      r        rwcu    r        r       -       -
mfg.message.cancel     -      rwcu     rwcu    -        -       -       -
mfg.message.dead       r      r        r       r        r       -       -
mfg.message.edit       -      rwcu     rwcu    -        -       -       -
mfg.message.export     -      rwcu     rwcu    -        -       -       -
mfg.message.import     -      rwcu     rwcu    -        -       -       -
mfg.outbox.key         -      -        -       -        -       -       -
mfg.outbox.message     r      r        r       r        r       -       -
mfg.reconciliation        r r rwcu r r - -
mfg.reconciliation.decide - rwcu rwcu - - - -
mfg.reconciliation.line   r r r r r - -
mfg.reconciliation.part   - - - - - - -
mfg.reconciliation.run    r r r r r - -
mfg.replay             r      rwcu     rwcu    r        r       -       -
mfg.replay.act         -      rwcu     rwcu    -        -       -       -
mfg.retry.policy       r      r        rwcu    r        r       -       -
mfg.subscription       r      r        rwcu    r        r       -       -
mfg.worker             r      r        r       r        r       -       -
"""


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, MfgCase):
    ADDON = ADDON
    RIGHTS = RIGHTS

    def test_groups_imply_no_more_than_they_say(self):
        implied = {
            "viewer": {"viewer"},
            "operator": {"viewer", "operator"},
            "manager": {"viewer", "operator", "manager"},
            "approver": {"viewer", "approver"},
            "auditor": {"viewer", "auditor"},
            "service": {"service"},
            "user": set(),
        }
        for group, xmlid in GROUPS.items():
            user = self.user(xmlid)
            has = {name for name in GROUPS if name != "user" and user.has_group(GROUPS[name])}
            with self.subTest(group):
                self.assertEqual(has, implied[group])
                self.assertFalse(user.has_group("base.group_system"))

    def is_allowed(self, call, user):
        """Whether ``call(user)`` is refused; either way it is undone."""
        savepoint = self.env.cr.savepoint()
        try:
            call(user)
            self.env.flush_all()
            return True
        except (AccessError, UserError):
            return False
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    def test_verbs(self):
        """Retry and cancel are for operators, everything about a connector for managers."""
        connector = self.connector()
        message = self.inbox(self.route(connector), {})
        allowed = {
            "viewer": set(),
            "operator": {"cancel"},
            "manager": {"cancel", "pause", "activate", "test", "retire", "generate"},
            "approver": set(),
            "auditor": set(),
            "service": set(),
            "user": set(),
        }
        verbs = {
            "cancel": lambda user: (
                self.env["mfg.message.cancel"]
                .with_user(user)
                .create({"res_model": message._name, "res_ids": str(message.id), "reason": "Test"})
                .action_cancel()
            ),
            "pause": lambda user: connector.with_user(user).action_pause(),
            "activate": lambda user: connector.with_user(user).action_activate(),
            "test": lambda user: connector.with_user(user).action_send_test_event(),
            "retire": lambda user: connector.with_user(user).action_retire(),
            "generate": lambda user: connector.credential_ids.with_user(user).action_generate(),
        }
        for group, xmlid in GROUPS.items():
            user = self.user(xmlid)
            may = {verb for verb, call in verbs.items() if self.is_allowed(call, user)}
            with self.subTest(group):
                self.assertEqual(may, allowed[group])


@tagged("post_install", "-at_install")
class TestCompanies(MfgCase):
    """What belongs to a connector is invisible and unusable in other companies."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_b = cls.env["res.company"].create({"name": "Company B"})
        cls.connector_b = cls.connector(company_id=cls.company_b.id)
        cls.changed = cls.event_type("mfg.test.company.changed.v1")
        target_b = cls.subscription(cls.connector_b, cls.changed)
        cls.env["mfg.replay"].create({"target_id": target_b.id})
        cls.env["mfg.audit.entry"]._record("pause", cls.connector_b)
        cls.route_b = cls.route(cls.connector_b, schema='{"type": "object"}')
        cls.connector_b._mfg_request(
            "write", {"url": "https://192.0.2.9/"}, user=cls.env.user, connector=cls.connector_b
        )
        partner_b = cls.env["res.partner"].create({"name": "P", "company_id": cls.company_b.id})
        cls.env["mfg.external.ref"].create(
            {
                "connector_id": cls.connector_b.id,
                "model": "res.partner",
                "external_id": "P-1",
                "res_id": partner_b.id,
            }
        )
        partner_b._mfg_emit(cls.changed.code, {})
        cls.reconcile_b()
        groups = [GROUPS["manager"], GROUPS["auditor"], GROUPS["approver"]]
        cls.user_a = cls.user(*groups)
        cls.user_b = cls.user(*groups, company=cls.company_b)

    @classmethod
    def reconcile_b(cls):
        """By SQL: what can be compared comes with other addons."""
        connector, company = cls.connector_b.id, cls.company_b.id
        cls.env.cr.execute(
            """
            WITH what AS (
                INSERT INTO mfg_reconciliation (connector_id, company_id, kind, time_tolerance,
                                                days, answer_hours, active)
                VALUES (%(connector)s, %(company)s, 'none', 0, 0, 1, true) RETURNING id
            ), run AS (
                INSERT INTO mfg_reconciliation_run (reconciliation_id, connector_id, company_id,
                                                    uuid, trigger, state, requested_at)
                SELECT id, %(connector)s, %(company)s, 'r', 'partner', 'done', now() FROM what
                RETURNING id, reconciliation_id
            )
            INSERT INTO mfg_reconciliation_line (run_id, reconciliation_id, connector_id,
                                                 company_id, key, name, difference, state)
            SELECT id, reconciliation_id, %(connector)s, %(company)s, 'k', 'n', 'different', 'open'
              FROM run
            """,
            {"connector": connector, "company": company},
        )
        cls.env.cr.execute(
            "INSERT INTO mfg_conflict (name, connector_id, company_id, model, ordering_key,"
            " field_group, field, label, rule, state)"
            " VALUES ('n', %s, %s, 'm', 'k', 'none', 'f', 'l', 'decide', 'open')",
            [connector, company],
        )

    def setUp(self):
        super().setUp()
        # One attempt, and a message in the error queue.
        self.inbox(self.route_b, {})
        self.drain()
        self.message_b = self.inbox(self.route_b, {})
        self.env.cr.execute(
            "UPDATE mfg_inbox_message SET state = 'dead', dead_at = now() WHERE id = %s",
            [self.message_b.id],
        )
        self.env.invalidate_all()

    def records_of_b(self):
        """Per model that belongs to a company: the records of company B."""
        for name, model in self.env.registry.items():
            if model._original_module != ADDON or model._abstract or model._transient:
                continue
            if "company_id" in model._fields:
                yield self.env[name].search([("company_id", "=", self.company_b.id)])
            elif "connector_id" in model._fields:
                yield self.env[name].search([("connector_id", "=", self.connector_b.id)])

    def test_rows_of_another_company_are_invisible(self):
        seen = set()
        for records in self.records_of_b():
            with self.subTest(records._name):
                self.assertTrue(records, "there has to be something to hide")
                if not records.with_user(self.user_b).has_access("read"):
                    continue  # nobody reads it at all
                seen.add(records._name)
                self.assertEqual(
                    records.with_user(self.user_b).search([("id", "in", records.ids)]), records
                )
                as_a = records.with_user(self.user_a)
                self.assertFalse(as_a.search([("id", "in", records.ids)]))
                self.assertFalse(as_a.search_count([("id", "in", records.ids)]))
                with self.assertRaises(AccessError):
                    as_a.read(["display_name"])
        self.assertLessEqual(
            {
                "mfg.attempt",
                "mfg.audit.entry",
                "mfg.connector",
                "mfg.connector.runtime",
                "mfg.credential",
                "mfg.event",
                "mfg.external.ref",
                "mfg.inbox.message",
                "mfg.inbox.route",
                "mfg.message.dead",
                "mfg.outbox.message",
                "mfg.replay",
                "mfg.subscription",
            },
            seen,
        )

    def test_verbs_of_another_company_are_refused(self):
        verbs = {
            "retry": lambda user: self.message_b.with_user(user).action_retry(),
            "cancel": lambda user: self.message_b.with_user(user).action_cancel(),
            "retry in the error queue": lambda user: (
                self.env["mfg.message.dead"]
                .with_user(user)
                .browse(self.message_b.id * 2 + 1)
                .action_retry()
            ),
            "pause": lambda user: self.connector_b.with_user(user).action_pause(),
            "activate": lambda user: self.connector_b.with_user(user).action_activate(),
            "retire": lambda user: self.connector_b.with_user(user).action_retire(),
            "test": lambda user: self.connector_b.with_user(user).action_test_connection(),
            "test event": lambda user: self.connector_b.with_user(user).action_send_test_event(),
            "generate": lambda user: self.connector_b.credential_ids.with_user(
                user
            ).action_generate(),
            "read the body": lambda user: self.message_b.with_user(user).body_text,
        }
        for verb, call in verbs.items():
            with self.subTest(verb), self.assertRaises(AccessError), self.env.cr.savepoint():
                call(self.user_a)
        self.env.invalidate_all()
        self.assertEqual(self.message_b.state, "dead")
        self.assertEqual(self.connector_b.state, "active")

    def test_cancelling_ids_of_another_company_touches_nothing(self):
        wizard = (
            self.env["mfg.message.cancel"]
            .with_user(self.user_a)
            .create(
                {
                    "res_model": "mfg.inbox.message",
                    "res_ids": str(self.message_b.id),
                    "reason": "Test",
                }
            )
        )
        self.assertFalse(wizard.message_count)
        wizard.action_cancel()
        self.env.invalidate_all()
        self.assertEqual(self.message_b.state, "dead")

    def test_nothing_is_hung_onto_a_connector_of_another_company(self):
        values = {
            "mfg.credential": {"name": "Mine"},
            "mfg.inbox.route": {"message_type": "test.mine.v1"},
            "mfg.subscription": {"name": "Mine", "event_type_ids": [(4, self.changed.id)]},
            "mfg.external.ref": {"model": "res.partner", "external_id": "X", "res_id": 1},
        }
        for model, vals in values.items():
            with self.subTest(model), self.assertRaises(AccessError), self.env.cr.savepoint():
                self.env[model].with_user(self.user_a).create(
                    {"connector_id": self.connector_b.id, **vals}
                )
                self.env.flush_all()

    def test_the_service_user_sees_its_company_only(self):
        service = self.connector().service_user_id
        self.assertFalse(
            self.env["mfg.connector"].with_user(service).search([("id", "=", self.connector_b.id)])
        )
        with self.assertRaises(AccessError):
            self.message_b.with_user(service).read(["body_text"])
