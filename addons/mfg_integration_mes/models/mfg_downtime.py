from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL


class MfgDowntime(models.Model):
    """A downtime of a work center as the shop floor reports it, and what follows from it.

    What it does to the plan is in ``mfg_downtime_plan``.
    """

    _name = "mfg.downtime"
    _description = "Downtime of a work center"
    _order = "started_at desc, id desc"
    _rec_name = "external_id"

    connector_id = fields.Many2one("mfg.connector", required=True, readonly=True, index=True)
    external_id = fields.Char(string="Downtime", required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    workcenter_id = fields.Many2one(
        "mrp.workcenter", string="Work center", required=True, readonly=True, index=True,
        ondelete="cascade",
    )  # fmt: skip
    sequence = fields.Integer(readonly=True, help="Number of the last message that counted.")
    digest = fields.Char(readonly=True, help="SHA-256 of that message.")
    loss_id = fields.Many2one(
        "mrp.workcenter.productivity.loss", string="Reason", required=True, readonly=True
    )
    comment = fields.Text(readonly=True)
    started_at = fields.Datetime(string="Start", required=True, readonly=True)
    ended_at = fields.Datetime(string="End", readonly=True)
    end_reported = fields.Boolean(
        readonly=True, help="The shop floor itself has said when it ended."
    )
    expected_end = fields.Datetime(readonly=True, help="As the shop floor expects it.")
    state = fields.Selection(
        [("open", "Stands still"), ("ended", "Runs again")],
        compute="_compute_state",
        store=True,
    )
    productivity_id = fields.Many2one(
        "mrp.workcenter.productivity", string="Loss record", readonly=True, ondelete="set null"
    )
    maintenance_request_id = fields.Many2one(
        "maintenance.request", string="Maintenance request", readonly=True, ondelete="set null"
    )
    message_uuid = fields.Char(string="Last message", readonly=True)

    _external_uniq = models.Constraint(
        "UNIQUE (connector_id, external_id)", "This connector has reported that downtime already."
    )
    _open_idx = models.Index("(workcenter_id) WHERE ended_at IS NULL")

    @api.depends("ended_at")
    def _compute_state(self):
        for downtime in self:
            downtime.state = "ended" if downtime.ended_at else "open"

    @api.depends("workcenter_id", "loss_id", "started_at")
    def _compute_display_name(self):
        for downtime in self:
            downtime.display_name = f"{downtime.workcenter_id.name}: {downtime.loss_id.name}"

    # === What the shop floor says === #

    @api.model
    def _find(self, connector, external_id, *, lock=False):
        """The downtime that a connector calls so, or none.

        :param lock: until the transaction ends; messages of other routes may be about it
        """
        found = self.search(
            [("connector_id", "=", connector.id), ("external_id", "=", external_id)]
        )
        if found and lock:
            found.lock_for_update()
        return found

    def _apply(self, connector, statement, workcenter, reason):
        """Book what a message says; the record, made if there is none.

        :param statement: ``tools.downtime.Statement``
        """
        # Two downtimes of one work center plan one after the other. Whoever waited is run again
        # with a fresh snapshot, hence a write: a lock alone would let it go on with an old plan.
        self.env.cr.execute(
            SQL("UPDATE mrp_workcenter SET sequence = sequence WHERE id = %s", workcenter.id)
        )
        cause = self._mfg_cause()
        vals = {
            "sequence": statement.sequence,
            "digest": statement.digest,
            "loss_id": reason.id,
            "comment": statement.comment or False,
            "started_at": _naive(statement.started_at),
            "ended_at": _naive(statement.ended_at),
            "end_reported": bool(statement.ended_at),
            "expected_end": _naive(statement.expected_end),
            "message_uuid": cause.message_uuid if cause else False,
        }
        downtime = self
        if downtime:
            downtime.write(vals)
        else:
            downtime = self.create(
                {
                    "connector_id": connector.id,
                    "external_id": statement.downtime,
                    "company_id": connector.company_id.id,
                    "workcenter_id": workcenter.id,
                    **vals,
                }
            )
        downtime._write_loss()
        if downtime.ended_at:
            downtime._recover(downtime.ended_at)
        else:
            downtime._disturb()
            downtime._request_maintenance()
        return downtime

    # === The loss record === #

    def _write_loss(self):
        """Keep the work center's loss record as the shop floor has it. Without an end, it blocks.

        Not by the work center's buttons: they book now, end all timers, and raise when it is
        blocked (or not) already.
        """
        vals = {
            "loss_id": self.loss_id.id,
            "date_start": self.started_at,
            "date_end": self.ended_at,
            "description": self.comment or self.env._("Reported by %s", self.connector_id.name),
        }
        if self.productivity_id:
            self.productivity_id.write(vals)
            return
        self.productivity_id = self.productivity_id.create(
            {
                **vals,
                "workcenter_id": self.workcenter_id.id,
                "company_id": self.company_id.id,
                "mfg_downtime_id": self.id,
            }
        )

    def _mfg_ended(self, at):
        """Its loss record was ended otherwise: by a person, or because an operation was started."""
        for downtime in self.filtered(lambda d: not d.ended_at):
            downtime.ended_at = at
            downtime._recover(at)

    def _request_maintenance(self):
        if self.maintenance_request_id or not self.loss_id.mfg_request_maintenance:
            return
        # sudo: who reports a downtime need not be a user of maintenance; the reason says that a
        # request is wanted.
        self.maintenance_request_id = (
            self.env["maintenance.request"]
            .sudo()
            .create(
                {
                    "name": self.display_name,
                    "company_id": self.company_id.id,
                    "equipment_id": self.workcenter_id.mfg_equipment_id.id,
                    "maintenance_type": "corrective",
                    "priority": "3",
                    "request_date": self.started_at.date(),
                }
            )
        )


class MrpWorkcenterProductivityLoss(models.Model):
    _inherit = "mrp.workcenter.productivity.loss"

    mfg_request_maintenance = fields.Boolean(
        string="Request maintenance",
        help="A downtime that the shop floor reports for this reason raises a maintenance request.",
    )


class ResCompany(models.Model):
    _inherit = "res.company"

    mfg_downtime_minutes = fields.Integer(
        string="Assumed downtime (minutes)",
        default=60,
        required=True,
        help="How long a downtime is planned to last while nobody has said when it will end. When "
        "that time has passed, it is planned for as long again.",
    )
    _mfg_downtime_positive = models.Constraint(
        "CHECK (mfg_downtime_minutes BETWEEN 1 AND 44640)",
        "A downtime is assumed to last between a minute and a month.",
    )

    def _mfg_assumed_end(self, since):
        return since + timedelta(minutes=self.mfg_downtime_minutes)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    mfg_downtime_minutes = fields.Integer(related="company_id.mfg_downtime_minutes", readonly=False)


def _naive(moment):
    return moment.replace(tzinfo=None, microsecond=0) if moment else False
