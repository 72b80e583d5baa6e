from odoo import fields, models


class MfgConnectorRuntime(models.Model):
    """The hot row of a connector, apart from what users edit. Written by the engine only."""

    _name = "mfg.connector.runtime"
    _description = "Connector run-time"
    _log_access = False
    _rec_name = "connector_id"

    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", readonly=True)
    last_success_at = fields.Datetime(readonly=True)
    last_failure_at = fields.Datetime(readonly=True)
    last_received_at = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)
    consecutive_failures = fields.Integer(readonly=True)

    _connector_uniq = models.Constraint("UNIQUE (connector_id)", "One run-time row per connector.")
