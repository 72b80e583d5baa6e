from contextlib import contextmanager

from odoo import api, models

from ..tools.changes import changed_values
from . import mfg_workcenter_payload as payload

WATCHED = object()
"""Value of the context key ``mfg_workcenter_watched``: whoever changes the work center, or its
calendar, tells it when it is done. What comes through RPC is JSON and never this object."""


class MrpWorkcenter(models.Model):
    """What partners are told of a work center's working hours and of what it can do in them."""

    _inherit = "mrp.workcenter"

    def write(self, vals):
        with self._mfg_watch() as watched:
            return super(MrpWorkcenter, watched).write(vals)

    @contextmanager
    def _mfg_watch(self):
        """Tell afterwards what changed inside, unless somebody around does.

        Yields the work centers in the context that keeps their parts quiet.
        """
        if self.env.context.get("mfg_workcenter_watched") is WATCHED:
            yield self
            return
        before = {code: self._mfg_facts(code) for code in payload.FACTS}
        yield self.with_context(mfg_workcenter_watched=WATCHED)
        for code, old in before.items():
            new = self.exists()._mfg_facts(code)
            for workcenter in self.browse(w.id for w in new if new[w] != old.get(w, new[w])):
                changes = changed_values(old[workcenter], new[workcenter])
                workcenter._mfg_emit(code, payload.changed(workcenter, changes))

    def _mfg_facts(self, code):
        """``{work center: facts}`` of those whose changes somebody listens to."""
        event_type_id, keep = self.env["mfg.event.type"]._lookup(code)
        matching = self.env["mfg.subscription"]._matching
        # sudo: what is told does not depend on the rights of who changes it.
        return {
            workcenter: payload.FACTS[code](workcenter.sudo())
            for workcenter in self
            if keep or matching(event_type_id, workcenter._mfg_company().id)
        }


class MrpWorkcenterCapacity(models.Model):
    _inherit = "mrp.workcenter.capacity"

    @api.model_create_multi
    def create(self, vals_list):
        ids = {vals["workcenter_id"] for vals in vals_list if vals.get("workcenter_id")}
        with self.env["mrp.workcenter"].browse(ids)._mfg_watch():
            return super().create(vals_list)

    def write(self, vals):
        with self.workcenter_id._mfg_watch():
            return super().write(vals)

    def unlink(self):
        with self.workcenter_id._mfg_watch():
            return super().unlink()


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def write(self, vals):
        with self._mfg_workcenters()._mfg_watch() as watched:
            return super(ResourceCalendar, self.with_env(watched.env)).write(vals)

    def _mfg_workcenters(self):
        """Work centers that work by these calendars, of all companies: all their partners learn."""
        # sudo: whoever may change a calendar need not be a user of manufacturing.
        workcenters = self.env["mrp.workcenter"].sudo()
        found = workcenters.search([("resource_calendar_id", "in", self.ids)]) if self.ids else ()
        return self.env["mrp.workcenter"].browse(w.id for w in found)


class ResourceCalendarAttendance(models.Model):
    _inherit = "resource.calendar.attendance"

    @api.model_create_multi
    def create(self, vals_list):
        ids = {vals["calendar_id"] for vals in vals_list if vals.get("calendar_id")}
        with self.env["resource.calendar"].browse(ids)._mfg_workcenters()._mfg_watch():
            return super().create(vals_list)

    def write(self, vals):
        with self.calendar_id._mfg_workcenters()._mfg_watch():
            return super().write(vals)

    def unlink(self):
        with self.calendar_id._mfg_workcenters()._mfg_watch():
            return super().unlink()
