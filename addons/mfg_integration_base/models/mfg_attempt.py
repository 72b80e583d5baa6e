from odoo import api, fields, models

from ..exceptions import StateWriteRefused
from ..fields import PlainMany2one


class MfgAttempt(models.Model):
    """One try at a message: opened when claimed, closed once, then frozen by a trigger."""

    _name = "mfg.attempt"
    _description = "Delivery attempt"
    _order = "id desc"
    _log_access = False

    direction = fields.Selection([("out", "Out"), ("in", "In")], required=True, readonly=True)
    outbox_message_id = PlainMany2one("mfg.outbox.message", readonly=True)
    inbox_message_id = PlainMany2one("mfg.inbox.message", readonly=True)
    connector_id = PlainMany2one("mfg.connector", readonly=True)
    company_id = PlainMany2one("res.company", readonly=True)
    credential_id = PlainMany2one("mfg.credential", readonly=True)
    message_count = fields.Integer(
        string="Messages", default=1, readonly=True, help="How many went out in this one request."
    )
    number = fields.Integer(required=True, readonly=True)
    worker = fields.Char(readonly=True)
    started_at = fields.Datetime(required=True, readonly=True)
    closed_at = fields.Datetime(readonly=True)
    outcome = fields.Selection(
        [
            ("delivered", "Delivered"),
            ("retry", "Retry"),
            ("rejected", "Rejected"),
            ("cancelled", "Cancelled"),
            ("lost", "Runner lost"),
        ],
        readonly=True,
    )
    reason_code = fields.Char(readonly=True)
    detail = fields.Text(readonly=True)
    http_status = fields.Integer(readonly=True)
    duration_ms = fields.Float(readonly=True, digits=(16, 1))
    request_excerpt = fields.Text(readonly=True)
    response_excerpt = fields.Text(readonly=True)

    _outbox_idx = models.Index("(outbox_message_id, id) WHERE outbox_message_id IS NOT NULL")
    _shared_idx = models.Index(
        "(started_at) WHERE outbox_message_id IS NULL AND inbox_message_id IS NULL"
    )
    _inbox_idx = models.Index("(inbox_message_id, id) WHERE inbox_message_id IS NOT NULL")

    def init(self):
        # Open -> closed is the only change an attempt may see, whoever writes: evidence.
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION mfg_attempt_freeze() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF OLD.closed_at IS NOT NULL THEN
                    RAISE EXCEPTION 'mfg_attempt %: a closed attempt cannot be changed', OLD.id
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END $$;
            CREATE OR REPLACE TRIGGER mfg_attempt_freeze BEFORE UPDATE ON mfg_attempt
                FOR EACH ROW EXECUTE FUNCTION mfg_attempt_freeze();
            """
        )

    @api.depends("number")
    def _compute_display_name(self):
        for attempt in self:
            attempt.display_name = self.env._("Attempt %s", attempt.number)

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("Attempts are written by the queue only."))

    def write(self, vals):  # pylint: disable=method-required-super  # refused
        raise StateWriteRefused(self.env._("An attempt is evidence and cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_refused(self):
        raise StateWriteRefused(self.env._("Attempts leave by retention only."))
