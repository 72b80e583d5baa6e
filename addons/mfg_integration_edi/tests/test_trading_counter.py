from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.interchange import NUMBER_LIMIT
from .common import EdiCase


@tagged("post_install", "-at_install")
class TestTradingCounter(EdiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.active = cls.agreement()
        cls.active.action_activate()

    def counter(self, level="interchange"):
        return self.active.counter_ids.filtered(lambda counter: counter.level == level)

    def test_each_level_counts_for_itself(self):
        self.assertEqual(self.active._next_control_numbers("interchange"), [1])
        self.assertEqual(self.active._next_control_numbers("interchange", 3), [2, 3, 4])
        self.assertEqual(self.active._next_control_numbers("message", 2), [1, 2])
        self.assertEqual(self.active._next_control_numbers("group"), [1])
        self.assertEqual(self.counter().last_number, 4)

    def test_numbering_goes_on_from_the_entered_number(self):
        self.counter().last_number = 4711
        self.assertEqual(self.active._next_control_numbers("interchange"), [4712])

    def test_numbering_starts_again_after_nine_digits(self):
        self.counter().last_number = NUMBER_LIMIT - 1
        self.assertEqual(self.active._next_control_numbers("interchange", 3), [NUMBER_LIMIT, 1, 2])
        self.assertEqual(self.active._next_control_numbers("interchange"), [3])

    def test_a_rollback_gives_the_numbers_back(self):
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.active._next_control_numbers("interchange")
            raise ZeroDivisionError
        self.env.invalidate_all()
        self.assertEqual(self.active._next_control_numbers("interchange"), [1])

    def test_used_numbers_cannot_be_edited(self):
        self.active._next_control_numbers("interchange")
        self.assertTrue(self.counter().used_at)
        with self.assertRaisesRegex(UserError, "go on by themselves"):
            self.counter().last_number = 0
        with self.assertRaises(UserError):
            self.counter().write({"level": "message"})
        with self.assertRaises(UserError):
            self.counter().used_at = False  # and then start again

    def test_a_counter_cannot_be_made_anew(self):
        manager = self.user("mfg_integration_base.group_manager")
        with self.assertRaises(AccessError):
            self.counter().with_user(manager).unlink()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.counter().with_user(manager).create(
                {"agreement_id": self.active.id, "level": "interchange"}
            )

    def test_a_number_has_at_most_nine_digits(self):
        with self.assertRaises(ValidationError):
            self.counter().last_number = NUMBER_LIMIT + 1
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.counter().last_number = -1
            self.env.flush_all()

    def test_drafts_and_retired_agreements_give_no_numbers(self):
        with self.assertRaisesRegex(UserError, "is not active"):
            self.agreement(usage="production")._next_control_numbers("interchange")
        self.active.action_retire()
        with self.assertRaisesRegex(UserError, "is not active"):
            self.active._next_control_numbers("interchange")
