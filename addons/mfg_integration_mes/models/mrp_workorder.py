from odoo import fields, models

from . import mfg_production_payload as payload
from .reported import CONTEXT_KEY, Reported


class MrpWorkorder(models.Model):
    """What partners are told of an operation, and what they may report on it."""

    _name = "mrp.workorder"
    _inherit = ["mrp.workorder", "mfg.uuid.mixin"]

    mfg_owner = fields.Selection(related="production_id.mfg_owner")
    mfg_outbox_count = fields.Integer(compute="_compute_mfg_outbox_count")

    # === What is told === #

    def _mfg_ordering_key(self):
        return self.production_id._mfg_ordering_key()

    def _mfg_plant(self):
        return self.production_id._mfg_plant()

    def write(self, vals):
        reported = Reported.of(self.env)
        if reported and vals.get("state") == "done":
            vals = {**vals, **self._mfg_reported_finish(reported)}
        # An operation starts and ends in more ways than its buttons: by setting its duration, by
        # a change of the order's quantity, by the list's state menu. All of them write the state.
        before = {workorder: workorder.state for workorder in self} if "state" in vals else {}
        result = super().write(vals)
        if before:
            self.filtered(
                lambda w: w.state == "progress" and before[w] in ("blocked", "ready")
            )._mfg_emit(payload.WORKORDER_STARTED, payload.workorder_started)
            self.filtered(lambda w: w.state == "done" and before[w] != "done")._mfg_emit(
                payload.WORKORDER_COMPLETED, payload.workorder_completed
            )
        return result

    def _mfg_operator(self):
        """Who works on it: as reported from the shop floor, else the acting user."""
        progress = self.production_id.mfg_progress_ids.filtered(
            lambda row: row.workorder_id == self and row.operator
        )
        return progress.sorted("write_date")[-1:].operator or self.env.user.name

    # === Owner === #

    def button_start(self, raise_on_invalid_state=False):
        self.production_id._mfg_guard(self.env._("Operation started"))
        return super().button_start(raise_on_invalid_state=raise_on_invalid_state)

    def button_finish(self):
        self.filtered(
            lambda workorder: workorder.state not in ("done", "cancel")
        ).production_id._mfg_guard(self.env._("Operation finished"))
        return super().button_finish()

    # === What is reported === #

    def _mfg_before(self):
        """All operations whose pieces come to this one, directly or through others."""
        found = self.browse()
        following = self.blocked_by_workorder_ids
        while following:
            found |= following
            following = following.blocked_by_workorder_ids - found
        return found

    def _mfg_reported_finish(self, reported):
        """Replace what ``button_finish`` makes up: now, and the plan where nothing was made."""
        vals = {}
        if reported.good is not None:
            vals["qty_produced"] = reported.good
        if reported.ended_at:
            start = reported.started_at or min(
                (w.date_start for w in self if w.date_start), default=reported.ended_at
            )
            vals["date_start"] = min(start, reported.ended_at)
            vals["date_finished"] = reported.ended_at
        return vals

    def _mfg_start(self, started_at):
        """Start as reported.

        Not by ``button_start``: it refuses a blocked work centre, runs its timer from now on,
        ignores a second call, and takes the whole remaining quantity for being produced.

        :param started_at: naive UTC
        """
        for workorder in self.filtered(lambda w: w.state in ("blocked", "ready")):
            workorder.workcenter_id._mfg_unblock(started_at)
            vals = {"state": "progress", "date_start": started_at}
            if not workorder.date_finished or workorder.date_finished < started_at:
                vals["date_finished"] = workorder._calculate_date_finished(started_at) or started_at
            workorder.with_context(bypass_duration_calculation=True).write(vals)

    def _mfg_finish(self, good, started_at, ended_at):
        """Finish with exactly ``good`` pieces at ``ended_at`` (naive UTC or None: now)."""
        self.ensure_one()
        reported = Reported(
            order_id=self.production_id.id, good=good, started_at=started_at, ended_at=ended_at
        )
        self.with_context(**{CONTEXT_KEY: reported}).button_finish()

    # === Screens === #

    def _compute_mfg_outbox_count(self):
        may_read = self.env["mfg.outbox.message"].has_access("read")
        for workorder in self:
            workorder.mfg_outbox_count = (
                self.env["mfg.outbox.message"].search_count(workorder._mfg_outbox_domain())
                if may_read
                else 0
            )

    def _mfg_outbox_domain(self):
        events = self.env["mfg.event"].search(
            [("model", "=", self._name), ("res_id", "=", self.id)]
        )
        return [("event_id", "in", events.ids)]

    def action_mfg_outbox(self):
        """The messages about this operation."""
        self.ensure_one()
        return self.production_id._mfg_messages_action(
            "mfg.outbox.message", self._mfg_outbox_domain()
        )
