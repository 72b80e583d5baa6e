from psycopg2.errors import UniqueViolation

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import UnknownEventType
from .common import MfgCase

SCHEMA = """{
    "type": "object",
    "required": ["order", "lines"],
    "properties": {
        "order": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"qty": {"type": "number"}}}
        }
    }
}"""


@tagged("post_install", "-at_install")
class TestEventType(MfgCase):
    def test_names(self):
        for code in (
            "mfg.test.order.released.v1",
            "mfg.test.order.quantity_changed.v12",
            "acme.thing.v1",
        ):
            with self.subTest(code):
                self.assertEqual(self.event_type(code).display_name, code)

    def test_names_that_are_refused(self):
        for code in (
            "mfg.production.order.released",  # no version
            "mfg.production.order.released.v0",
            "mfg.production.order.released.v01",
            "mfg.production.order.Released.v1",
            "mfg..released.v1",
            "released.v1.",
            "v1",
            "mfg.order released.v1",
            "mfg.order.released.v1\n",
        ):
            with self.subTest(code), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.event_type(code)

    @mute_logger("odoo.sql_db")
    def test_a_name_is_taken_once(self):
        self.event_type("mfg.test.twice.v1")
        with self.assertRaises(UniqueViolation), self.env.cr.savepoint():
            self.event_type("mfg.test.twice.v1")

    def test_the_schema_has_to_be_one(self):
        for schema, says in (
            ("{", "not JSON"),
            ('{"type": "nothing"}', "JSON Schema"),
            ('{"properties": []}', "JSON Schema"),
            ('{"required": "order"}', "JSON Schema"),
        ):
            with (
                self.subTest(schema),
                self.assertRaisesRegex(ValidationError, says),
                self.env.cr.savepoint(),
            ):
                self.event_type("mfg.test.schema.v1", schema=schema)

    def test_the_example_has_to_fit(self):
        fits = '{"order": "1", "lines": [{"qty": 1}]}'
        event_type = self.event_type("mfg.test.example.v1", schema=SCHEMA, example=fits)
        for example, says in (
            ('{"order": 1, "lines": []}', "/order"),
            ('{"order": "1", "lines": [{"qty": 1}, {"qty": "two"}]}', "/lines/1/qty"),
            ('{"order": "1"}', "lines"),
            ("{", "not JSON"),
        ):
            with self.subTest(example), self.assertRaisesRegex(ValidationError, says):
                event_type.example = example

    def test_lookup_follows_changes(self):
        event_type = self.event_type("mfg.test.lookup.v1")
        lookup = self.env["mfg.event.type"]._lookup
        self.assertEqual(lookup(event_type.code), (event_type.id, False))
        event_type.keep = True
        self.assertEqual(lookup(event_type.code), (event_type.id, True))
        event_type.state = "deprecated"
        self.assertEqual(lookup(event_type.code), (event_type.id, True))
        event_type.state = "retired"
        with self.assertRaises(UnknownEventType):
            lookup(event_type.code)
        event_type.state = "published"
        code = event_type.code
        event_type.unlink()
        with self.assertRaises(UnknownEventType):
            lookup(code)

    def test_shipped_types_have_an_example_each(self):
        # The constraint has checked that each fits its schema.
        shipped = self.env["ir.model.data"].search([("model", "=", "mfg.event.type")])
        types = self.env["mfg.event.type"].browse(shipped.mapped("res_id"))
        self.assertTrue(types)
        self.assertFalse(
            types.filtered(lambda t: not t.example or not t.description).mapped("code")
        )
