from odoo import api, models
from odoo.tools import SQL

from ..tools.lifecycle import State
from .mfg_message_queue import NOW, QUEUES


class MfgMessageQueue(models.AbstractModel):
    """What only messages have that are carried out in this database."""

    _inherit = "mfg.message.queue"

    @api.model
    def _delay(self, uuid, seconds):
        """Let a message that this transaction has written wait before its first attempt."""
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY mfg_outbox_message SET due_at = %s + %s * interval '1 second'"
                " WHERE uuid = %s AND key_id IS NULL",
                NOW,
                seconds,
                uuid,
            )
        )

    @api.model
    def _cancel(self, messages, detail):
        """A job that runs is asked to stop; everything else is ended at once."""
        if messages._name == "mfg.outbox.message":
            messages -= self._ask_to_stop(messages, detail)
        return super()._cancel(messages, detail)

    def _ask_to_stop(self, messages, detail):
        """Those of the messages that are jobs and run; they meet the request or end before."""
        queue = QUEUES["out"]
        cr = self.env.cr
        # Keys before messages, as everybody locks them: nobody can claim or settle meanwhile.
        self._lock_keys(
            queue, SQL("id IN (SELECT key_id FROM %s WHERE id = ANY(%s))",
                       queue.messages, messages.ids),
        )  # fmt: skip
        cr.execute(
            SQL(
                "SELECT m.id FROM ONLY %s m JOIN mfg_connector c ON c.id = m.connector_id"
                " WHERE m.id = ANY(%s) AND m.state = %s AND c.transport = 'local'"
                " ORDER BY m.id FOR UPDATE OF m",
                queue.messages,
                messages.ids,
                State.RUNNING.value,
            )
        )
        running = messages.browse(row[0] for row in cr.fetchall())
        if running:
            cr.execute(
                SQL(
                    "INSERT INTO mfg_job_progress (message_id, progress, cancel_requested,"
                    " cancel_detail) SELECT id, 0, TRUE, %s FROM unnest(%s) AS id"
                    " ON CONFLICT (message_id) DO UPDATE"
                    " SET cancel_requested = TRUE, cancel_detail = EXCLUDED.cancel_detail",
                    detail,
                    running.ids,
                )
            )
            running.invalidate_recordset()
        return running

    @api.model
    def _note_progress(self, message_id, share, text):
        """Write how far a job is; whether it shall stop. READ COMMITTED, own cursor."""
        self.env.cr.execute(
            SQL(
                "INSERT INTO mfg_job_progress AS p (message_id, progress, progress_text,"
                " cancel_requested) VALUES (%s, %s, %s, FALSE)"
                " ON CONFLICT (message_id) DO UPDATE"
                " SET progress = EXCLUDED.progress, progress_text = EXCLUDED.progress_text"
                " RETURNING cancel_requested",
                message_id,
                share,
                text or None,
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _stop_detail(self, message_id):
        """Who has asked a job to stop, and why; None when nobody has."""
        self.env.cr.execute(
            SQL(
                "SELECT COALESCE(cancel_detail, '') FROM mfg_job_progress"
                " WHERE message_id = %s AND cancel_requested",
                message_id,
            )
        )
        row = self.env.cr.fetchone()
        return row and row[0]

    @api.model
    def _forget_progress(self, message_ids):
        if message_ids:
            self.env.cr.execute(
                SQL("DELETE FROM mfg_job_progress WHERE message_id = ANY(%s)", message_ids)
            )
