"""What a shift leader looks at first: what is late, what waits, what differs, what stands still."""

from datetime import timedelta

from odoo import api, fields, models

OPEN = ("blocked", "ready", "progress")


class MfgMesCockpit(models.TransientModel):
    """One screen of counts; each opens what it counts. Nothing is stored but the moment."""

    _name = "mfg.mes.cockpit"
    _description = "Shop-floor cockpit"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    late_end = fields.Integer(compute="_compute_counts")
    late_start = fields.Integer(compute="_compute_counts")
    missing_reports = fields.Integer(compute="_compute_counts")
    dead_messages = fields.Integer(compute="_compute_counts")
    conflicts = fields.Integer(compute="_compute_counts")
    differences = fields.Integer(compute="_compute_counts")
    drift = fields.Float(compute="_compute_counts", digits=(16, 2))
    downtimes = fields.Integer(compute="_compute_counts")
    at_risk = fields.Integer(compute="_compute_counts")
    all_well = fields.Boolean(compute="_compute_counts")

    def _compute_display_name(self):
        for cockpit in self:
            cockpit.display_name = self.env._("Shop-floor cockpit")

    @api.model
    def action_open(self):
        """The screen as it is now."""
        cockpit = self.create({})
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shop-floor cockpit"),
            "res_model": self._name,
            "res_id": cockpit.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def action_refresh(self):
        return self.action_open()

    @api.depends("company_id")
    def _compute_counts(self):
        for cockpit in self:
            found = {
                name: cockpit.env[model].search_count(domain)
                if cockpit.env[model].has_access("read")
                else 0
                for name, (model, domain, _context) in cockpit._cards().items()
            }
            for name, count in found.items():
                cockpit[name] = count
            cockpit.drift = cockpit._drift()
            cockpit.all_well = not any(found.values())

    def _cards(self):
        """``{field: (model, domain, context)}``: what is counted, and what opens."""
        self.ensure_one()
        company = ("company_id", "=", self.company_id.id)
        late = fields.Datetime.now() - timedelta(minutes=self.company_id.mfg_late_minutes)
        ours = [
            company,
            ("production_id.mfg_owner", "=", "mes"),
            ("production_id.mfg_released_at", "!=", False),
            ("production_id.state", "not in", ("draft", "done", "cancel")),
        ]
        return {
            "late_end": (
                "mrp.workorder",
                [*ours, ("state", "in", OPEN), ("date_finished", "<", late)],
                {},
            ),
            "late_start": (
                "mrp.workorder",
                [*ours, ("state", "in", OPEN[:2]), ("date_start", "<", late)],
                {},
            ),
            "missing_reports": ("mfg.mes.progress", [company, ("waits_for", "!=", False)], {}),
            "dead_messages": (
                "mfg.message.dead",
                [company, ("connector_id.category", "=", "mes")],
                {"search_default_group_reason": 1},
            ),
            "conflicts": ("mfg.conflict", [company, ("state", "=", "open")], {}),
            "differences": (
                "mfg.reconciliation.line",
                [company, ("state", "=", "open"), ("connector_id.category", "=", "mes")],
                {"search_default_group_fact": 1},
            ),
            "downtimes": ("mfg.downtime", [company, ("ended_at", "=", False)], {}),
            "at_risk": ("mrp.production", [company, ("mfg_at_risk", "=", True)], {}),
        }

    def _drift(self):
        """Quantities that differ, without signs."""
        model, domain, _context = self._cards()["differences"]
        lines = self.env[model]
        if not lines.has_access("read"):
            return 0.0
        return sum(abs(line.drift) for line in lines.search([*domain, ("drift", "!=", 0)]))

    def action_card(self):
        """Open what the card counts; ``mfg_card`` in the context names it."""
        self.ensure_one()
        cards = self._cards()
        name = self.env.context.get("mfg_card")
        model, domain, context = cards[name if name in cards else "late_end"]
        return {
            "type": "ir.actions.act_window",
            "name": self.env[model]._description,
            "res_model": model,
            "view_mode": "list,form",
            "views": [(False, "list"), (False, "form")],
            "domain": domain,
            "context": context,
        }
