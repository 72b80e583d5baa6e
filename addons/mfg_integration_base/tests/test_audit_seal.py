import base64
import json
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import RestrictViolation

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..exceptions import StateWriteRefused
from ..models import mfg_audit_check
from ..models.mfg_audit_entry import COLUMNS, PERSONAL
from ..tools import audit_export
from ..wizards import mfg_audit_erase
from .common import MfgCase

GROUP = "mfg_integration_base.group_"
TABLES = ("mfg_audit_entry", "mfg_audit_seal", "mfg_audit_member")


@tagged("post_install", "-at_install")
class SealCase(MfgCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.audit = cls.env["mfg.audit.entry"]
        cls.seals = cls.env["mfg.audit.seal"]
        cls.partners = cls.env["res.partner"].create([{"name": str(n)} for n in range(3)])
        # What other tests' fixtures left unsealed does not count here.
        cls.seal_all()

    @classmethod
    def seal_all(cls):
        cls.env.flush_all()
        while cls.seals._seal_once():
            pass
        cls.seals.invalidate_model()

    def record(self, count=3, **vals):
        """So many entries about partners, sealed."""
        values = {"reason": "Because", "before": "a", "after": "b", **vals}
        self.audit._record("retry", self.partners[:count], **values)
        entries = self.audit.search([], limit=count, order="id desc").sorted("id")
        self.seal_all()
        return entries

    def check(self, *anchors):
        check = self.env["mfg.audit.check"].create({"anchors": "\n".join(anchors)})
        self.env.flush_all()
        result = self.env["mfg.audit.check"]._verify(check._parsed_anchors())
        check.write({**result, "state": "broken" if result["finding_count"] else "whole"})
        return check

    @contextmanager
    def as_owner(self):
        """As the owner of the database, who switches the triggers off."""
        self.env.flush_all()
        for table in TABLES:
            self.env.cr.execute(SQL("ALTER TABLE %s DISABLE TRIGGER USER", SQL.identifier(table)))
        yield lambda query, *args: self.env.cr.execute(SQL(query, *args))
        for table in TABLES:
            self.env.cr.execute(SQL("ALTER TABLE %s ENABLE TRIGGER USER", SQL.identifier(table)))
        self.env.invalidate_all()


class TestSealing(SealCase):
    def test_everything_is_under_one_chain(self):
        before = self.seals.search([], limit=1)
        entries = self.record()
        seal = self.seals.search([], limit=1)
        self.assertEqual((seal.number, seal.entry_count), (before.number + 1, 3))
        self.assertEqual(seal.previous, before.mac or seal.previous)
        self.assertEqual(seal.key.partition(":")[0], "test")
        self.env.cr.execute(
            "SELECT array_agg(entry_id ORDER BY entry_id) FROM mfg_audit_member WHERE seal = %s",
            [seal.number],
        )
        self.assertEqual(self.env.cr.fetchone()[0], entries.ids)
        check = self.check()
        self.assertEqual((check.state, check.findings), ("whole", False))
        self.assertEqual(check.anchor, f"{seal.number}:{seal.mac}")

    def test_no_seal_over_nothing(self):
        count = self.seals.search_count([])
        self.seal_all()
        self.assertEqual(self.seals.search_count([]), count)

    def test_the_mark_goes_out_to_who_wants_it(self):
        event_type = self.env["mfg.event.type"].search(
            [("code", "=", "mfg.integration.audit.sealed.v1")]
        )
        self.subscription(self.connector(), event_type)
        with self.capture_outbox() as outbox:
            self.record()
        seal = self.seals.search([], limit=1)
        [data] = outbox.data
        self.assertEqual(
            (data["number"], data["mark"], data["entries"]),
            (seal.number, seal.mac, seal.entry_count),
        )

    def test_a_copy_seals_nothing(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        self.env.flush_all()
        with patch.object(type(self.seals), "_seal_once") as seal_once:
            self.seals._cron_seal()
        seal_once.assert_not_called()

    def test_nobody_writes_seals(self):
        self.record()
        seal = self.seals.search([], limit=1)
        for act in (
            lambda: self.seals.create({"number": 9999}),
            lambda: seal.write({"mac": "00"}),
            seal.unlink,
        ):
            with self.assertRaises(StateWriteRefused):
                act()
        for query in (
            "UPDATE mfg_audit_seal SET entry_count = 0",
            "DELETE FROM mfg_audit_seal",
            "TRUNCATE mfg_audit_seal",
            "DELETE FROM mfg_audit_member",
            "TRUNCATE mfg_audit_member",
            "UPDATE mfg_audit_member SET leaf = leaf",
            "UPDATE mfg_audit_member SET salt = NULL, leaf = '\\x00'",
            "UPDATE mfg_audit_entry SET reason = 'other'",
            "UPDATE mfg_audit_entry SET user_id = NULL, user_login = NULL, name = NULL,"
            " reason = NULL, before = NULL, after = NULL, act = 'edit'",
            "DELETE FROM mfg_audit_entry",
            "TRUNCATE mfg_audit_entry",
        ):
            with (
                self.subTest(query),
                mute_logger("odoo.sql_db"),
                self.assertRaises(RestrictViolation),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(query)


class TestTampering(SealCase):
    """By the owner of the database, with the triggers off."""

    CHANGED = {
        "recorded_at": "recorded_at + interval '1 second'",
        "user_id": "1 + COALESCE(user_id, 0)",
        "company_id": "4711",
        "act": "'export'",
        "model": "'res.users'",
        "res_id": "res_id + 1",
        "uuid": "'other'",
        "user_login": "'somebody'",
        "name": "'other'",
        "reason": "'other'",
        "before": "'other'",
        "after": "NULL",
    }

    def assert_broken(self, *said):
        check = self.check()
        self.assertEqual(check.state, "broken")
        for text in said:
            self.assertIn(text, check.findings)

    def test_each_column_of_an_entry(self):
        self.assertEqual(set(self.CHANGED), {*COLUMNS, *PERSONAL})
        entry = self.record()[1]
        for column, value in self.CHANGED.items():
            with self.subTest(column), self.env.cr.savepoint() as savepoint:
                with self.as_owner():
                    self.env.cr.execute(
                        f"UPDATE mfg_audit_entry SET {column} = {value} WHERE id = %s", [entry.id]
                    )
                self.assert_broken(f"Entry {entry.id} ")
                savepoint.rollback()
        self.assertEqual(self.check().state, "whole")

    def test_each_column_of_a_seal(self):
        self.record()
        self.record()
        number = self.seals.search([], limit=1).number - 1
        for column, value in {
            "previous": "repeat('0', 64)",
            "root": "repeat('0', 64)",
            "entry_count": "entry_count + 1",
            "first_at": "first_at - interval '1 second'",
            "last_at": "NULL",
            "sealed_at": "sealed_at + interval '1 second'",
            "key": "'other:12345678'",
            "mac": "repeat('0', 64)",
            "number": "number + 100",
        }.items():
            with self.subTest(column), self.env.cr.savepoint() as savepoint:
                with self.as_owner():
                    self.env.cr.execute(
                        f"UPDATE mfg_audit_seal SET {column} = {value} WHERE number = %s", [number]
                    )
                self.assert_broken(f"eal {number}")
                savepoint.rollback()

    def test_a_deleted_entry(self):
        entry = self.record()[0]
        with self.as_owner() as run:
            run("DELETE FROM mfg_audit_entry WHERE id = %s", entry.id)
        self.assert_broken(f"Entry {entry.id} of seal", "is missing")

    def test_an_entry_that_was_taken_out_of_its_seal(self):
        entry = self.record()[0]
        number = self.seals.search([], limit=1).number
        with self.as_owner() as run:
            run("DELETE FROM mfg_audit_entry WHERE id = %s", entry.id)
            run("DELETE FROM mfg_audit_member WHERE entry_id = %s", entry.id)
        self.assert_broken(f"Seal {number} covers 3 entries, but lists only 2")

    def test_an_entry_that_was_smuggled_in(self):
        entry = self.record()[0]
        with self.as_owner() as run:
            run(
                "INSERT INTO mfg_audit_entry (recorded_at, user_login, act, model, res_id)"
                " SELECT recorded_at - interval '1 day', 'x', act, model, res_id"
                "   FROM mfg_audit_entry WHERE id = %s",
                entry.id,
            )
        self.assert_broken("No seal covers these entries")

    def test_a_missing_seal(self):
        self.record()
        self.record()
        number = self.seals.search([], limit=1).number - 1
        with self.as_owner() as run:
            run("DELETE FROM mfg_audit_seal WHERE number = %s", number)
        self.assert_broken(f"Seal {number} is missing")

    def test_an_end_that_was_cut_off_shows_against_a_mark_kept_elsewhere(self):
        self.record()
        kept = self.check().anchor
        entries = self.record()
        newest = self.check().anchor
        number = self.seals.search([], limit=1).number
        with self.as_owner() as run:
            run("DELETE FROM mfg_audit_seal WHERE number = %s", number)
            run("DELETE FROM mfg_audit_member WHERE seal = %s", number)
            run("DELETE FROM mfg_audit_entry WHERE id = ANY(%s)", entries.ids)
        self.assertEqual(self.check(kept).state, "whole", "what was known then is still there")
        check = self.check(newest)
        self.assertEqual(check.state, "broken")
        self.assertIn("the end was cut off", check.findings)

    def test_a_chain_that_was_made_anew_shows_against_a_mark(self):
        entries = self.record()
        kept = self.check().anchor
        number = self.seals.search([], limit=1).number
        with self.as_owner() as run:
            run("DELETE FROM mfg_audit_seal WHERE number = %s", number)
            run("DELETE FROM mfg_audit_member WHERE seal = %s", number)
            run("UPDATE mfg_audit_entry SET reason = 'forged' WHERE id = %s", entries[0].id)
            run("INSERT INTO mfg_audit_unsealed SELECT unnest(%s::int[])", entries.ids)
        self.seal_all()
        self.assertEqual(self.check().state, "whole", "with our own key, by ourselves")
        self.assertIn("is not the one that was kept elsewhere", self.check(kept).findings)

    def test_another_key_is_not_ours(self):
        self.record()
        other = "test:" + base64.b64encode(b"o" * 32).decode()
        with patch.dict("os.environ", {"MFG_SECRET_KEY": other}):
            self.assert_broken("another key than the configured one of the name test")


class TestErasure(SealCase):
    def test_a_person_goes_and_the_evidence_stays(self):
        person = self.user(f"{GROUP}operator")
        self.audit.with_user(person).sudo()._record(
            "retry", self.partners.with_user(person), reason="Mine", before="x"
        )
        mine = self.audit.search([("user_login", "=", person.login)])
        self.assertEqual(len(mine), 3)
        others = self.record()
        wizard = self.env["mfg.audit.erase"].create(
            {
                "user_login": person.login,
                "before": fields.Datetime.now() + timedelta(minutes=1),
                "reason": "Asked for it",
            }
        )
        with self.assertRaisesRegex(ValidationError, "30 days"):
            wizard.action_erase()
        with patch.object(mfg_audit_erase, "KEPT_DAYS", -1):
            wizard.action_erase()
        for name in PERSONAL:
            self.assertEqual(set(mine.mapped(name)), {False} if name != "user_id" else set(), name)
        self.assertEqual(set(mine.mapped("act")), {"retry"})
        self.assertEqual(set(others.mapped("reason")), {"Because"})
        self.env.cr.execute(
            "SELECT count(*) FROM mfg_audit_member WHERE salt IS NULL AND entry_id = ANY(%s)",
            [mine.ids],
        )
        self.assertEqual(self.env.cr.fetchone()[0], 3)
        told = self.audit.search([("act", "=", "erase")])
        self.assertEqual(set(told.mapped("res_id")), set(mine.ids))
        self.assertNotIn(person.login, repr(told.read()))
        self.seal_all()
        check = self.check()
        self.assertEqual((check.state, check.erased_count), ("whole", 3))

    def test_putting_something_in_its_place_is_found(self):
        self.record()
        entry = self.audit.search([], limit=1)
        self.audit._erase(entry.user_login, fields.Datetime.now() + timedelta(hours=1), "Old")
        with self.as_owner() as run:
            run("UPDATE mfg_audit_entry SET user_login = 'x' WHERE id = %s", entry.id)
        self.assertEqual(self.check().state, "broken")

    def test_nobody_erases_themselves(self):
        manager = self.user(f"{GROUP}manager")
        wizard = (
            self.env["mfg.audit.erase"]
            .with_user(manager)
            .create({"user_login": f" {manager.login}", "reason": "Mine"})
        )
        with self.assertRaisesRegex(AccessError, "themselves"):
            wizard.action_erase()

    def test_an_erasure_that_nobody_tells_of_is_a_break(self):
        entry = self.record()[0]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mfg_audit_entry SET user_id = NULL, user_login = NULL, name = NULL,"
            " reason = NULL, before = NULL, after = NULL WHERE id = %s",
            [entry.id],
        )
        self.env.cr.execute(
            "UPDATE mfg_audit_member SET salt = NULL WHERE entry_id = %s", [entry.id]
        )
        check = self.check()
        self.assertEqual(check.state, "broken")
        self.assertIn(f"no entry tells of it: {entry.id}", check.findings)

    def test_what_is_not_sealed_yet_waits(self):
        self.audit._record("retry", self.partners)
        login = self.env.user.login
        with self.assertRaisesRegex(ValidationError, "not sealed yet"):
            self.audit._erase(login, fields.Datetime.now() + timedelta(hours=1), "Old")

    def test_managers_only(self):
        for group in ("operator", "auditor"):
            with self.subTest(group), self.assertRaises(AccessError):
                self.env["mfg.audit.erase"].with_user(self.user(f"{GROUP}{group}")).create(
                    {"user_login": "x", "reason": "y"}
                )


class TestCheck(SealCase):
    def test_an_auditor_checks_and_sees_the_result(self):
        self.record()
        auditor = self.user(f"{GROUP}auditor")
        check = self.env["mfg.audit.check"].with_user(auditor).create({})
        with self.enter_registry_test_mode():
            check.action_verify()
        self.assertEqual((check.state, check.user_id), ("whole", auditor))
        self.assertGreaterEqual(check.entry_count, 3)
        with self.assertRaises(AccessError):
            self.env["mfg.audit.check"].with_user(self.user(f"{GROUP}operator")).create({})

    def test_nobody_writes_what_a_check_has_found(self):
        auditor = self.user(f"{GROUP}auditor")
        check = (
            self.env["mfg.audit.check"]
            .with_user(auditor)
            .with_context(default_state="broken")
            .create({"state": "whole", "anchor": f"9:{'0' * 64}", "entry_count": 5})
        )
        self.assertEqual((check.state, check.anchor, check.entry_count), ("draft", False, 0))

    def test_a_wrong_anchor_is_refused_when_it_is_saved(self):
        with self.assertRaisesRegex(ValidationError, "line 2"):
            self.env["mfg.audit.check"].create({"anchors": f"1:{'0' * 64}\n2:abc"})

    def test_entries_of_the_last_minutes_may_wait_for_their_seal(self):
        self.audit._record("retry", self.partners)
        check = self.check()
        self.assertEqual((check.state, check.unsealed_count), ("whole", 3))
        with patch.object(mfg_audit_check, "UNSEALED_MINUTES", -1):
            self.assertEqual(self.check().state, "broken")

    def test_the_nightly_check_tells_the_auditors_once(self):
        auditor = self.user(f"{GROUP}auditor")
        entry = self.record()[0]
        with self.as_owner() as run:
            run("UPDATE mfg_audit_entry SET reason = 'forged' WHERE id = %s", entry.id)
        with self.enter_registry_test_mode():
            self.env["mfg.audit.check"]._cron_check()
            self.env["mfg.audit.check"]._cron_check()
        told = self.env["mail.message"].search(
            [("subject", "like", "audit trail is broken"),
             ("notified_partner_ids", "in", auditor.partner_id.ids)]
        )  # fmt: skip
        self.assertEqual(len(told), 1)


class TestExport(SealCase):
    def export(self, user=None):
        wizard = self.env["mfg.audit.export"].with_user(user or self.env.user).create({})
        wizard.date_to = fields.Datetime.now() + timedelta(minutes=1)
        wizard.action_export()
        return base64.b64decode(wizard.file), wizard.public_key

    def test_a_signed_file(self):
        entries = self.record()
        auditor = self.user(f"{GROUP}auditor")
        entries_all = self.audit.with_user(auditor).search([])
        file, key = self.export(auditor)
        head, *lines = audit_export.read(file, key)
        self.assertEqual(head["kind"], "head")
        exported = [line for line in lines if line["kind"] == "entry"]
        self.assertEqual([line["id"] for line in exported], entries_all.sorted("id").ids)
        seal = self.seals.search([], limit=1)
        self.assertIn(seal.mac, [line.get("mac") for line in lines])
        self.assertEqual(
            {line["seal"] for line in exported if line["id"] in entries.ids}, {seal.number}
        )
        told = self.audit.search([("act", "=", "export")], limit=1)
        self.assertEqual(told.user_login, auditor.login)
        with self.assertRaises(audit_export.ExportError):
            audit_export.read(file.replace(b"Because", b"Becausf"), key)

    def test_only_what_the_person_may_see(self):
        other = self.env["res.company"].create({"name": "Other"})
        foreign = self.env["res.partner"].create({"name": "F", "company_id": other.id})
        self.audit._record("retry", foreign, reason="Foreign")
        self.seal_all()
        file, key = self.export(self.user(f"{GROUP}auditor"))
        self.assertNotIn("Foreign", json.dumps(audit_export.read(file, key)))
