import hashlib
import json
import logging
import re
import time

import psycopg2

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
NOTED_SECONDS = 1.0
"""How exactly it is shown when a partner was last heard."""

_noted = {}  # (database, connector id) -> monotonic time until which it is noted


class MfgInboxStore(models.AbstractModel):
    """Keeps what was accepted, once, and knows what became of it. READ COMMITTED (see cursors)."""

    _name = "mfg.inbox.store"
    _description = "Store of accepted messages"

    @api.model
    def _store(self, *, route, connector, message_type, items, received, credential_id):
        """Insert the messages whose identity is not known; an ``Answer`` or ``Refused`` for each.

        Who inserts an identity first has the message. A second request with the same id waits for
        the first one's commit at the unique index, then finds it.

        :param route: ``RouteSpec``
        :param items: list of ``Item``
        :param received: the request; only its headers count here
        """
        new = {}  # external id -> (Item, uuid, digest): the first of each id
        for item in items:
            if item.external_id not in new:
                digest = hashlib.sha256(item.body).hexdigest()
                new[item.external_id] = item, new_uuid(), digest
        known = self._remember(connector, route, new)
        mine = {key: entry for key, entry in new.items() if key not in known}
        if mine:
            self._insert(route, connector, message_type, mine.values(), received, credential_id)
            self._wake(route.lane_id)
        found = self._known(connector, known)
        return [
            self._answer(item, message_type, mine.get(item.external_id), found) for item in items
        ]

    def _remember(self, connector, route, new):
        """Insert the identities; external ids of those that were there already."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_inbox_identity AS known
                       (connector_id, external_id, body_sha256, message_uuid, expires_at)
                SELECT %(connector)s, r.external_id, r.digest, r.uuid,
                       %(now)s + %(days)s * interval '1 day'
                  FROM unnest(%(ids)s::text[], %(digests)s::text[], %(uuids)s::text[])
                       AS r(external_id, digest, uuid)
                 -- In one order: two batches that share ids would wait for each other for ever.
                 ORDER BY r.external_id
                ON CONFLICT (connector_id, external_id) DO UPDATE
                   SET body_sha256 = EXCLUDED.body_sha256, message_uuid = EXCLUDED.message_uuid,
                       expires_at = EXCLUDED.expires_at
                 WHERE known.expires_at <= %(now)s
                   -- What may still be booked is remembered, however long it waits for a person.
                   AND NOT EXISTS (SELECT 1 FROM ONLY mfg_inbox_message m
                                    WHERE m.uuid = known.message_uuid)
                RETURNING external_id
                """,
                connector=connector.id,
                ids=list(new),
                digests=[digest for _item, _uuid, digest in new.values()],
                uuids=[uuid for _item, uuid, _digest in new.values()],
                days=route.dedupe_days,
                now=NOW,
            )
        )
        return new.keys() - {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _bind_signed_id(self, *, route, connector, message_type, signed_id, body, uuids):
        """Remember under its signed id what a signed request was, unless its message has that id.

        :param uuids: of the messages that it brought, or brought before
        :raises Refused: the same id was signed for something else; nothing of the request stays
        """
        digest = hashlib.sha256(body).hexdigest()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_inbox_identity
                       (connector_id, external_id, body_sha256, message_uuid, expires_at)
                VALUES (%s, %s, %s, %s, %s + %s * interval '1 day')
                ON CONFLICT (connector_id, external_id) DO NOTHING
                RETURNING 1
                """,
                connector.id, signed_id, digest, uuids[0], NOW, route.dedupe_days,
            )
        )  # fmt: skip
        if self.env.cr.fetchone():
            return
        known_digest, uuid, message = self._known(connector, [signed_id])[signed_id]
        if (
            known_digest != digest
            or uuid not in uuids
            or (message and message["message_type"] != message_type)
        ):
            raise _reused()

    def _insert(self, route, connector, message_type, entries, received, credential_id):
        trace = tracecontext.parse(received.header("traceparent"))
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_inbox_message
                       (uuid, external_id, ordering_key, body, content_type, route_id,
                        connector_id, company_id, lane_id, message_type, headers, credential_id,
                        traceparent, state, attempt_count, tries, created_at)
                SELECT r.uuid, r.external_id, r.ordering_key, r.body, r.content_type, %(route)s,
                       %(connector)s, %(company)s, %(lane)s, %(message_type)s, %(headers)s,
                       %(credential)s, %(trace)s, %(state)s, 0, 0, %(now)s
                  FROM unnest(%(uuids)s::text[], %(ids)s::text[], %(keys)s::text[],
                              %(bodies)s::bytea[], %(types)s::text[])
                       WITH ORDINALITY
                       AS r(uuid, external_id, ordering_key, body, content_type, n)
                 ORDER BY r.n
                """,
                route=route.id,
                connector=connector.id,
                company=connector.company_id.id,
                lane=route.lane_id,
                message_type=message_type,
                headers=self._headers_text(received),
                credential=credential_id,
                trace=str(trace) if trace else None,
                state=State.PENDING.value,
                now=NOW,
                uuids=[uuid for _item, uuid, _digest in entries],
                ids=[item.external_id for item, _uuid, _digest in entries],
                # without order every message is a key of its own
                keys=[item.ordering_key or uuid for item, uuid, _digest in entries],
                bodies=[psycopg2.Binary(item.body) for item, _uuid, _digest in entries],
                types=[item.content_type for item, _uuid, _digest in entries],
            )
        )

    def _answer(self, item, message_type, mine, found):
        """What the partner is told of one message, as ``_store``.

        :param mine: (``Item``, uuid, digest) if its id is new
        :param found: as ``_known`` gives it
        """
        if mine and mine[0] is item:
            return self._accepted(mine[1], State.PENDING)._replace(is_new=True)
        try:
            digest = hashlib.sha256(item.body).hexdigest()
            if not mine:
                return self._repeated(message_type, digest, *found[item.external_id])
            # Twice in one batch.
            if mine[2] != digest:
                raise _reused()
            return self._accepted(mine[1], State.PENDING)
        except Refused as refused:
            return refused

    @staticmethod
    def _headers_text(received):
        kept = redact.headers(received.headers)
        return json.dumps({name: value[:HEADER_CHARS] for name, value in kept.items()})

    def _known(self, connector, external_ids):
        """``{external id: (digest, uuid, message as _message gives it, or None)}``."""
        if not external_ids:
            return {}
        self.env.cr.execute(
            SQL(
                "SELECT external_id, body_sha256, message_uuid FROM mfg_inbox_identity"
                " WHERE connector_id = %s AND external_id = ANY(%s)",
                connector.id,
                list(external_ids),
            )
        )
        rows = self.env.cr.fetchall()
        messages = self._messages([uuid for _id, _digest, uuid in rows])
        return {
            external_id: (digest, uuid, messages.get(uuid)) for external_id, digest, uuid in rows
        }

    def _repeated(self, message_type, digest, known_digest, uuid, message):
        """Answer a message whose id is known: as the first time, or 422 if it is another one."""
        if known_digest != digest or (message and message["message_type"] != message_type):
            raise _reused()
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
        place, now = (self.env.cr.dbname, connector.id), time.monotonic()
        if _noted.get(place, 0) > now:
            return
        self.env.cr.postcommit.add(lambda: _noted.__setitem__(place, now + NOTED_SECONDS))
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_connector_runtime r SET last_received_at = %(now)s
                  FROM (SELECT id FROM mfg_connector_runtime
                         WHERE connector_id = %(connector)s
                           AND (last_received_at IS NULL
                                OR last_received_at < %(now)s - %(fresh)s * interval '1 second')
                           FOR UPDATE SKIP LOCKED) stale
                 WHERE r.id = stale.id
                """,
                connector=connector.id,
                now=NOW,
                fresh=NOTED_SECONDS,
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
        return self._messages([uuid]).get(uuid)

    def _messages(self, uuids):
        """``{uuid: columns of a message that answers are made of}``."""
        self.env.cr.execute(
            SQL(
                """
                SELECT m.id, m.uuid, m.state, m.reason_code, m.detail, m.message_type,
                       m.external_id, m.lane_id, m.created_at, m.finished_at, m.result, m.problems,
                       c.code AS connector_code
                  FROM mfg_inbox_message m JOIN mfg_connector c ON c.id = m.connector_id
                 WHERE m.uuid = ANY(%s)
                """,
                list(uuids),
            )
        )
        return {row["uuid"]: row for row in self.env.cr.dictfetchall()}

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


def _reused():
    return Refused(
        "conflict-id-reuse",
        "Another message came under the same id before. Nothing was stored: a new message needs an "
        "id of its own.",
    )


def _status_url(uuid):
    return f"{API_PREFIX}/messages/{uuid}"


def _json_or_text(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
