from decimal import Decimal

from odoo import api, models
from odoo.addons.mfg_integration_base.tools.snapshot_compare import Fact
from odoo.exceptions import UserError

from . import mfg_production_payload as payload
from .mfg_reconciliation import QUANTITY, TIME, UUID, moment, seconds

NUMBERS = ("good", "scrap", "rework")
TIMES = ("started_at", "ended_at")
MADE = (("good", 0), ("scrap", 0), ("rework", 0), ("finished", False))


class MfgReconciliationQuantities(models.AbstractModel):
    """What the shop floor says it made on operations and orders, against what Odoo has booked."""

    _name = "mfg.reconciliation.kind.production_quantities"
    _inherit = ["mfg.reconciliation.orders", "mfg.reconciliation.kind"]
    _description = "Comparison of quantities and times of production"

    @api.model
    def _row_schema(self):
        return {
            "type": "object",
            "required": ["good"],
            "additionalProperties": False,
            "anyOf": [{"required": ["order"]}, {"required": ["workorder"]}],
            "properties": {
                "order": UUID,
                "workorder": UUID,
                **dict.fromkeys(NUMBERS, QUANTITY),
                "finished": {"type": "boolean"},
                **dict.fromkeys(TIMES, TIME),
            },
        }

    @api.model
    def _facts(self):
        env = self.env
        return {
            "good": Fact(env._("Good"), "quantity"),
            "scrap": Fact(env._("Scrap"), "quantity"),
            "rework": Fact(env._("Rework"), "quantity"),
            "finished": Fact(env._("Finished")),
            "started_at": Fact(env._("Started"), "time"),
            "ended_at": Fact(env._("Ended"), "time"),
        }

    @api.model
    def _there(self, run, row, pointer):
        facts = {name: row[name] for name in (*NUMBERS, "finished") if name in row}
        for name in TIMES:
            time = moment(row, name, pointer)
            if time is not None:
                facts[name] = time
        return (row.get("workorder") or row["order"]).lower(), facts

    @api.model
    def _here(self, run, there):
        rows = self.env["mfg.mes.progress"].search(
            [
                ("connector_id", "=", run.connector_id.id),
                ("company_id", "=", run.company_id.id),
                *self._in_scope(run),
            ]
        )
        found = {
            **self._by_uuid("mrp.production", there.keys()),
            **self._workorders(there.keys()),
        }
        targets = {row.workorder_id or row.production_id for row in rows} | {
            target for target in found.values() if self._order_of(target).mfg_released_at
        }
        progress = self.env["mfg.mes.progress"].search(
            [
                "|",
                ("workorder_id", "in", [t.id for t in targets if t._name == "mrp.workorder"]),
                "&",
                ("production_id", "in", [t.id for t in targets if t._name == "mrp.production"]),
                ("workorder_id", "=", False),
            ]
        )
        by_target = progress.grouped(lambda row: row.workorder_id or row.production_id)
        empty = self.env["mfg.mes.progress"]
        return {
            target.mfg_uuid: self._row(run, target, by_target.get(target, empty))
            for target in targets
        }

    def _in_scope(self, run):
        return [
            "|",
            ("production_id.state", "not in", ("done", "cancel")),
            ("production_id.date_finished", ">=", run.since),
        ]

    def _row(self, run, target, progress):
        own = progress.filtered(lambda row: row.connector_id == run.connector_id)
        if not own:
            return dict(MADE)
        others = progress - own
        order = self._order_of(target)
        if target == order:
            good, scrap = order._mfg_good(), order._mfg_scrapped()
            ended = order.date_finished
        else:
            good = target.qty_produced
            scrap = sum(
                order._mfg_finished_scraps()
                .filtered(lambda s: s.workorder_id == target)
                .mapped("scrap_qty")
            )
            ended = target.date_finished
        uom = order.product_uom_id
        finished = target.state == "done"
        row = {
            "good": payload.quantity_of(good - sum(others.mapped("good")), uom),
            "scrap": payload.quantity_of(scrap - sum(others.mapped("scrap")), uom),
            "rework": payload.quantity_of(own.rework, uom),
            "finished": finished,
        }
        if target.date_start:
            row["started_at"] = seconds(target.date_start)
        if finished and ended:
            row["ended_at"] = seconds(ended)
        return row

    @api.model
    def _expected(self, run, keys):
        # What was never reported is no row of the shop floor's books yet.
        reported = self.env["mfg.mes.progress"].search(
            [("connector_id", "=", run.connector_id.id), *self._in_scope(run)]
        )
        return {(row.workorder_id or row.production_id).mfg_uuid for row in reported} & keys

    @api.model
    def _records(self, run, keys):
        return {**self._by_uuid("mrp.production", keys), **self._by_uuid("mrp.workorder", keys)}

    # === Accept theirs === #

    @api.model
    def _can(self, act, line):
        if act != "accept":
            return super()._can(act, line)
        # Scrap needs its reasons, which a total does not tell.
        return line.difference == "different" and line.fact == "good"

    @api.model
    def _accept(self, line, reason):
        """Book the partner's good quantity as if its last report had said it."""
        target = self.env[line.model].browse(line.res_id).exists()
        order = self._order_of(target)
        order.check_access("write")
        order._mfg_lock()
        workorder = target if target != order else self.env["mrp.workorder"]
        progress = self.env["mfg.mes.progress"]._find(line.connector_id, order, workorder)
        if not progress or order.state in ("done", "cancel") or progress.finished:
            raise UserError(
                self.env._(
                    "%s is finished: it is corrected in Odoo, by an unbuild order, a scrap order "
                    "or an inventory adjustment.",
                    line.name,
                )
            )
        if progress.form == "increments":
            raise UserError(
                self.env._(
                    "%s is reported in increments. Have the partner send the one that is missing.",
                    line.name,
                )
            )
        # sudo: who may change the order takes over what its shop floor says; nobody writes reports,
        # and what is the shop floor's is guarded against people.
        progress.sudo()._set_good(Decimal(str(line.values["good"])), reason)
        order.sudo()._mfg_book_good(progress.sudo())
