from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .mfg_connector import CODE_PATTERN

TELL_AFTER = 10
"""After so many requests without a valid proof the connector's owner is told."""
TELL_EVERY = timedelta(days=1)


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

    refused_count = fields.Integer(
        string="Refused", readonly=True, default=0, help="Requests without a valid proof of late."
    )
    refused_at = fields.Datetime(readonly=True)
    refused_told_at = fields.Datetime(readonly=True, help="When the owner was told last.")

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

    @api.model
    def _note_refused(self, counts):
        """Count requests without a valid proof, and tell the owner when they are many.

        :param counts: ``{connector code: number}``; codes may be anybody's invention
        """
        known = {code: number for code, number in counts.items() if CODE_PATTERN.fullmatch(code)}
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_connector_runtime r
                   SET refused_count = COALESCE(r.refused_count, 0) + n.number,
                       refused_at = statement_timestamp() AT TIME ZONE 'UTC'
                  FROM unnest(%s::text[], %s::int[]) AS n(code, number)
                  JOIN mfg_connector c ON c.code = n.code
                 WHERE r.connector_id = c.id AND c.state IN ('active', 'paused')
                RETURNING r.id
                """,
                list(known),
                list(known.values()),
            )
        )
        runtimes = self.browse(row[0] for row in self.env.cr.fetchall())
        runtimes.invalidate_recordset()
        now = fields.Datetime.now()
        for runtime in runtimes:
            told = runtime.refused_told_at
            if runtime.refused_count >= TELL_AFTER and (not told or told < now - TELL_EVERY):
                runtime._tell_refused(now)

    def _tell_refused(self, now):
        connector = self.connector_id
        connector.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Requests without a valid signature or token"),
            note=self.env._(
                "%(count)s requests for %(connector)s were refused because their signature or "
                "token was not valid. Ask the partner whether a secret was changed; if it was not "
                "the partner, somebody is trying the address. Nothing of it was stored.",
                count=self.refused_count,
                connector=connector.name,
            ),
            user_id=(connector.owner_id or connector.create_uid).id,
        )
        self.write({"refused_told_at": now, "refused_count": 0})
