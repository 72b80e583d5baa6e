"""Events of bills of materials and their operations, on each path by which they can change."""

from odoo import Command
from odoo.tests import Form, tagged

from ..models import mfg_engineering_payload as payload
from .common import MesCase


class EngineeringCase(MesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listen(payload.BOM_CHANGED, payload.ROUTING_CHANGED)
        cls.legs, cls.tops = cls.bom.bom_line_ids
        cls.sawing, cls.assembly = cls.bom.operation_ids

    def lines(self, data):
        """``[(change, product code, old quantity, new quantity)]``"""
        return [
            (
                line["change"],
                (line["old"] or line["new"])["product"]["code"],
                line["old"] and line["old"]["quantity"],
                line["new"] and line["new"]["quantity"],
            )
            for line in data["lines"]
        ]


@tagged("post_install", "-at_install")
class TestBom(EngineeringCase):
    def test_header(self):
        with self.capture_outbox() as outbox:
            self.bom.write({"code": "R-2", "product_qty": 2})
            self.bom.write({"code": "R-2", "product_qty": 2})
        (data,) = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual(data["bom"]["uuid"], self.bom.mfg_uuid)
        self.assertEqual(
            (data["header"]["code"], data["header"]["quantity"]),
            ({"old": None, "new": "R-2"}, {"old": 1, "new": 2}),
        )
        self.assertEqual((data["change"], data["lines"]), ("changed", []))
        self.assertTrue(data["effective_at"])

    def test_one_save_is_one_event(self):
        with self.capture_outbox() as outbox, Form(self.bom) as form:
            form.code = "R-3"
            with form.bom_line_ids.edit(0) as line:
                line.product_qty = 4
            form.bom_line_ids.remove(1)
            with form.bom_line_ids.new() as line:
                line.product_id = self.make_product("Screw", "SCREW")
                line.product_qty = 8
        (data,) = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual(set(data["header"]), {"code"})
        self.assertEqual(
            self.lines(data),
            [("changed", "LEG", 2, 4), ("removed", "TOP", 1, None), ("added", "SCREW", None, 8)],
        )

    def test_line_by_itself(self):
        with self.capture_outbox() as outbox:
            self.legs.product_qty = 3
            self.tops.unlink()
            self.env["mrp.bom.line"].create(
                {"bom_id": self.bom.id, "product_id": self.top.id, "product_qty": 2}
            )
        told = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual(
            [self.lines(data) for data in told],
            [
                [("changed", "LEG", 2, 3)],
                [("removed", "TOP", 1, None)],
                [("added", "TOP", None, 2)],
            ],
        )
        self.assertEqual([data["revision"] for data in told], [1, 2, 3])
        self.assertEqual(len(set(outbox.messages.mapped("ordering_key"))), 1)

    def test_created_and_copied(self):
        with self.capture_outbox() as outbox:
            bom = self.make_bom(self.make_product("Box", "BOX"), [(self.leg, 4)])
            bom.copy()
        told = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual([data["change"] for data in told], ["created", "created"])
        self.assertEqual(self.lines(told[0]), [("added", "LEG", None, 4)])
        self.assertEqual(told[0]["header"]["product"]["new"]["code"], "BOX")

    def test_import(self):
        with self.capture_outbox() as outbox:
            result = self.env["mrp.bom.line"].load(
                [".id", "product_qty"], [[str(self.legs.id), "5"]]
            )
        self.assertFalse(result["messages"])
        (data,) = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual(self.lines(data), [("changed", "LEG", 2, 5)])

    def test_archived_and_restored(self):
        with self.capture_outbox() as outbox:
            self.bom.action_archive()
            self.bom.action_unarchive()
        told = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual([data["change"] for data in told], ["archived", "restored"])

    def test_deleted(self):
        bom = self.make_bom(self.make_product("Box", "BOX"), [(self.leg, 4)])
        uuid = bom.mfg_uuid
        with self.capture_outbox() as outbox:
            bom.unlink()
        (data,) = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual((data["bom"]["uuid"], data["change"]), (uuid, "deleted"))
        self.assertEqual(self.lines(data), [("removed", "LEG", 4, None)])

    def test_what_says_nothing_about_the_product(self):
        with self.capture_outbox() as outbox:
            self.bom.write({"sequence": 7})
            self.legs.sequence = 9
        self.assertFalse(outbox.messages)

    def test_mark_from_outside_keeps_nothing_secret(self):
        with self.capture_outbox() as outbox:
            self.legs.with_context(mfg_watched=True).product_qty = 3
        self.assertEqual(len(self.events(outbox, payload.BOM_CHANGED)), 1)

    def test_by_a_user(self):
        user = self.user("mrp.group_mrp_manager")
        with self.capture_outbox() as outbox:
            self.bom.with_user(user).bom_line_ids = [
                Command.update(self.legs.id, {"product_qty": 6})
            ]
        (data,) = self.events(outbox, payload.BOM_CHANGED)
        self.assertEqual(data["actor"], user.login)

    def test_nobody_listens(self):
        self.nobody_listens()
        self.patch(type(self.bom), "_mfg_facts", lambda bom: self.fail("compared for nobody"))
        self.bom.product_qty = 3
        self.legs.product_qty = 3
        self.assertEqual(self.bom.mfg_revision, 0)


@tagged("post_install", "-at_install")
class TestRouting(EngineeringCase):
    def test_changed(self):
        with self.capture_outbox() as outbox:
            self.sawing.write({"time_cycle_manual": 15, "workcenter_id": self.bench.id})
            self.sawing.write({"time_cycle_manual": 15})
        (data,) = self.events(outbox, payload.ROUTING_CHANGED)
        self.assertEqual(data["operation"]["uuid"], self.sawing.mfg_uuid)
        self.assertEqual(data["bom"]["uuid"], self.bom.mfg_uuid)
        self.assertEqual(data["changes"]["cycle_minutes"], {"old": 10, "new": 15})
        self.assertEqual(data["changes"]["workcenter"]["new"]["code"], "BENCH")
        self.assertEqual(outbox.messages.ordering_key, self.bom._mfg_ordering_key())

    def test_in_the_bill(self):
        with self.capture_outbox() as outbox:
            self.bom.operation_ids = [
                Command.update(self.assembly.id, {"name": "Glue"}),
                Command.create({"name": "Paint", "workcenter_id": self.bench.id}),
            ]
        told = self.events(outbox, payload.ROUTING_CHANGED)
        self.assertEqual(
            [(d["operation"]["name"], d["change"]) for d in told],
            [("Glue", "changed"), ("Paint", "created")],
        )
        self.assertFalse(self.events(outbox, payload.BOM_CHANGED))

    def test_dependency(self):
        self.bom.allow_operation_dependencies = True
        with self.capture_outbox() as outbox:
            self.assembly.blocked_by_operation_ids = self.sawing
        (data,) = self.events(outbox, payload.ROUTING_CHANGED)
        self.assertEqual(data["changes"]["after"]["new"], [self.sawing.mfg_uuid])

    def test_archived_with_the_bill(self):
        with self.capture_outbox() as outbox:
            self.bom.action_archive()
        told = self.events(outbox, payload.ROUTING_CHANGED)
        self.assertEqual([d["change"] for d in told], ["archived", "archived"])

    def test_deleted(self):
        with self.capture_outbox() as outbox:
            self.assembly.unlink()
        (data,) = self.events(outbox, payload.ROUTING_CHANGED)
        self.assertEqual((data["change"], data["changes"]["name"]["new"]), ("deleted", None))

    def test_nobody_listens(self):
        self.nobody_listens()
        self.patch(payload, "operation_facts", lambda operation: self.fail("compared for nobody"))
        self.sawing.time_cycle_manual = 15
