"""People who edit what the shop floor owns: stopped, or let through, which leaves a conflict."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare

from ..tools import ownership
from .reported import Reported

WATCHED = {
    "mrp.production": {
        "product_qty": "quantities",
        "qty_producing": "progress",
        "date_start": "dates",
        "date_deadline": "dates",
        "priority": "priority",
    },
    "mrp.workorder": {"qty_produced": "progress", "date_start": "dates", "date_finished": "dates"},
    "stock.move": {"quantity": "consumption"},
}
"""Model -> field -> group. What Odoo writes by itself is not an edit, see ``is_edit``."""

REPORTED = frozenset({"progress", "consumption"})
"""Groups that reports have values of: what people set there is kept, whoever owns it."""


def is_edit(records, vals):
    """Whether a person writes, and not Odoo on its way to something else.

    A message that is booked has its cause, Odoo's own steps are the superuser's, and finishing
    writes the state along.
    """
    return not (
        records.env.su
        or records._mfg_cause()
        or Reported.of(records.env)
        or vals.get("state") == "done"
    )


def before_edit(records, vals):
    """Call before ``write``: stops who may not, and returns what has to be kept afterwards.

    :return: list of ``(record, field, rule, value until now)``
    :raises UserError: the field is the shop floor's
    """
    watched = WATCHED[records._name]
    names = watched.keys() & vals.keys()
    if not names or not is_edit(records, vals):
        return []
    rules = records.env["mfg.ownership.rule"]
    kept = []
    for name in sorted(names):
        for record in records:
            order = record._mfg_owned_order()
            if not order or _is_same(record, name, vals[name]):
                continue
            rule = rules._rule(order, watched[name], record._mfg_owned_workcenter())
            if rule and rule.owner == "mes":
                order._mfg_stop_edit(record, name, rule)
            if rule and (rule.owner == "mes" or watched[name] in REPORTED):
                kept.append((record, name, rule, record[name]))
    return kept


def after_edit(kept):
    """Call after ``write`` with what ``before_edit`` returned."""
    for record, name, rule, before in kept:
        order = record._mfg_owned_order()
        order._mfg_conflict(record, name, rule, here=record[name], there=before)


def _is_same(record, name, value):
    field = record._fields[name]
    before = field.convert_to_write(record[name], record)
    if field.type == "float":
        return not float_compare(before or 0.0, value or 0.0, precision_digits=6)
    return (field.convert_to_cache(value, record) or False) == (
        field.convert_to_cache(before, record) or False
    )


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    mfg_conflict_count = fields.Integer(compute="_compute_mfg_conflict_count")

    def _compute_mfg_conflict_count(self):
        conflicts = self.env["mfg.conflict"]
        may_read = conflicts.has_access("read")
        for order in self:
            key = [("ordering_key", "=", order._mfg_ordering_key())]
            order.mfg_conflict_count = conflicts.search_count(key) if may_read else 0

    def action_mfg_conflicts(self):
        """What this order's owner and somebody else do not agree on."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mfg_integration_base.mfg_conflict_action"
        )
        return action | {
            "domain": [("ordering_key", "=", self._mfg_ordering_key())],
            "context": {},
        }

    def _mfg_owned_order(self):
        """The order whose owner is asked, if the shop floor runs it by now; else none."""
        is_owned = self.mfg_owner == "mes" and self.mfg_released_at
        return self if is_owned and self.state not in ("done", "cancel") else self.browse()

    def _mfg_owned_workcenter(self):
        return None

    def _mfg_stop_edit(self, record, name, rule):
        if rule.guard == "warn" or self._mfg_may_override():
            return
        raise UserError(
            self.env._(
                "%(order)s: “%(field)s” is the shop floor's, which reports it. A manufacturing "
                "administrator may change it.",
                order=self.display_name,
                field=record._fields[name]._description_string(self.env),
            )
        )

    def _mfg_conflict(self, record, name, rule, *, here, there, **vals):
        """Keep that somebody in Odoo and the shop floor say different things.

        :param rule: ``tools.ownership.Rule``
        """
        now = fields.Datetime.now()
        progress = self.mfg_progress_ids.sorted("write_date")[-1:]
        there_at = progress.ended_at or progress.write_date or False
        winner = ownership.winner(rule, now, there_at or None)
        reasons = {
            "here": self.env._("By the rule: Odoo's value stands until a newer report.")
            if rule.on_conflict == "newest_wins"
            else self.env._("By the rule: Odoo owns it."),
            "there": self.env._("By the rule: the shop floor's next report takes its place."),
            "": self.env._("By the rule: a person decides. Reports about it wait."),
        }
        return self.env["mfg.conflict"]._record(
            record,
            name,
            **{
                "here": here,
                "there": there,
                "connector_id": progress.connector_id.id,
                "field_group": rule.field_group,
                "owner": "there" if rule.owner == "mes" else "here",
                "rule": rule.on_conflict,
                "state": "decided" if winner else "open",
                "winner": winner or False,
                "reason": reasons[winner],
                "here_by_id": self.env.uid,
                "here_at": now,
                "there_at": there_at,
                **vals,
            },
        )

    def write(self, vals):
        kept = before_edit(self, vals)
        result = super().write(vals)
        after_edit(kept)
        return result


class MrpWorkorder(models.Model):
    _inherit = "mrp.workorder"

    def _mfg_owned_order(self):
        return self.production_id._mfg_owned_order()

    def _mfg_owned_workcenter(self):
        return self.workcenter_id

    def write(self, vals):
        kept = before_edit(self, vals)
        result = super().write(vals)
        after_edit(kept)
        return result


class StockMove(models.Model):
    _inherit = "stock.move"

    def _mfg_owned_order(self):
        return self.raw_material_production_id._mfg_owned_order()

    def _mfg_owned_workcenter(self):
        return self.workorder_id.workcenter_id

    def write(self, vals):
        kept = before_edit(self, vals)
        result = super().write(vals)
        after_edit(kept)
        return result


class StockScrap(models.Model):
    _inherit = "stock.scrap"

    @api.model_create_multi
    def create(self, vals_list):
        scraps = super().create(vals_list)
        if is_edit(self, {}):
            for scrap in scraps:
                scrap._mfg_scrapped_by_hand()
        return scraps

    def _mfg_scrapped_by_hand(self):
        """Pieces of the product that a person scraps, on an order whose scrap is reported."""
        order = self._mfg_production()._mfg_owned_order()
        if not order or self.product_id != order.product_id:
            return
        rule = self.env["mfg.ownership.rule"]._rule(order, "scrap", self.workorder_id.workcenter_id)
        if rule and rule.owner == "mes":
            order._mfg_stop_edit(self, "scrap_qty", rule)
            order._mfg_conflict(
                order.workorder_ids & self.workorder_id or order,
                "scrap_ids",
                rule,
                here=self.scrap_qty,
                there=None,
                reason=self.env._("Scrapped by hand; the shop floor's reports do not have it."),
            )
