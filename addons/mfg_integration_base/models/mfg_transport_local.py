from odoo import api, models

from ..exceptions import ConfigurationError


class MfgTransportLocal(models.AbstractModel):
    """This very database is the partner: messages are queue jobs and server actions.

    They are carried out by ``mfg.local.dispatcher``, each in a transaction of its own. The
    dispatcher that sends passes them over, so that nothing here ever prepares or sends.
    """

    _name = "mfg.transport.local"
    _inherit = ["mfg.transport"]
    _description = "Local transport: jobs and server actions of this database"

    @api.model
    def _preparer(self, *, connector):
        raise ConfigurationError(
            self.env._(
                "Connector %s works in this database: nothing is sent to test.", connector.name
            )
        )

    @api.model
    def _needs_address(self):
        return False

    @api.model
    def _payload_editable(self):
        """A job's data says what is called and as whom: nobody edits that."""
        return False
