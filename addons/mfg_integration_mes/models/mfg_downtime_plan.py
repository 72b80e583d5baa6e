from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

PLANNED = ("blocked", "ready")
"""States of an operation that is planned and not begun."""


class MfgDowntime(models.Model):
    """What a downtime does to the plan, and how it is taken back."""

    _inherit = "mfg.downtime"

    impact_ids = fields.One2many("mfg.downtime.impact", "downtime_id", readonly=True)
    leave_id = fields.Many2one(
        "resource.calendar.leaves", readonly=True, ondelete="set null",
        help="What keeps the time free of other work.",
    )  # fmt: skip
    planned_until = fields.Datetime(
        readonly=True, help="How long the plan reckons with it: as expected, or as assumed."
    )
    plan_problem = fields.Text(
        string="Could not be planned anew", readonly=True, help="What a planner has to do by hand."
    )
    at_risk_count = fields.Integer(compute="_compute_at_risk_count")

    def _compute_at_risk_count(self):
        for downtime in self:
            downtime.at_risk_count = len(downtime.impact_ids.filtered("at_risk"))

    # === It stands still === #

    def _disturb(self):
        """Keep the work center's time free of work, and plan anew what stood there."""
        now = fields.Datetime.now()
        until = self.expected_end or self.company_id._mfg_assumed_end(self.started_at)
        if until <= now:  # it was to end by now, and has not
            until = self.company_id._mfg_assumed_end(now)
        self.planned_until = until
        self._keep_free(until)
        running = self._running()
        moved = self._in_the_way()
        moved |= self._followers(running | moved)
        self._plan_anew(running, moved)

    def _keep_free(self, until):
        vals = {"date_from": self.started_at, "date_to": until}
        if self.leave_id:
            self.leave_id.write(vals)
            return
        workcenter = self.workcenter_id
        self.leave_id = self.leave_id.create(
            {
                **vals,
                "name": self.display_name,
                "calendar_id": workcenter.resource_calendar_id.id,
                "resource_id": workcenter.resource_id.id,
                # As an operation has it: time off would shorten the loss record to nothing.
                "time_type": "other",
            }
        )

    def _running(self):
        """Operations that it interrupts."""
        return self._during([("state", "=", "progress")])

    def _in_the_way(self):
        """Operations that are planned for the time of the downtime."""
        return self._during([("state", "in", PLANNED), ("leave_id", "!=", False)])

    def _during(self, domain):
        # Searched for: a work center remembers the operations of all its years.
        return self.env["mrp.workorder"].search(
            [
                ("workcenter_id", "=", self.workcenter_id.id),
                ("date_start", "<", self.planned_until),
                ("date_finished", ">", self.started_at),
                *domain,
            ]
        )

    @api.model
    def _followers(self, workorders):
        """Planned operations that wait for these, directly or not."""
        found, look_at = workorders.browse(), workorders
        while look_at:
            look_at = look_at.needed_by_workorder_ids.filtered(
                lambda w: w.state in PLANNED and w.leave_id
            )
            look_at -= found
            found |= look_at
        return found

    def _plan_anew(self, running, moved):
        orders = (running | moved).production_id
        before = self._plan(orders)
        started = {w: w.date_start for w in moved}
        problems = []
        self._prolong(running)
        for order in orders.sorted(
            lambda o: min((started[w] for w in o.workorder_ids & moved), default=o.date_start)
        ):
            problem = self._plan_order(order, order.workorder_ids & moved)
            if problem:
                problems.append(problem)
        self.plan_problem = "\n".join(problems) or False
        self._note_impact(before, self._plan(orders))

    def _prolong(self, running):
        """What runs ends later by the time that it stands still."""
        known = self._known_impacts("mrp.workorder")
        for workorder in running:
            planned = known[workorder.id].before if workorder.id in known else None
            until = self.ended_at or self.planned_until
            since = max(self.started_at, workorder.date_start)
            end = (planned or workorder.date_finished) + max(until - since, timedelta())
            workorder.with_context(bypass_duration_calculation=True).date_finished = max(
                end, workorder.date_start
            )

    def _plan_order(self, order, workorders):
        """Plan these operations of an order for the first time that is free; why not, if not."""
        try:
            # A plan that cannot be made leaves the old one: half of it would be worse.
            with self.env.cr.savepoint():
                workorders.leave_id.unlink()
                order._plan_workorders()
        except UserError as error:
            return f"{order.name}: {error}"
        return None

    # === It runs again === #

    def _recover(self, at):
        """Give back the time, and the dates that nobody has changed since.

        :param at: naive UTC
        """
        if self.leave_id:
            if at > self.leave_id.date_from:
                self.leave_id.date_to = at
            else:
                self.leave_id.unlink()
        self.planned_until = False
        mine = self.impact_ids.filtered(lambda i: i.kind == "workorder" and not i.undone)
        if not mine:
            return
        workorders = self.env["mrp.workorder"].browse(mine.mapped("res_id")).exists()
        impact_of = {impact.res_id: impact for impact in mine}
        untouched = workorders.filtered(lambda w: self._is_as_left(w, impact_of[w.id]))
        orders = workorders.production_id
        self._prolong(untouched.filtered(lambda w: w.state == "progress"))
        waiting = untouched.filtered(lambda w: w.state in PLANNED)
        self._put_back(waiting, impact_of)
        self._note_impact(self._plan(orders), self._plan(orders))

    def _is_as_left(self, workorder, impact):
        """Whether an operation stands where this downtime put it. Else somebody decided since."""
        now = (workorder.date_start, workorder.date_finished, workorder.workcenter_id)
        return now == (impact.after_start, impact.after, impact.workcenter_after_id)

    def _put_back(self, workorders, impact_of):
        """To where it was if that is still to come and free, else to the first free time."""
        orders = workorders.production_id.sorted(
            lambda o: min(impact_of[w.id].before_start for w in o.workorder_ids & workorders)
        )
        problems = []
        for order in orders:
            mine = (order.workorder_ids & workorders).sorted(lambda w: impact_of[w.id].before_start)
            try:
                with self.env.cr.savepoint():  # as in _plan_order
                    self._put_back_order(order, mine, impact_of)
            except UserError as error:
                problems.append(f"{order.name}: {error}")
        self.plan_problem = "\n".join(problems) or False

    def _put_back_order(self, order, workorders, impact_of):
        now = fields.Datetime.now()
        left = workorders
        for workorder in workorders:
            impact = impact_of[workorder.id]
            # Their present leaves are in nobody's way: they go.
            if not self._fits(workorder, impact, now, left.leave_id):
                break
            vals = {
                "workcenter_id": impact.workcenter_before_id.id,
                "date_start": impact.before_start,
                "date_finished": impact.before,
            }
            workorder.with_context(bypass_duration_calculation=True).write(vals)
            left -= workorder
        left.leave_id.unlink()
        start = min(impact_of[w.id].before_start for w in workorders)
        # Odoo plans from the order's start on, which is as late as this downtime has made it.
        order.with_context(force_date=True).date_start = max(start, now) if left else start
        order._plan_workorders()

    def _fits(self, workorder, impact, now, leaves):
        workcenter, start = impact.workcenter_before_id, impact.before_start
        ready = max((w.date_finished for w in workorder.blocked_by_workorder_ids
                     if w.date_finished and w.state != "cancel"), default=now)  # fmt: skip
        if not workcenter or start < max(now, ready):
            return False
        slot, _end = workcenter._get_first_available_slot(
            start, workorder.duration_expected, leaves_to_ignore=leaves
        )
        return slot == start

    @api.model
    def _cron_prolong(self):
        """Reckon longer with downtimes that should have ended by now."""
        for downtime in self.search(
            [("ended_at", "=", False), ("planned_until", "<=", fields.Datetime.now())]
        ):
            downtime._disturb()
