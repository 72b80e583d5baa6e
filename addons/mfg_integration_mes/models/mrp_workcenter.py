from odoo import fields, models

from .mrp_production import OWNERS


class MrpWorkcenter(models.Model):
    _inherit = "mrp.workcenter"

    mfg_owner_default = fields.Selection(
        OWNERS,
        string="Run by",
        help="Who reports on the operations of this work center. An order with an operation on a "
        "work center of the shop-floor system is run by it. Empty: the operation type decides.",
    )

    mfg_equipment_id = fields.Many2one(
        "maintenance.equipment",
        string="Equipment",
        check_company=True,
        help="The machine that a maintenance request for this work center is about.",
    )

    def _mfg_unblock(self, at):
        """End blockages that began before ``at`` (naive UTC); False when there is none.

        A shop floor that starts an operation says that the machine runs. What it says late, of a
        time before the machine stopped, says nothing about the stop. Not by ``unblock``: that
        raises on a work center that is not blocked, ends its blockage now, and with it every open
        timer of every operation.
        """
        self.ensure_one()
        if self.working_state != "blocked":
            return False
        blockages = self.env["mrp.workcenter.productivity"].search(
            [
                ("workcenter_id", "=", self.id),
                ("date_end", "=", False),
                ("date_start", "<=", at),
                ("loss_type", "not in", ("productive", "performance")),
            ]
        )
        blockages.write({"date_end": at})
        return bool(blockages)
