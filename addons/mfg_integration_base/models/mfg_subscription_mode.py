from datetime import datetime, timezone
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..tools import batch_document, cron_schedule, json_pointer
from .mfg_message_queue import NOW, QUEUES

MAX_BATCH = 10_000


class Batch(NamedTuple):
    """How several messages of a subscription become one request.

    :param size: so many at the most
    :param layout: a key of ``tools.batch_document.CONTENT_TYPES``
    :param columns: of a CSV document
    :param totals: send control totals along
    """

    size: int
    layout: str
    columns: tuple
    sum_pointer: str
    totals: bool


class MfgSubscription(models.Model):
    """When and how a subscription's messages go out: one by one, or many in one request."""

    _inherit = "mfg.subscription"

    mode = fields.Selection(
        [
            ("real_time", "Each at once"),
            ("micro_batch", "Some together, within milliseconds"),
            ("scheduled", "One document per time window"),
        ],
        required=True,
        default="real_time",
    )
    conflate = fields.Boolean(
        string="Newest only",
        help="For levels and snapshots: of a business object's waiting messages only the newest "
        "is sent, the others are superseded.",
    )
    batch_size = fields.Integer(
        string="Messages per request", default=100, help="At most; of a document as well."
    )
    linger_ms = fields.Integer(
        string="Wait for more (ms)",
        default=200,
        help="How long a message may wait for others to go along, in milliseconds.",
    )
    batch_format = fields.Selection(
        [
            ("jsonl", "JSON Lines, one CloudEvent a line"),
            ("csv", "CSV"),
            ("cloudevents", "CloudEvents batch (JSON)"),
        ],
        string="Document",
        default="jsonl",
    )
    csv_columns = fields.Text(
        string="CSV columns",
        help="One a line: header=/json/pointer into the event, e.g. Quantity=/data/good",
    )
    sum_pointer = fields.Char(
        string="Control total of", help="JSON pointer to numbers to add up, e.g. /data/good"
    )
    cron_expression = fields.Char(
        string="Time windows", help="Five fields as in crontab, e.g. 0 6 * * MON-FRI"
    )
    cron_timezone = fields.Char(string="Time zone", default=lambda self: self.env.user.tz or "UTC")
    next_window_at = fields.Datetime(string="Next document", readonly=True, copy=False)

    _batch_size_range = models.Constraint(
        f"CHECK (batch_size BETWEEN 1 AND {MAX_BATCH})",
        f"Messages per request: from 1 to {MAX_BATCH}.",
    )
    _linger_range = models.Constraint(
        "CHECK (linger_ms BETWEEN 0 AND 60000)", "Wait for more: from 0 to 60000 ms."
    )

    # === Checks === #

    @api.constrains("mode", "cron_expression", "cron_timezone")
    def _check_schedule(self):
        for subscription in self.filtered(lambda s: s.mode == "scheduled"):
            try:
                subscription._cron()
            except ValueError as error:
                raise subscription._wrong(self.env._("time windows"), error) from error

    @api.constrains("mode", "batch_format", "csv_columns", "sum_pointer")
    def _check_document(self):
        for subscription in self.filtered(lambda s: s.mode == "scheduled"):
            try:
                subscription._columns()
            except ValueError as error:
                raise subscription._wrong(self.env._("CSV columns"), error) from error
            try:
                if subscription.sum_pointer:
                    json_pointer.parse(subscription.sum_pointer)
            except ValueError as error:
                raise subscription._wrong(self.env._("control total"), error) from error

    @api.constrains("mode", "connector_id")
    def _check_transport_batches(self):
        for subscription in self.filtered(lambda s: s.mode != "real_time"):
            transport = self.env["mfg.transport"]._mfg_resolve(subscription.connector_id.transport)
            if not transport._can_batch():
                raise subscription._wrong(
                    self.env._("mode"),
                    self.env._("this connector's transport sends messages one by one only."),
                )

    @api.constrains("conflate", "ordering", "on_dead")
    def _check_conflate(self):
        for subscription in self.filtered("conflate"):
            if subscription.ordering != "key":
                raise subscription._wrong(
                    self.env._("newest only"),
                    self.env._("needs messages in order per business object."),
                )

    def _wrong(self, field, error):
        return ValidationError(
            self.env._(
                "Subscription %(name)s, %(field)s: %(error)s",
                name=self.name,
                field=field,
                error=error,
            )
        )

    # === Settings for the runners === #

    def _cron(self):
        return cron_schedule.parse_cron(self.cron_expression or "", self.cron_timezone or "UTC")

    def _columns(self):
        """Columns of the CSV document; none for other documents."""
        if self.batch_format != "csv":
            return ()
        return batch_document.parse_columns(self.csv_columns or "")

    def _batch(self, mode, size):
        """The ``Batch`` of this subscription in some mode; None where each message is a request."""
        self.ensure_one()
        if mode == "real_time":
            return None
        if mode == "micro_batch":
            return Batch(size, "cloudevents", (), "", totals=False)
        return Batch(size, self.batch_format, self._columns(), self.sum_pointer or "", totals=True)

    # === Time windows === #

    @api.model_create_multi
    def create(self, vals_list):
        subscriptions = super().create(vals_list)
        subscriptions._plan_window()
        return subscriptions

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"mode", "cron_expression", "cron_timezone"}:
            self._plan_window()
        return result

    def _plan_window(self):
        """Set the next window, and move what waits for the old one."""
        now = datetime.now(timezone.utc)
        queue = QUEUES["out"]
        for subscription in self:
            window = None
            if subscription.mode == "scheduled":
                window = cron_schedule.next_run(subscription._cron(), now).replace(tzinfo=None)
            before = subscription.next_window_at or None
            if window == before:
                continue
            # Keys whose first message waits for time keep it.
            waiting = SQL(
                "owner_id = %s AND worker IS NULL AND due_at <= COALESCE(%s, %s)",
                subscription.id,
                before,
                NOW,
            )
            self.env["mfg.message.queue"]._lock_keys(queue, waiting)
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET due_at = COALESCE(%s, %s) WHERE %s",
                    queue.keys, window, NOW, waiting,
                )
            )  # fmt: skip
            self.env.cr.execute(
                SQL(
                    "UPDATE mfg_subscription SET next_window_at = %s WHERE id = %s",
                    window,
                    subscription.id,
                )
            )
            subscription.invalidate_recordset(["next_window_at"])

    @api.model
    def _skip_empty_windows(self, lane_id):
        """Go on to the next window where nothing waits for the one that has come."""
        queue = QUEUES["out"]
        self.env.cr.execute(
            SQL(
                """
                SELECT o.id FROM mfg_subscription o
                 WHERE o.lane_id = %(lane)s AND o.mode = 'scheduled' AND o.state = 'active'
                   AND o.next_window_at <= %(now)s
                   AND NOT EXISTS (SELECT 1 FROM %(keys)s
                                    WHERE owner_id = o.id AND due_at <= %(now)s)
                   AND NOT EXISTS (SELECT 1 FROM ONLY %(messages)s m
                                    WHERE m.lane_id = o.lane_id AND m.key_id IS NULL
                                      AND m.subscription_id = o.id)
                """,
                lane=lane_id, now=NOW, keys=queue.keys, messages=queue.messages,
            )
        )  # fmt: skip
        for row in self.env.cr.fetchall():
            self._close_window(row[0])

    @api.model
    def _close_window(self, subscription_id):
        """The window's messages are being sent: what comes from now on waits for the next one.

        :return: False: a person is changing the subscription, try again
        """
        self.env.cr.execute(
            SQL(
                "SELECT cron_expression, cron_timezone, %s FROM mfg_subscription"
                " WHERE id = %s AND mode = 'scheduled' FOR NO KEY UPDATE SKIP LOCKED",
                NOW,
                subscription_id,
            )
        )
        row = self.env.cr.fetchone()
        if not row:
            return False
        expression, zone, now = row
        schedule = cron_schedule.parse_cron(expression, zone or "UTC")
        following = cron_schedule.next_run(schedule, now.replace(tzinfo=timezone.utc))
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_subscription SET next_window_at = %s WHERE id = %s",
                following.replace(tzinfo=None),
                subscription_id,
            )
        )
        return True
