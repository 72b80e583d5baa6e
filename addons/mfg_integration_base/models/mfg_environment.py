import os

from odoo import api, models
from odoo.tools import SQL

from ..const import ENV_ENVIRONMENT, ENVIRONMENTS
from ..exceptions import ConfigurationError
from ..tools.fingerprint import fingerprint

# From the table, not from the parameter cache: neutralizing happens in SQL.
IS_NEUTRALIZED = SQL(
    "EXISTS (SELECT 1 FROM ir_config_parameter"
    " WHERE key = 'database.is_neutralized' AND value != '')"
)
FINGERPRINT_PARTS = SQL(
    "(SELECT ARRAY[s.system_identifier::text, d.oid::text, d.datname::text]"
    " FROM pg_control_system() s, pg_database d WHERE d.datname = current_database())"
)


class MfgEnvironment(models.AbstractModel):
    """Where this database runs: what a copy of it cannot take along."""

    _name = "mfg.environment"
    _description = "Environment guard"

    @api.model
    def _environment(self):
        """The declared environment; ``MFG_ENVIRONMENT``, default ``production``."""
        value = os.environ.get(ENV_ENVIRONMENT, "production")
        if value not in dict(ENVIRONMENTS):
            raise ConfigurationError(
                self.env._(
                    "%(name)s is “%(value)s”: use production, test or development.",
                    name=ENV_ENVIRONMENT,
                    value=value,
                )
            )
        return value

    @api.model
    def _fingerprint(self):
        """Fingerprint of cluster, database and environment; changes when the database is copied."""
        self.env.cr.execute(SQL("SELECT %s", FINGERPRINT_PARTS))
        return self._fingerprint_of(self.env.cr.fetchone()[0])

    @api.model
    def _is_neutralized(self):
        self.env.cr.execute(SQL("SELECT %s", IS_NEUTRALIZED))
        return self.env.cr.fetchone()[0]

    @api.model
    def _fingerprint_here(self):
        """The fingerprint, or None in a neutralized database: no connector is active here."""
        self.env.cr.execute(SQL("SELECT %s, %s", IS_NEUTRALIZED, FINGERPRINT_PARTS))
        is_neutralized, parts = self.env.cr.fetchone()
        return None if is_neutralized else self._fingerprint_of(parts)

    def _fingerprint_of(self, parts):
        system_identifier, oid, name = parts
        return fingerprint(system_identifier, int(oid), name, self._environment())

    @api.model
    def _check_may_activate(self):
        if self._is_neutralized():
            raise ConfigurationError(
                self.env._(
                    "This database is neutralized (a copy for testing): connectors stay off here."
                )
            )
