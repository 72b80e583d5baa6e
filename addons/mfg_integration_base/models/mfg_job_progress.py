from odoo import api, fields, models
from odoo.tools import SQL


class MfgJobProgress(models.Model):
    """How far a job is, and whether it shall stop: written while the job's transaction is open.

    A table of its own, because the job's transaction ends by writing the message's row, and would
    fail on a row that was changed since its snapshot. A row goes when its job has ended.
    """

    _name = "mfg.job.progress"
    _description = "Progress of a running job"
    _log_access = False

    message_id = fields.Integer(required=True, readonly=True)
    progress = fields.Float(readonly=True, default=0.0)
    progress_text = fields.Char(readonly=True)
    cancel_requested = fields.Boolean(readonly=True, default=False)
    cancel_detail = fields.Char(readonly=True, help="Who has asked it to stop, and why.")

    _message_uniq = models.Constraint("UNIQUE (message_id)", "One row per job.")

    @api.autovacuum
    def _gc_ended(self):
        """Rows whose job had ended when they were written."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM mfg_job_progress p WHERE NOT EXISTS ("
                "SELECT 1 FROM mfg_outbox_message m WHERE m.id = p.message_id"
                " AND m.state IN ('pending', 'running', 'retrying', 'dead'))"
            )
        )
