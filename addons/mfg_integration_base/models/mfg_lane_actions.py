from odoo import api, fields, models

MODULE = "mfg_integration_base"
MOST_ACTIONS = 8


class MfgLane(models.Model):
    """A lane's scheduled actions.

    Odoo refuses to write an action while it runs, which for a busy lane is nearly always. So
    saving a lane never waits for one and never fails on one: an action that is one too many and
    runs finds itself surplus at its next run and does nothing (``_is_surplus``); it is archived
    when somebody finds it at rest.
    """

    _inherit = "mfg.lane"

    action_count = fields.Integer(
        string="Scheduled actions",
        required=True,
        default=1,
        help="How many scheduled actions run this lane side by side. Each takes one of Odoo's cron "
        "threads while it works (max_cron_threads: all lanes' actions plus two).",
    )
    cron_id = fields.Many2one(
        "ir.cron",
        string="Scheduled action",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups="base.group_system",  # who sets it has the action called
    )
    cron_ids = fields.Many2many(
        "ir.cron",
        "mfg_lane_cron",
        "lane_id",
        "cron_id",
        string="All its scheduled actions",
        readonly=True,
        copy=False,
        groups="base.group_system",  # others cannot read actions
        help="Those that a new message wakes.",
    )

    _action_count_range = models.Constraint(
        f"CHECK (action_count BETWEEN 1 AND {MOST_ACTIONS})",
        f"A lane has 1 to {MOST_ACTIONS} scheduled actions.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        lanes = super().create(vals_list)
        lanes._fit_actions()
        return lanes

    def write(self, vals):
        result = super().write(vals)
        if "action_count" in vals:
            self._fit_actions()
        return result

    def unlink(self):
        # By their names, not by cron_ids: a manager may write that, and delete no other action.
        crons = self.env["ir.cron"].union(
            *(lane._cron(number) for lane in self for number in range(1, MOST_ACTIONS + 1))
        )
        result = super().unlink()
        crons.sudo().unlink()  # sudo: see _create_cron
        return result

    def _cron_name(self, number=1):
        """Name of one of the lane's actions in ir.model.data; numbers start at 1."""
        self.ensure_one()
        return f"cron_lane_{self.code}" + (f"_{number}" if number > 1 else "")

    def _cron(self, number):
        """The action of that number, perhaps archived; empty if there never was one."""
        name = f"{MODULE}.{self._cron_name(number)}"
        return self.env.ref(name, raise_if_not_found=False) or self.env["ir.cron"]

    def _fit_actions(self):
        """Make, revive or archive actions until there are as many as the lane says."""
        # sudo: see _create_cron
        for lane in self.sudo():
            wanted = self.env["ir.cron"].sudo()
            for number in range(1, lane.action_count + 1):
                cron = lane._cron(number)
                if not cron:
                    cron = lane._create_cron(number)
                elif number > 1:
                    # The first one is the administrator's to switch off.
                    lane._switch(cron, True)
                wanted |= cron
            for number in range(lane.action_count + 1, MOST_ACTIONS + 1):
                lane._switch(lane._cron(number), False)
            if not lane.cron_id:
                lane.cron_id = wanted[:1]
            if lane.cron_ids != wanted:
                lane.cron_ids = wanted

    def _switch(self, cron, active):
        """Set an action's ``active`` unless it runs at this moment; a copy stays silent."""
        if active and self.env["mfg.environment"]._is_neutralized():
            return
        if cron and cron.active != active and cron.try_lock_for_update(allow_referencing=True):
            cron.active = active

    @api.autovacuum
    def _fit_all_actions(self):
        """Those that ran when their lane was saved are archived now, or the next night."""
        self.search([("active", "in", (True, False))])._fit_actions()

    def _is_surplus(self, number):
        """Whether the action of that number shall do nothing."""
        self.ensure_one()
        return number > self.action_count

    def _create_cron(self, number=1):
        """Give the lane an action; this module's, so that uninstalling takes it."""
        self.ensure_one()
        which = f" ({number})" if number > 1 else ""
        argument = f", {number}" if number > 1 else ""
        # sudo: an integration manager may add a lane without the right to edit scheduled actions.
        cron = (
            self.env["ir.cron"]
            .sudo()
            .create(
                {
                    "name": f"Integration: deliver lane {self.code}{which}",
                    "model_id": self.env["ir.model"]._get_id("mfg.dispatcher"),
                    "state": "code",
                    "code": f"model._cron_run({self.code!r}{argument})",
                    "user_id": self.env.ref("base.user_root").id,
                    "interval_number": 1,
                    "interval_type": "minutes",
                    "priority": 5,
                    # A neutralized copy stays silent: see data/neutralize.sql.
                    "active": not self.env["mfg.environment"]._is_neutralized(),
                }
            )
        )
        self.env["ir.model.data"].sudo().create(
            {
                "module": MODULE,
                "name": self._cron_name(number),
                "model": "ir.cron",
                "res_id": cron.id,
                "noupdate": True,
            }
        )
        return cron
