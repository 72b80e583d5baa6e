from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..tools.lifecycle import State, Verb, next_state
from .mfg_message_queue import LEFT_KEY, NOW, QUEUE_OF_MODEL, QUEUES

EDITED = {"out": (SQL("data_edited"), SQL("text")), "in": (SQL("body_edited"), SQL("bytea"))}
"""The column of a payload that a person has edited, and its type."""


class MfgMessageQueue(models.AbstractModel):
    """What people do to messages, in their own transaction.

    It meets the dispatchers at the key rows: a serialization failure makes Odoo run the person's
    request again.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _retry(self, messages):
        """Make dead or waiting messages due now, with a fresh retry schedule."""
        if messages._name == "mfg.inbox.message":
            self._find_routes(messages)
        self._change(
            messages,
            Verb.RETRY,
            SQL(
                "state = 'pending', reason_code = NULL, due_at = NULL, dead_at = NULL, tries = 0,"
                " key_id = NULLIF(key_id, %s)",
                LEFT_KEY,
            ),
        )

    @api.model
    def _cancel(self, messages, detail):
        """End messages for good; ``detail`` says who and why."""
        self._change(
            messages,
            Verb.CANCEL,
            SQL(
                "state = 'cancelled', reason_code = 'cancelled_by_user', detail = %s,"
                " due_at = NULL, dead_at = NULL, finished_at = %s",
                detail,
                NOW,
            ),
        )

    @api.model
    def _take_back(self, messages):
        """Let messages wait again whose runner is gone: their lease has run out.

        A runner would do so when it claims them. Where their connector is not active nobody does,
        and they would seem to be on their way for ever.

        :return: those that a runner still holds
        """
        if not messages:
            return messages
        queue = QUEUE_OF_MODEL[messages._name]
        key_ids, _states = self._lock_messages(queue, messages)
        # Another claim number, so that a runner that was only slow changes nothing any more.
        self.env.cr.execute(
            SQL(
                """
                WITH key AS (
                    UPDATE %(keys)s SET claim_no = claim_no + 1
                     WHERE id = ANY(%(key_ids)s) AND due_at <= %(now)s
                    RETURNING id
                )
                UPDATE ONLY %(messages)s m SET state = 'pending', due_at = NULL
                  FROM key
                 WHERE m.key_id = key.id AND m.id = ANY(%(ids)s) AND m.state = 'running'
                RETURNING m.id, m.attempt_id
                """,
                keys=queue.keys, messages=queue.messages, now=NOW,
                key_ids=key_ids, ids=messages.ids,
            )
        )  # fmt: skip
        rows = self.env.cr.fetchall()
        self._close_lost_attempts([attempt_id for _id, attempt_id in rows if attempt_id])
        self._refresh_keys(queue, key_ids)
        messages.invalidate_recordset()
        return messages - messages.browse(row[0] for row in rows)

    @api.model
    def _edit(self, messages, payloads):
        """Give dead messages another payload; the one they came with stays beside it.

        Their state stays: retrying them is another verb.

        :param payloads: ``{message id: str (out) or bytes (in)}``; None takes an edit back
        :raises ValidationError: a message is not dead
        """
        if not messages:
            return
        queue = QUEUE_OF_MODEL[messages._name]
        _key_ids, states = self._lock_messages(queue, messages)
        for message_id, state in states:
            if state != State.DEAD:
                raise ValidationError(
                    self.env._(
                        "Message %(uuid)s is %(state)s: only a dead message is edited.",
                        uuid=messages.browse(message_id).uuid,
                        state=state,
                    )
                )
        column, kind = EDITED[queue.direction]
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY %s m SET %s = p.payload"
                "  FROM unnest(%s::int[], %s::%s[]) AS p(id, payload)"
                " WHERE m.id = p.id AND m.id = ANY(%s)",
                queue.messages, column, list(payloads), list(payloads.values()), kind,
                messages.ids,
            )
        )  # fmt: skip
        messages.invalidate_recordset()

    def _lock_messages(self, queue, messages):
        """Lock keys, then messages; ids of the keys, and ``[(message id, state)]``."""
        key_ids = self._lock_keys(
            queue,
            SQL("id IN (SELECT key_id FROM %s WHERE id = ANY(%s))", queue.messages, messages.ids),
        )
        self.env.cr.execute(
            SQL(
                "SELECT id, state FROM %s WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
                queue.messages,
                messages.ids,
            )
        )
        return key_ids, self.env.cr.fetchall()

    def _change(self, messages, verb, assignment):
        if not messages:
            return
        queue = QUEUE_OF_MODEL[messages._name]
        if verb == Verb.RETRY:
            self._rejoin(queue, messages)
        key_ids, states = self._lock_messages(queue, messages)
        for message_id, state in states:
            if state == State.RUNNING:
                # Only its runner may take it from here: the lifecycle allows these verbs to it.
                raise ValidationError(
                    self.env._(
                        "Message %s is on its way at this moment: try again when it has ended.",
                        messages.browse(message_id).uuid,
                    )
                )
            try:
                next_state(state, verb)
            except ValueError as error:
                uuid = messages.browse(message_id).uuid
                raise ValidationError(
                    self.env._("Message %(uuid)s: %(error)s", uuid=uuid, error=error)
                ) from error
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY %s SET %s WHERE id = ANY(%s)", queue.messages, assignment, messages.ids
            )
        )
        self._move_finished(queue, messages.ids)
        self._refresh_keys(queue, key_ids, now=verb == Verb.RETRY)
        messages.invalidate_recordset()

    def _rejoin(self, queue, messages):
        """Messages whose key went on without them go back to it, to its front; keys are locked.

        Admission would do so as well, but leave the key's time as it is: far off, or parked.
        """
        mine = SQL(
            "JOIN ONLY %s m ON m.%s = k.owner_id"
            " AND COALESCE(m.ordering_key, m.uuid) = k.ordering_key"
            " WHERE m.id = ANY(%s) AND m.key_id = %s AND m.state = 'dead'",
            queue.messages,
            queue.owner,
            messages.ids,
            LEFT_KEY,
        )
        locked = self._lock_keys(queue, SQL("id IN (SELECT k.id FROM %s k %s)", queue.keys, mine))
        if locked:
            self.env.cr.execute(
                SQL(
                    "UPDATE ONLY %s r SET key_id = k.id FROM %s k %s AND r.id = m.id",
                    queue.messages,
                    queue.keys,
                    mine,
                )
            )

    def _find_routes(self, messages):
        """Give those whose route was deleted the one that takes their type now.

        :raises ValidationError: there is none
        """
        orphans = SQL(
            "m.id = ANY(%s)"
            " AND NOT EXISTS (SELECT 1 FROM mfg_inbox_route o WHERE o.id = m.route_id)",
            messages.ids,
        )
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY mfg_inbox_message m SET route_id = r.id, lane_id = r.lane_id"
                "  FROM mfg_inbox_route r"
                " WHERE r.connector_id = m.connector_id AND r.message_type = m.message_type"
                "   AND m.state = %s AND %s",
                State.DEAD.value,
                orphans,
            )
        )
        self.env.cr.execute(
            SQL("SELECT m.message_type FROM mfg_inbox_message m WHERE %s LIMIT 1", orphans)
        )
        if row := self.env.cr.fetchone():
            raise ValidationError(
                self.env._(
                    "There is no route for %s any more: make one on the connector, then retry.",
                    row[0],
                )
            )

    @api.model
    def _leave_routes(self, route_ids):
        """Take the dead messages of routes that are being deleted from the routes' keys."""
        queue = QUEUES["in"]
        self._lock_keys(queue, SQL("owner_id = ANY(%s)", list(route_ids)))
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY mfg_inbox_message SET key_id = %s"
                " WHERE route_id = ANY(%s) AND state = %s",
                LEFT_KEY,
                list(route_ids),
                State.DEAD.value,
            )
        )
        self.env.cr.execute(
            SQL("DELETE FROM %s WHERE owner_id = ANY(%s)", queue.keys, list(route_ids))
        )

    @api.model
    def _move_lane(self, direction, owner_ids, lane_id):
        """Move what waits for these subscriptions or routes to another lane."""
        queue = QUEUES[direction]
        owner_ids = list(owner_ids)
        # Keys before messages, as everybody locks them.
        self._lock_keys(queue, SQL("owner_id = ANY(%s)", owner_ids))
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET lane_id = %s WHERE owner_id = ANY(%s) AND lane_id != %s",
                queue.keys, lane_id, owner_ids, lane_id,
            )
        )  # fmt: skip
        self.env.cr.execute(
            SQL(
                "UPDATE ONLY %s SET lane_id = %s WHERE %s = ANY(%s) AND lane_id != %s",
                queue.messages, lane_id, queue.owner, owner_ids, lane_id,
            )
        )  # fmt: skip
