import base64

from odoo import fields, models
from odoo.tools import SQL

from ..fields import PlainMany2one
from ..tools.jsonlines_export import encode
from ..tools.lifecycle import REASONS

DIRECTIONS = {"out": "mfg.outbox.message", "in": "mfg.inbox.message"}


class MfgMessageDead(models.Model):
    """The error queue: what waits for a person, sent or received, in one list.

    A read-only view over both queues. Its buttons act on the messages behind the rows; a row
    leaves the list when its message does.
    """

    _name = "mfg.message.dead"
    _description = "Message in the error queue"
    _auto = False
    _log_access = False
    _order = "created_at desc, id desc"
    _rec_name = "uuid"

    direction = fields.Selection([("out", "Out"), ("in", "In")], readonly=True)
    message_id = fields.Integer(readonly=True, help="Id of the row in its own queue.")
    uuid = fields.Char(string="Message id", readonly=True)
    message_type = fields.Char(string="Type", readonly=True)
    connector_id = PlainMany2one("mfg.connector", readonly=True)
    company_id = PlainMany2one("res.company", readonly=True)
    lane_id = PlainMany2one("mfg.lane", readonly=True)
    ordering_key = fields.Char(string="Business object", readonly=True)
    reason_code = fields.Selection(
        [(code, info.label) for code, info in REASONS.items()], string="Reason", readonly=True
    )
    reason_hint = fields.Char(string="What to do", compute="_compute_reason_hint")
    detail = fields.Text(readonly=True)
    attempt_count = fields.Integer(string="Attempts", readonly=True)
    record_name = fields.Char(compute="_compute_record_name", compute_sudo=False)
    created_at = fields.Datetime(readonly=True)
    dead_at = fields.Datetime(string="Dead since", readonly=True)

    @property
    def _table_query(self):
        # Odd and even ids: one number space over two tables, stable as long as the message lives.
        return SQL(
            """
            SELECT id::bigint * 2 AS id, 'out' AS direction, id AS message_id, uuid,
                   event_type AS message_type, %(columns)s
              FROM ONLY mfg_outbox_message WHERE dead_at IS NOT NULL
            UNION ALL
            SELECT id::bigint * 2 + 1, 'in', id, uuid, message_type, %(columns)s
              FROM ONLY mfg_inbox_message WHERE dead_at IS NOT NULL
            """,
            columns=SQL(
                "connector_id, company_id, lane_id, ordering_key, reason_code, detail,"
                " attempt_count, created_at, dead_at"
            ),
        )

    def _compute_reason_hint(self):
        for message in self:
            info = REASONS.get(message.reason_code)
            message.reason_hint = info.hint if info else False

    def _compute_record_name(self):
        names = {
            (message._name, message.id): message.record_name
            for messages in self._messages()
            for message in messages
        }
        for row in self:
            row.record_name = names.get((DIRECTIONS[row.direction], row.message_id), False)

    def _messages(self):
        """The queue rows behind these rows: list of non-empty recordsets, one per direction.

        Rows that left the queue meanwhile, because somebody else was faster, are not among them.
        """
        by_direction = self.exists().grouped("direction")
        return [
            self.env[DIRECTIONS[direction]].browse(rows.mapped("message_id"))
            for direction, rows in by_direction.items()
        ]

    def action_retry(self):
        """Send or book the messages again, now."""
        for messages in self._messages():
            messages.action_retry()

    def action_cancel(self):
        """Ask for a reason once, then cancel the messages of both directions."""
        for messages in self._messages():
            messages._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Cancel messages"),
            "res_model": "mfg.message.cancel",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_res_model": self._name,
                "default_res_ids": ",".join(map(str, self.ids)),
            },
        }

    def action_edit(self):
        """Edit the payload of one message, then send or book it again."""
        self.ensure_one()
        messages = self._messages()
        return messages[0].action_edit() if messages else None

    def action_export(self):
        """Download the messages as JSON Lines, to be read, edited and imported again."""
        letters = []
        for messages in self._messages():
            messages._check_operator()
            letters += messages._letters()
            self.env["mfg.audit.entry"]._record("export", messages)
        letters.sort(key=lambda letter: letter.created_at)
        day = fields.Date.context_today(self)
        export = self.env["mfg.message.export"].create(
            {
                "file": base64.b64encode(encode(letters)),
                "file_name": f"error-queue-{day}.jsonl",
            }
        )
        return export._download()

    def action_open(self):
        """Open the message itself, with its data and attempts."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": DIRECTIONS[self.direction],
            "res_id": self.message_id,
            "views": [(False, "form")],
        }
