from odoo import api, fields, models, tools

from ..tools import ownership
from .mrp_production import OWNERS

GROUPS = [
    ("progress", "Good quantities of operations"),
    ("scrap", "Scrap of the product"),
    ("consumption", "Consumption of components"),
    ("quantities", "Ordered quantity"),
    ("dates", "Planned dates"),
    ("priority", "Priority"),
]


class MfgConflict(models.Model):
    _inherit = "mfg.conflict"

    field_group = fields.Selection(
        selection_add=GROUPS, ondelete={code: "cascade" for code, _name in GROUPS}
    )


class MfgOwnershipRule(models.Model):
    """Who owns which fields of orders that the shop floor runs."""

    _name = "mfg.ownership.rule"
    _description = "Source-of-truth rule"
    _order = "field_group, workcenter_id, picking_type_id, id"
    _rec_name = "field_group"

    company_id = fields.Many2one(
        "res.company", index=True, default=lambda self: self.env.company, help="Empty: all."
    )
    field_group = fields.Selection(GROUPS, string="What", required=True)
    workcenter_id = fields.Many2one(
        "mrp.workcenter", string="Work Center", ondelete="cascade", check_company=True
    )
    picking_type_id = fields.Many2one(
        "stock.picking.type",
        string="Operation Type",
        domain=[("code", "=", "mrp_operation")],
        ondelete="cascade",
        check_company=True,
    )
    owner = fields.Selection(OWNERS, required=True, default="mes")
    on_conflict = fields.Selection(
        [
            ("owner_wins", "The owner wins"),
            ("newest_wins", "The newest wins"),
            ("decide", "Wait for a decision"),
        ],
        string="When both say something",
        required=True,
        default="owner_wins",
    )
    guard = fields.Selection(
        [("stop", "Stop"), ("warn", "Let them, and keep a conflict")],
        string="People who edit it in Odoo",
        required=True,
        default="stop",
        help="Where the shop floor is the owner. A manufacturing administrator passes, which "
        "leaves a conflict.",
    )
    active = fields.Boolean(default=True)

    _place_uniq = models.UniqueIndex(
        "(field_group, COALESCE(company_id, 0), COALESCE(workcenter_id, 0),"
        " COALESCE(picking_type_id, 0)) WHERE active",
        "There is already a rule for that.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules._forget("")
        return rules

    def write(self, vals):
        before = {rule.id: rule._told() for rule in self}
        result = super().write(vals)
        self._forget(before)
        return result

    def unlink(self):
        self._forget({rule.id: rule._told() for rule in self}, gone=True)
        return super().unlink()

    def _forget(self, before, *, gone=False):
        """Rules are read once a process; who changed them is kept."""
        self.env.registry.clear_cache()
        if not self.env.context.get("install_mode"):
            after = "" if gone else {rule.id: rule._told() for rule in self}
            self.env["mfg.audit.entry"]._record("decide", self, before=before, after=after)

    def _told(self):
        return (
            f"{self.owner}, {self.on_conflict}, {self.guard}{'' if self.active else ', archived'}"
        )

    @api.model
    def _rule(self, order, field_group, workcenter=None):
        """The ``tools.ownership.Rule`` for a field group of an order (of an operation there)."""
        return ownership.find(
            self._rules(order.company_id.id),
            field_group,
            workcenter=workcenter.id if workcenter else 0,
            picking_type=order.picking_type_id.id,
        )

    @api.model
    @tools.ormcache("company_id")
    def _rules(self, company_id):
        # sudo: whose a field is does not depend on who touches it.
        rules = self.sudo().search([("company_id", "in", (False, company_id))])
        # Of equals the first wins: a company's own before one for all.
        return tuple(
            ownership.Rule(
                field_group=rule.field_group,
                workcenter=rule.workcenter_id.id or 0,
                picking_type=rule.picking_type_id.id or 0,
                owner=rule.owner,
                on_conflict=rule.on_conflict,
                guard=rule.guard,
            )
            for rule in rules.sorted(lambda rule: not rule.company_id)
        )
