from functools import partial

from odoo import models

from . import mfg_workorder_payload as payload

OPEN = ("blocked", "ready")
PLAN_FIELDS = frozenset({"date_start", "date_finished", "workcenter_id"})

ENDING = object()
"""Value of the context key ``mfg_ending``: timers stop because the operation ends, which is told as
such and is no pause. What comes through RPC is JSON and never this object."""


class MrpWorkorder(models.Model):
    """What partners are told of an operation between its start and its finish."""

    _inherit = "mrp.workorder"

    def write(self, vals):
        made = {w: w.qty_produced for w in self} if "qty_produced" in vals else {}
        states = {w: w.state for w in self} if "state" in vals else {}
        # Planning gives an operation a leave of its work center; the order's schedule tells that.
        moved = not PLAN_FIELDS.isdisjoint(vals) and "leave_id" not in vals
        plans = {w: w._mfg_plan() for w in self if w.state in OPEN} if moved else {}
        result = super().write(vals)
        self.filtered(
            lambda w: w in made and w.product_uom_id.compare(w.qty_produced, made[w])
        )._mfg_emit(payload.PROGRESS_REPORTED, partial(payload.progress_reported, before=made))
        self.filtered(lambda w: states.get(w, "cancel") != "cancel")._mfg_tell_cancelled("cancel")
        self.filtered(lambda w: w in plans and w._mfg_was_moved(plans[w]))._mfg_emit(
            payload.RESCHEDULED, partial(payload.rescheduled, before=plans)
        )
        return result

    def unlink(self):
        # A partner that was told of an operation has to learn that it is gone.
        self._mfg_tell_cancelled(*OPEN, "progress")
        return super(MrpWorkorder, self.with_context(mfg_ending=ENDING)).unlink()

    def _mfg_tell_cancelled(self, *states):
        self.filtered(lambda w: w.state in states and w.production_id.mfg_released_at)._mfg_emit(
            payload.CANCELLED, payload.cancelled
        )

    def _mfg_plan(self):
        return self.date_start, self.date_finished, self.workcenter_id

    def _mfg_was_moved(self, before):
        """Whether its plan is another one, and not its first or none, nor the time of its start."""
        plan = self._mfg_plan()
        if self.state not in OPEN or plan == before:
            return False
        return bool(before[0] and plan[0]) or plan[2] != before[2]

    # === Pause === #

    def _mfg_running(self):
        """Those that somebody works on."""
        return self.filtered(
            lambda w: w.state == "progress" and any(not line.date_end for line in w.time_ids)
        )

    def end_previous(self, doall=False):
        # Not button_pending: a work center that is blocked stops the timers of its operations, and
        # one user's pause is none while another one goes on.
        if self.env.context.get("mfg_ending") is ENDING:
            return super().end_previous(doall=doall)
        running = self._mfg_running()
        result = super().end_previous(doall=doall)
        (running - running._mfg_running())._mfg_emit(payload.PAUSED, payload.paused)
        return result

    def button_start(self, raise_on_invalid_state=False):
        paused = self.filtered(lambda w: w.state == "progress") - self._mfg_running()
        result = super().button_start(raise_on_invalid_state=raise_on_invalid_state)
        paused._mfg_running()._mfg_emit(payload.RESUMED, payload.paused)
        return result

    def button_finish(self):
        return super(MrpWorkorder, self.with_context(mfg_ending=ENDING)).button_finish()

    def action_cancel(self):
        return super(MrpWorkorder, self.with_context(mfg_ending=ENDING)).action_cancel()
