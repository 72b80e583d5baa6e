from odoo import api, fields, models
from odoo.tools import SQL


class MfgConnectorRuntime(models.Model):
    """The hot row of a connector, apart from what users edit. Written by the engine only."""

    _name = "mfg.connector.runtime"
    _description = "Connector run-time"
    _log_access = False
    _rec_name = "connector_id"

    connector_id = fields.Many2one(
        "mfg.connector", required=True, ondelete="cascade", readonly=True
    )
    last_success_at = fields.Datetime(readonly=True)
    last_failure_at = fields.Datetime(readonly=True)
    last_received_at = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)
    breaker_phase = fields.Selection(
        [("closed", "Working"), ("open", "Down: waiting"), ("half_open", "Down: probing")],
        required=True,
        default="closed",
        readonly=True,
    )
    breaker_failures = fields.Integer(
        readonly=True, default=0, help="Failures in a row; any sign of life sets it back."
    )
    breaker_until = fields.Datetime(readonly=True, help="When the next probe may go.")
    rate_tokens = fields.Float(readonly=True, digits=(16, 6))
    rate_at = fields.Datetime(readonly=True)

    _connector_uniq = models.Constraint("UNIQUE (connector_id)", "One run-time row per connector.")

    @api.model
    def _record_results(self, results):
        """Note the outcome of attempts; a row that another runner is writing is passed over.

        :param results: ``{connector id: (succeeded, detail)}``, the last of each
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_connector_runtime r
                   SET last_success_at = CASE WHEN n.ok THEN n.now ELSE r.last_success_at END,
                       last_failure_at = CASE WHEN n.ok THEN r.last_failure_at ELSE n.now END,
                       last_error = CASE WHEN n.ok THEN r.last_error ELSE left(n.detail, 500) END
                  FROM (SELECT r.id, n.ok, n.detail,
                               statement_timestamp() AT TIME ZONE 'UTC' AS now
                          FROM unnest(%s::int[], %s::bool[], %s::text[])
                               AS n(connector_id, ok, detail)
                          JOIN mfg_connector_runtime r ON r.connector_id = n.connector_id
                         ORDER BY r.id FOR UPDATE OF r SKIP LOCKED) n
                 WHERE r.id = n.id
                """,
                list(results),
                [succeeded for succeeded, _detail in results.values()],
                [detail for _succeeded, detail in results.values()],
            )
        )
