from functools import partial

from odoo import api, models

from . import mfg_order_payload as payload

WAITING = ("draft", "confirmed")
BEGUN = ("progress", "to_close", "done")


class MrpProduction(models.Model):
    """What partners are told of an order between its entry and its close."""

    _inherit = "mrp.production"

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        orders._mfg_emit(payload.CREATED, payload.created)
        return orders

    # === State === #

    def write(self, vals):
        # To read the state settles what is due to be computed, and that tells of its own.
        before = {order: order.state for order in self} if "state" in vals else {}
        result = super().write(vals)
        self._mfg_tell_state(before)
        return result

    def _compute_state(self):
        # Most ways to begin an order press no button: a first quantity, an operation, a component
        # that is picked. What they have in common is that the state is computed.
        before = {order: order.state for order in self if order.id}  # not of a form's draft record
        result = super()._compute_state()
        self._mfg_tell_state(before)
        return result

    def _mfg_tell_state(self, before):
        """:param before: ``{order: state}`` of the orders that may have moved on"""
        before = {o: state for o, state in before.items() if o.id not in self._mfg_cancelling()}
        begun = [o for o, state in before.items() if state in WAITING and o.state in BEGUN]
        ready = [o for o, state in before.items() if state != o.state == "to_close"]
        self.browse(o.id for o in begun)._mfg_emit(payload.STARTED, payload.started)
        self.browse(o.id for o in ready)._mfg_emit(payload.READY_TO_CLOSE, payload.ready_to_close)

    def _action_cancel(self):
        # It cancels the operations first, which makes the order look as if all were finished.
        cancelling = self._mfg_cancelling() | frozenset(self.ids)
        return super(MrpProduction, self.with_context(mfg_cancelling=cancelling))._action_cancel()

    @api.model
    def _mfg_cancelling(self):
        """Ids of the orders that are being cancelled; what comes through RPC is no frozenset."""
        orders = self.env.context.get("mfg_cancelling")
        return orders if isinstance(orders, frozenset) else frozenset()

    # === Plan === #

    def _plan_workorders(self, replan=False):
        before = self._mfg_plan()
        result = super()._plan_workorders(replan=replan)
        # Each change of an order's lines plans it again, most often to where it was.
        if self.is_planned and self._mfg_plan() != before:
            self._mfg_emit(payload.SCHEDULED, payload.scheduled)
        return result

    def _mfg_plan(self):
        return self.is_planned, {
            (w.id, w.workcenter_id.id, w.date_start, w.date_finished) for w in self.workorder_ids
        }

    def button_unplan(self):
        planned = self.filtered("is_planned")
        result = super().button_unplan()
        planned.filtered(lambda order: not order.is_planned)._mfg_emit(
            payload.UNSCHEDULED, payload.unscheduled
        )
        return result

    # === Parts === #

    def _split_productions(self, amounts=False, cancel_remaining_qty=False, set_consumed_qty=False):
        orders = super()._split_productions(
            amounts=amounts,
            cancel_remaining_qty=cancel_remaining_qty,
            set_consumed_qty=set_consumed_qty,
        )
        parts = {}
        for order in orders:  # each order, then what was split from it
            if order in self:
                origin = order
                parts[origin] = self.browse()
            else:
                parts[origin] += order
        self.filtered(parts.get)._mfg_emit(payload.SPLIT, partial(payload.split, parts=parts))
        return orders

    def action_merge(self):
        action = super().action_merge()
        self.browse(action["res_id"])._mfg_emit(
            payload.MERGED, partial(payload.merged, sources=self)
        )
        return action
