import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..exceptions import ConfigurationError

_logger = logging.getLogger(__name__)

BUILTIN_KEY = "mfg_builtin"
BUILTIN = object()
"""Under ``BUILTIN_KEY`` in the context: the engine itself makes or changes what carries the jobs.
No context that came through RPC can hold this object."""

OPEN_FIELDS = frozenset({"name", "owner_id"})
"""What people may change of a built-in connector, beside what hangs on its chatter."""


class MfgConnector(models.Model):
    """Connectors whose partner is this database; one of them, built in, carries a company's jobs.

    Only the built-in ones run jobs, and no event type reaches them: ``_mfg_enqueue`` alone writes
    messages for them. On a copy of the database they wait for a person, as all connectors do.
    """

    _inherit = "mfg.connector"

    transport = fields.Selection(
        selection_add=[("local", "This database")], ondelete={"local": "set default"}
    )
    builtin = fields.Boolean(
        string="Built in",
        readonly=True,
        copy=False,
        help="Carries the queue jobs of its company.",
    )

    _builtin_uniq = models.UniqueIndex(
        "(company_id) WHERE builtin", "A company has one connector for its jobs."
    )

    @api.constrains("code", "builtin")
    def _check_code_free(self):
        for connector in self:
            if connector.code.startswith("jobs-") and not connector.builtin:
                raise ValidationError(
                    self.env._(
                        "Connector code “%s”: codes that begin with jobs- are those of the "
                        "connectors for jobs.",
                        connector.code,
                    )
                )

    @api.model
    def _by_engine(self):
        return self.env.context.get(BUILTIN_KEY) is BUILTIN

    @api.model
    def _ensure_builtin(self):
        """Make the connectors and subscriptions that carry jobs, where they are missing.

        Called at install and update, and for new companies and lanes. A new connector is activated
        at once: it is made on this very database.
        """
        # sudo: who adds a company or a lane need not be an integration manager.
        env = (
            self.sudo()
            .with_context(
                **{
                    BUILTIN_KEY: BUILTIN,
                    "active_test": False,
                    "mail_create_nolog": True,
                    "mail_create_nosubscribe": True,
                    "tracking_disable": True,
                }
            )
            .env
        )
        connectors = env["mfg.connector"].search([("builtin", "=", True)])
        companies = env["res.company"].search([("id", "not in", connectors.company_id.ids)])
        new = env["mfg.connector"].create(
            [
                {
                    "name": env._("Jobs of %s", company.name),
                    "code": f"jobs-{company.id}",
                    "company_id": company.id,
                    "owner_id": False,
                    "transport": "local",
                    "builtin": True,
                }
                for company in companies
            ]
        )
        connectors |= new
        env["mfg.subscription"]._ensure_builtin(connectors)
        if new and not env["mfg.environment"]._is_neutralized():
            try:
                new.action_activate()
            except ConfigurationError as error:
                # Nothing that makes a company may fail for it; the jobs wait, and a banner says so.
                _logger.warning("The connectors for jobs could not be activated: %s", error)

    @api.model_create_multi
    def create(self, vals_list):
        if not self._by_engine():
            vals_list = [
                {name: value for name, value in vals.items() if name != "builtin"}
                for vals in vals_list
            ]
        return super().create(vals_list)

    def _create_service_user(self):
        # Jobs run as who enqueued them.
        return None if self.builtin else super()._create_service_user()

    def write(self, vals):
        if "builtin" in vals:
            raise AccessError(self.env._("What carries the jobs is made by the engine only."))
        transport = vals.get("transport")
        for connector in self:
            if (
                transport
                and transport != connector.transport
                and "local" in (transport, connector.transport)
            ):
                raise ValidationError(
                    self.env._(
                        "Connector %s: what works in this database and what sends to a partner "
                        "stay apart. Make a new connector.",
                        connector.name,
                    )
                )
            if connector.builtin and any(
                name not in OPEN_FIELDS and not name.startswith(("message_", "activity_"))
                for name in vals
            ):
                connector._refuse_builtin()
        return super().write(vals)

    def action_retire(self):
        """The connector of the jobs can be paused only: new jobs would have no way."""
        if any(connector.builtin for connector in self):
            self._refuse_builtin()
        return super().action_retire()

    @api.ondelete(at_uninstall=False)
    def _unlink_not_builtin(self):
        self._check_not_builtin()

    def _check_not_builtin(self):
        """For what may not hang on, or be changed of, a built-in connector."""
        if not self._by_engine() and any(connector.builtin for connector in self):
            self._refuse_builtin()

    def _refuse_builtin(self):
        raise ValidationError(
            self.env._(
                "Connector %s carries the jobs of its company. It can be paused and activated; "
                "its subscriptions can be paused, and their retry policy changed.",
                ", ".join(self.filtered("builtin").mapped("name")),
            )
        )

    def _unlink_builtin(self):
        """With its company: the jobs that ran stay as evidence."""
        connectors = self.sudo().with_context(**{BUILTIN_KEY: BUILTIN})
        connectors.subscription_ids.unlink()
        # Nothing was ever sent: the rule that keeps connectors that were active is not about it.
        connectors._write_verb({"state": "draft"})
        connectors.unlink()
