from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError

from . import mfg_production_payload as payload
from .reported import RELEASE_LATER, Reported

OWNERS = [("odoo", "Odoo"), ("mes", "Shop floor (MES)")]

FACTS = frozenset({"mfg_released_at", "mfg_closed_at", "mfg_revision", "mfg_over_approved"})
"""What was told of an order, or allowed on it. Taken from nobody: without them the order is told
again, or not at all, and the guard against people is off."""


class MrpProduction(models.Model):
    """What partners are told of a production order, and who runs it."""

    _name = "mrp.production"
    _inherit = ["mrp.production", "mfg.uuid.mixin"]

    mfg_owner = fields.Selection(
        OWNERS,
        string="Run by",
        compute="_compute_mfg_owner",
        store=True,
        readonly=False,
        copy=False,
        tracking=True,
        help="Who reports progress, consumption and scrap. Fixed when the order is released.",
    )
    mfg_revision = fields.Integer(
        string="Revision",
        readonly=True,
        copy=False,
        help="Counts the released versions of the order: release is 1, each change of quantity "
        "adds one.",
    )
    mfg_released_at = fields.Datetime(string="Released", readonly=True, copy=False)
    mfg_closed_at = fields.Datetime(string="Closed", readonly=True, copy=False)
    mfg_outbox_count = fields.Integer(compute="_compute_mfg_message_counts")
    mfg_inbox_count = fields.Integer(compute="_compute_mfg_message_counts")
    mfg_progress_ids = fields.One2many(
        "mfg.mes.progress", "production_id", string="Shop-floor reports"
    )

    # === Owner === #

    @api.depends("picking_type_id", "workorder_ids.workcenter_id")
    def _compute_mfg_owner(self):
        for order in self:
            # Not by the state: a new order may be confirmed before this runs.
            if order.mfg_released_at or order.backorder_sequence > 1:
                order.mfg_owner = order.mfg_owner or "odoo"
            else:
                order.mfg_owner = order._mfg_default_owner()

    def _mfg_default_owner(self):
        """The work centres decide, then the operation type; else people run it in Odoo."""
        owners = set(self.workorder_ids.workcenter_id.mapped("mfg_owner_default")) - {False}
        if owners:
            return "mes" if "mes" in owners else "odoo"
        return self.picking_type_id.mfg_owner_default or "odoo"

    def _mfg_check_owner_change(self, owner):
        for order in self.filtered("mfg_released_at"):
            if order.mfg_owner and order.mfg_owner != owner and not self._mfg_may_override():
                raise UserError(
                    self.env._(
                        "%s is released: who runs it is fixed. A manufacturing administrator may "
                        "change it.",
                        order.display_name,
                    )
                )

    @api.model
    def _mfg_may_override(self):
        return self.env.user.has_group("mrp.group_mrp_manager")

    def _mfg_guard(self, action):
        """Stop people from doing by hand what the shop-floor system reports.

        Inbound messages pass; a manufacturing administrator passes and leaves a note.

        :param action: what is being done, for the note
        """
        if self._mfg_cause():
            return
        for order in self.filtered(lambda o: o.mfg_owner == "mes" and o.mfg_released_at):
            if not self._mfg_may_override():
                raise UserError(
                    self.env._(
                        "%s is run by the shop-floor system: it reports start, quantities and "
                        "finish. A manufacturing administrator may step in.",
                        order.display_name,
                    )
                )
            order._message_log(
                body=self.env._("%(action)s by hand, instead of the shop floor.", action=action)
            )

    def action_start(self):
        self._mfg_guard(self.env._("Order started"))
        return super().action_start()

    def button_mark_done(self):
        self._mfg_guard(self.env._("Order closed"))
        return super().button_mark_done()

    # === What is told about an order === #

    def _mfg_plant(self):
        return self.picking_type_id.warehouse_id.name or None

    def _mfg_matches(self, spec, cause):
        # What a partner's report brought about beyond what it says is news to it as well: a
        # backorder, or an order for components that run short.
        if self.env.context.get("mfg_news"):
            spec = spec._replace(echo=True)
        return super()._mfg_matches(spec, cause)

    def action_confirm(self):
        result = super().action_confirm()
        self._mfg_release()
        return result

    def _action_confirm_mo_backorders(self):
        # Backorders and parts of a split never pass action_confirm.
        result = super()._action_confirm_mo_backorders()
        if self.env.context.get("mfg_release_later") is not RELEASE_LATER:
            self._mfg_release()
        return result

    def _mfg_release(self):
        """Fix the owner and tell the order, once."""
        orders = self.filtered(
            lambda order: (
                not order.mfg_released_at and order.state not in ("draft", "done", "cancel")
            )
        )
        if not orders:
            return
        # Without this, reporting progress overwrites what was reported as consumed. The context
        # force_manual_consumption does not do: it marks only moves that differ from the plan.
        orders.filtered(lambda order: order.mfg_owner == "mes")._mfg_hold_consumption()
        orders._mfg_note({"mfg_released_at": fields.Datetime.now(), "mfg_revision": 1})
        orders.with_context(mfg_news=True)._mfg_emit(payload.RELEASED, payload.released)

    def _mfg_hold_consumption(self):
        """Take the components' consumption out of Odoo's hands."""
        self.move_raw_ids.filtered(
            lambda move: move.state not in ("done", "cancel") and not move.manual_consumption
        ).manual_consumption = True

    def _get_backorder_mo_vals(self):
        return {**super()._get_backorder_mo_vals(), "mfg_owner": self.mfg_owner}

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([_without_facts(vals) for vals in vals_list])

    def _mfg_note(self, facts):
        """Past write(), which takes these fields from nobody."""
        return super().write(facts)  # pylint: disable=super-method-mismatch

    def write(self, vals):
        vals = _without_facts(vals)
        if "mfg_owner" in vals:
            self._mfg_check_owner_change(vals["mfg_owner"])
        reported = Reported.of(self.env)
        if vals.get("state") == "done" and reported and reported.ended_at:
            vals = {**vals, "date_finished": reported.ended_at}
        quantities = {}
        if "product_qty" in vals:
            quantities = {order: order.product_qty for order in self if order.mfg_released_at}
        result = super().write(vals)
        for order, old_quantity in quantities.items():
            order._mfg_quantity_changed(old_quantity)
        # The state of an order is computed from its moves. Closing writes it as its last step, with
        # everything booked and the backorders made, and so does cancelling what was partly done.
        if vals.get("state") == "done":
            self._mfg_closed(payload.COMPLETED, payload.completed)
        elif vals.get("state") == "cancel":
            self._mfg_closed(payload.CANCELLED, payload.cancelled)
        return result

    def _mfg_quantity_changed(self, old_quantity):
        if self.state == "cancel" or not self.product_uom_id.compare(
            self.product_qty, old_quantity
        ):
            return
        self._mfg_note({"mfg_revision": self.mfg_revision + 1})
        reported = Reported.of(self.env)
        self.with_context(mfg_news=not reported or reported.order_id != self.id)._mfg_emit(
            payload.QUANTITY_CHANGED, partial(payload.quantity_changed, old_quantity=old_quantity)
        )

    def _action_cancel(self):
        result = super()._action_cancel()
        self.filtered(lambda order: order.state == "cancel").with_context(
            mfg_news=True
        )._mfg_closed(payload.CANCELLED, payload.cancelled)
        return result

    def _mfg_closed(self, code, data):
        """Tell the end of an order, once: closing calls itself again in some set-ups."""
        orders = self.filtered(lambda order: order.mfg_released_at and not order.mfg_closed_at)
        if orders:
            orders._mfg_note({"mfg_closed_at": fields.Datetime.now()})
            orders._mfg_emit(code, data)

    # === Relations === #

    def _mfg_backorder_of(self):
        """The order that this one was split from, or none."""
        siblings = self.production_group_id.production_ids - self
        if self.backorder_sequence < 2:
            return siblings.browse()
        return siblings.sorted("backorder_sequence")[:1]

    def _mfg_backorder(self):
        """The open order that was split from this one last, or none."""
        if not self.backorder_sequence:
            return self.browse()
        return self.production_group_id.production_ids.filtered(
            lambda order: (
                order.backorder_sequence > self.backorder_sequence
                and order.state not in ("done", "cancel")
            )
        ).sorted("backorder_sequence")[:1]

    def _mfg_finished_scraps(self):
        """Scrap records of the order's own product."""
        return self.scrap_ids.filtered(
            lambda scrap: scrap.state == "done" and scrap.product_id == self.product_id
        )

    # === Screens === #

    def _compute_mfg_message_counts(self):
        # Messages are for integration users; who may not see them has no button to count for.
        if not self.env["mfg.outbox.message"].has_access("read"):
            self.mfg_outbox_count = self.mfg_inbox_count = 0
            return
        for order in self:
            order.mfg_outbox_count = self.env["mfg.outbox.message"].search_count(
                order._mfg_outbox_domain()
            )
            order.mfg_inbox_count = self.env["mfg.inbox.message"].search_count(
                order._mfg_inbox_domain()
            )

    def _mfg_outbox_domain(self):
        events = self.env["mfg.event"].search([("ordering_key", "=", self._mfg_ordering_key())])
        return [("event_id", "in", events.ids)]

    def _mfg_inbox_domain(self):
        return [("record_model", "=", "mrp.production"), ("record_id", "=", self.id)]

    def action_mfg_outbox(self):
        """The messages about this order and its operations."""
        return self._mfg_messages_action("mfg.outbox.message", self._mfg_outbox_domain())

    def action_mfg_inbox(self):
        """The partners' messages that were booked on this order."""
        return self._mfg_messages_action("mfg.inbox.message", self._mfg_inbox_domain())

    def _mfg_messages_action(self, model, domain):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Messages of %s", self.display_name),
            "res_model": model,
            "view_mode": "list,form",
            "domain": domain,
        }


def _without_facts(vals):
    return {name: value for name, value in vals.items() if name not in FACTS}
