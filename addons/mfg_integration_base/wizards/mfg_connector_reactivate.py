from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.lifecycle import OPEN, State

MODELS = {"out_count": "mfg.outbox.message", "in_count": "mfg.inbox.message"}
CHUNK = 1000  # messages that are cancelled in one statement


class MfgConnectorReactivate(models.TransientModel):
    """Let a connector that was active on another database work on this one.

    What waits in a copy waits in the original as well: who takes over says what becomes of it.
    """

    _name = "mfg.connector.reactivate"
    _description = "Re-activate connectors here"

    connector_ids = fields.Many2many(
        "mfg.connector",
        "mfg_connector_reactivate_rel",
        required=True,
        default=lambda self: self._default_connectors(),
    )
    database = fields.Char(compute="_compute_here")
    environment = fields.Char(compute="_compute_here", string="Environment here")
    environment_before = fields.Char(compute="_compute_here", string="Active in so far")
    out_count = fields.Integer(compute="_compute_counts", string="To send")
    in_count = fields.Integer(compute="_compute_counts", string="To book")
    waiting = fields.Selection(
        [
            ("keep", "Send and book it from here: this database takes the other one's place"),
            ("cancel", "Cancel it: the other database has sent and booked it, or will"),
        ],
        string="What waits",
        required=True,
    )
    reason = fields.Char(required=True)

    @api.model
    def _default_connectors(self):
        connectors = self.env["mfg.connector"].browse(self.env.context.get("active_ids", ()))
        return connectors.exists().filtered(
            lambda c: c.state in ("active", "paused") and not c.activated_here
        )

    def _compute_here(self):
        here = self.env["mfg.environment"]._environment()
        labels = dict(self.env["mfg.connector"]._fields["environment"]._description_selection(
            self.env
        ))  # fmt: skip
        for wizard in self:
            wizard.database = self.env.cr.dbname
            wizard.environment = labels[here]
            wizard.environment_before = ", ".join(
                sorted({labels.get(c.environment, "?") for c in wizard.connector_ids})
            )

    @api.depends("connector_ids")
    def _compute_counts(self):
        for wizard in self:
            for name, model in MODELS.items():
                wizard[name] = self.env[model].search_count(self._open(wizard.connector_ids))

    @staticmethod
    def _open(connectors):
        states = [state.value for state in OPEN]
        return [("connector_id", "in", connectors.ids), ("state", "in", states)]

    def action_reactivate(self):
        """Cancel what shall not go out, then activate; all of it or nothing."""
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise ValidationError(self.env._("Say why the connector works on this database now."))
        connectors = self.connector_ids.filtered(lambda c: not c.activated_here)
        if not connectors:
            raise ValidationError(self.env._("These connectors are active on this database."))
        connectors.check_access("write")
        before = {connector.id: connector.environment or "" for connector in connectors}
        cancelled = self._cancel_waiting(connectors, reason) if self.waiting == "cancel" else 0
        connectors.action_activate()
        self.env["mfg.audit.entry"]._record(
            "reactivate",
            connectors,
            reason,
            before=before,
            after=self.env._(
                "%(environment)s, database %(database)s; %(count)s waiting messages cancelled",
                environment=self.environment,
                database=self.database,
                count=cancelled,
            ),
        )
        return {"type": "ir.actions.act_window_close"}

    def _cancel_waiting(self, connectors, reason):
        detail = f"{self.env.user.display_name}: {reason}"
        count = 0
        queue = self.env["mfg.message.queue"]
        for model in MODELS.values():
            while messages := self.env[model].search(
                self._open(connectors), limit=CHUNK, order="id"
            ):
                messages._check_operator()
                before = {message.id: message._audit_state() for message in messages}
                if queue._take_back(messages.filtered(lambda m: m.state == State.RUNNING.value)):
                    raise ValidationError(
                        self.env._(
                            "Some messages were on their way a moment ago: try again in a minute."
                        )
                    )
                queue._cancel(messages, detail)
                self.env["mfg.audit.entry"]._record(
                    "cancel", messages, reason, before=before, after=State.CANCELLED.value
                )
                count += len(messages)
        return count
