import hashlib
import json
import logging
import re

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..const import API_PREFIX
from ..tools import redact, tracecontext
from ..tools.lifecycle import FINAL, OPEN, REASONS, State
from .inbox_exchange import Answer, Refused
from .uuids import new_uuid

_logger = logging.getLogger(__name__)

HEADER_CHARS = 500
"""How much of each request header is kept, in characters."""

PRIVATE_REASONS = frozenset({"cancelled_by_user", "handler_failed"})
"""Reasons whose detail is about our people or our software and not for partners."""

UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
NOW = SQL("(statement_timestamp() AT TIME ZONE 'UTC')")


class MfgInboxStore(models.AbstractModel):
    """Keeps what was accepted, once, and knows what became of it. READ COMMITTED (see cursors)."""

    _name = "mfg.inbox.store"
    _description = "Store of accepted messages"

    @api.model
    def _store(
        self, route, connector, message_type, external_id, ordering_key, received, credential_id
    ):
        """Insert the message unless its identity is known; the ``Answer``.

        Who inserts the identity first has the message. A second request with the same id waits
        for the first one's commit at the unique index, then finds it.

        :param route: ``RouteSpec``
        :param ordering_key: None for no order
        :raises Refused: the id belongs to another message
        """
        uuid = new_uuid()
        digest = hashlib.sha256(received.body).hexdigest()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_inbox_identity AS known
                       (connector_id, external_id, body_sha256, message_uuid, expires_at)
                VALUES (%(connector)s, %(external_id)s, %(digest)s, %(uuid)s,
                        %(now)s + %(days)s * interval '1 day')
                ON CONFLICT (connector_id, external_id) DO UPDATE
                   SET body_sha256 = EXCLUDED.body_sha256, message_uuid = EXCLUDED.message_uuid,
                       expires_at = EXCLUDED.expires_at
                 WHERE known.expires_at <= %(now)s
                   -- What may still be booked is remembered, however long it waits for a person.
                   AND NOT EXISTS (SELECT 1 FROM ONLY mfg_inbox_message m
                                    WHERE m.uuid = known.message_uuid)
                RETURNING 1
                """,
                connector=connector.id,
                external_id=external_id,
                digest=digest,
                uuid=uuid,
                days=route.dedupe_days,
                now=NOW,
            )
        )
        if not self.env.cr.fetchone():
            return self._repeated(connector, message_type, external_id, digest)
        trace = tracecontext.parse(received.header("traceparent"))
        self._insert(
            {
                "uuid": uuid,
                "route_id": route.id,
                "connector_id": connector.id,
                "company_id": connector.company_id.id,
                "lane_id": route.lane_id,
                "message_type": message_type,
                "external_id": external_id,
                "body": received.body,
                "content_type": received.header("content-type")[:HEADER_CHARS].replace("\0", ""),
                "headers": self._headers_text(received),
                "credential_id": credential_id,
                "traceparent": str(trace) if trace else None,
                # without order every message is a key of its own
                "ordering_key": ordering_key or uuid,
            }
        )
        self._wake(route.lane_id)
        return self._accepted(uuid, State.PENDING)._replace(is_new=True)

    def _insert(self, values):
        self.env.cr.execute(
            SQL(
                "INSERT INTO mfg_inbox_message (%s, state, attempt_count, tries, created_at)"
                " VALUES (%s, %s, 0, 0, %s)",
                SQL(", ").join(map(SQL.identifier, values)),
                SQL(", ").join(SQL("%s", value) for value in values.values()),
                State.PENDING.value,
                NOW,
            )
        )

    @staticmethod
    def _headers_text(received):
        kept = redact.headers(received.headers)
        return json.dumps({name: value[:HEADER_CHARS] for name, value in kept.items()})

    def _repeated(self, connector, message_type, external_id, digest):
        """Answer a message whose id is known: as the first time, or 422 if it is another one."""
        self.env.cr.execute(
            SQL(
                "SELECT body_sha256, message_uuid FROM mfg_inbox_identity"
                " WHERE connector_id = %s AND external_id = %s",
                connector.id,
                external_id,
            )
        )
        known_digest, uuid = self.env.cr.fetchone()
        message = self._message(uuid)
        if known_digest != digest or (message and message["message_type"] != message_type):
            raise Refused(
                "conflict-id-reuse",
                "Another message came under the same id before. Nothing was stored: a new message "
                "needs an id of its own.",
            )
        if message is None:
            # Only finished messages leave, by retention, before their identity does.
            return Answer(200, {"id": uuid, "status": "archived"}, {})
        if message["state"] == State.DEAD:
            message = self._retried(message)
        if message["state"] in OPEN:
            return self._accepted(uuid, message["state"])
        return Answer(200, self._status_document(message), {})

    def _retried(self, message):
        """A partner that sends a failed message again asks for another try."""
        record = self.env["mfg.inbox.message"].browse(message["id"])
        try:
            self.env["mfg.message.queue"]._retry(record)
        except ValidationError:
            # Between our look and our lock a person retried or cancelled it: that stands.
            _logger.info("Inbox message %s is no longer dead, not retried.", message["uuid"])
        else:
            self._wake(message["lane_id"])
        return self._message(message["uuid"])

    def _wake(self, lane_id):
        self.env["mfg.waker"]._wake(self.env["mfg.lane"].browse(lane_id), "in")

    @api.model
    def _note_received(self, connector):
        """Show when the partner was last heard; not more than once a second, never waiting."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_connector_runtime r SET last_received_at = %(now)s
                  FROM (SELECT id FROM mfg_connector_runtime
                         WHERE connector_id = %(connector)s
                           AND (last_received_at IS NULL
                                OR last_received_at < %(now)s - interval '1 second')
                           FOR UPDATE SKIP LOCKED) stale
                 WHERE r.id = stale.id
                """,
                connector=connector.id,
                now=NOW,
            )
        )

    # === Answers === #

    def _accepted(self, uuid, state):
        url = _status_url(uuid)
        document = {"id": uuid, "status": str(state), "status_url": url}
        return Answer(202, document, {"Location": url})

    @api.model
    def _message(self, uuid):
        """The columns of a message that answers are made of, or None."""
        if not UUID_PATTERN.fullmatch(uuid):
            return None
        self.env.cr.execute(
            SQL(
                """
                SELECT m.id, m.uuid, m.state, m.reason_code, m.detail, m.message_type,
                       m.external_id, m.lane_id, m.created_at, m.finished_at, m.result, m.problems,
                       c.code AS connector_code
                  FROM mfg_inbox_message m JOIN mfg_connector c ON c.id = m.connector_id
                 WHERE m.uuid = %s
                """,
                uuid,
            )
        )
        return self.env.cr.dictfetchone()

    @api.model
    def _status_document(self, message):
        """What a partner is told about its message; ``message`` as ``_message`` gives it."""
        document = {
            "id": message["uuid"],
            "status": message["state"],
            "status_url": _status_url(message["uuid"]),
            "message_type": message["message_type"],
            "external_id": message["external_id"],
            "received_at": message["created_at"],
        }
        if message["state"] in FINAL:
            document["finished_at"] = message["finished_at"]
        if message["result"]:
            document["result"] = _json_or_text(message["result"])
        if message["state"] != State.DONE and message["reason_code"]:
            document["problems"] = self._problems(message)
        return document

    def _problems(self, message):
        """Why a message is not booked, in words for the partner."""
        if message["problems"]:
            return _json_or_text(message["problems"])
        reason = message["reason_code"]
        problem = {"code": reason, "title": REASONS[reason].label if reason in REASONS else reason}
        if message["detail"] and reason not in PRIVATE_REASONS:
            problem["detail"] = message["detail"]
        return [problem]


def _status_url(uuid):
    return f"{API_PREFIX}/messages/{uuid}"


def _json_or_text(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
