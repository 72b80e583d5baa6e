import hashlib
import json
import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..const import (
    API_PREFIX,
    BACKLOG_RETRY_AFTER,
    SIGNATURE_TOLERANCE,
    UNAVAILABLE_RETRY_AFTER,
)
from ..exceptions import BusinessReject, ConfigurationError
from ..tools import redact, signature, tracecontext
from ..tools.json_pointer import PointerError, resolve
from ..tools.lifecycle import FINAL, OPEN, REASONS, State
from ..tools.problem import PROBLEMS, FieldError, Problem
from .cursors import own_env
from .mfg_connector import CODE_PATTERN
from .mfg_inbox_route import MESSAGE_TYPE_PATTERN
from .uuids import new_uuid

_logger = logging.getLogger(__name__)

MAX_KEY_CHARS = 255
"""Longest external id and ordering key, in characters; both are indexed."""

BACKLOG_TTL = 1.0
"""How long a count of a lane's backlog is believed, in seconds."""

HEADER_CHARS = 500
"""How much of each request header is kept, in characters."""

CHALLENGE = 'StandardWebhooks realm="mfg"'
"""WWW-Authenticate of every 401 (RFC 9110 section 11.6.1 requires one)."""

PRIVATE_REASONS = frozenset({"handler_failed"})
"""Reasons whose detail is about our own software and not for partners."""

UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
CREDENTIAL_FIELDS = (
    "name", "connector_id", "kind", "direction", "active", "cipher", "valid_from", "valid_until",
)  # fmt: skip
"""All that checking a signature reads, in one query."""

NOW = SQL("(statement_timestamp() AT TIME ZONE 'UTC')")

# What an unknown connector's signature is compared with, so that it costs the same work.
_decoy = signature.Secret.generate(secrets.token_bytes)
_backlogs = {}  # (database, lane id) -> Backlog


class Refused(Exception):
    """The request gets a problem document instead of an answer, and nothing is stored.

    :param slug: a key of ``tools.problem.PROBLEMS``
    :param detail: one sentence or two for the partner's developer
    :param errors: what is wrong where, as ``FieldError``
    :param headers: further headers of the answer
    :param why: for our log only
    """

    loglevel = logging.INFO  # read by Odoo, which logs what a request raised

    def __init__(self, slug, detail, *, errors=(), headers=None, why=""):
        status, title = PROBLEMS[slug]
        super().__init__(f"Inbound request refused: {status} {slug} {why}".rstrip())
        self.problem = Problem(slug, status, title, detail, errors)
        self.headers = headers or {}
        if status == 503:
            self.headers = {"Retry-After": str(UNAVAILABLE_RETRY_AFTER), **self.headers}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in.

    :param headers: pairs, as sent
    :param body: raw bytes; a Content-Encoding is already undone
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), "")


class Answer(NamedTuple):
    """What the partner gets: an HTTP status, a JSON document, further headers."""

    status: int
    document: dict[str, Any]
    headers: dict[str, str]


@dataclass(slots=True)
class Backlog:
    """How many inbound messages of a lane wait, and how many may."""

    until: float  # monotonic time until which this is believed
    waiting: int
    cap: int


class MfgInboxGateway(models.AbstractModel):
    """Accepts partners' messages: authenticate, check, store, answer. No business in here.

    Works on a cursor of its own at READ COMMITTED, which commits before the partner is answered:
    what got a 2xx is on disk. Everything may be run again with the same request.
    """

    _name = "mfg.inbox.gateway"
    _description = "Inbound gateway"

    @api.model
    def _accept(self, connector_code, message_type, received):
        """Store one message, or find what became of the same message before; the ``Answer``.

        :raises Refused: with the problem to answer; nothing was stored
        """
        with own_env(self.env.registry) as env:
            gateway = self.with_env(env)
            gateway._check_able()
            connector, credential_id, signed_id = gateway._authenticate(connector_code, received)
            gateway._check_activated(connector)
            spec = gateway._route(connector, message_type)
            gateway._check_backlog(spec.lane_id)
            document = gateway._document(spec, received)
            external_id = gateway._external_id(spec, document) or signed_id
            answer = gateway._store(
                spec, connector, message_type, external_id, document, received, credential_id
            )
            gateway._note_received(connector)
        return answer

    @api.model
    def _report(self, uuid, received):
        """What became of a message, for the partner that sent it; the ``Answer``.

        The request is signed like a message with an empty body. Its ``webhook-id`` is the UUID
        asked for, so that the signature holds for this question only.

        :raises Refused: an unknown message, somebody else's, or a wrong signature: all the same
        """
        with own_env(self.env.registry) as env:
            gateway = self.with_env(env)
            gateway._check_able()
            message = gateway._message(uuid)
            connector, _credential_id, signed_id = gateway._authenticate(
                message["connector_code"] if message else "", received
            )
            if signed_id != uuid:
                raise _unauthorized("status request signed for another message")
            gateway._check_activated(connector)
            return Answer(200, gateway._status_document(message), {})

    # === Who === #

    def _check_able(self):
        """Refuse everybody alike while this database cannot tell friend from foe.

        Before anything else and the same for known and unknown connectors: says nothing about them.
        """
        if self.env["mfg.environment"]._is_neutralized():
            raise Refused(
                "not-activated",
                "This database is a copy: it was neutralized for testing and accepts no messages. "
                "Nothing was stored.",
            )
        try:
            self.env["mfg.credential"]._key_ring()
        except ConfigurationError as error:
            _logger.error("Inbound messages cannot be authenticated: %s", error)
            raise Refused(
                "not-configured",
                "This system lacks what it needs to check signatures; its administrator has been "
                "told. Nothing was stored.",
            ) from None

    def _authenticate(self, connector_code, received):
        """``(connector, credential id, signed message id)`` of a valid signature.

        One uniform refusal: an unknown connector costs the same query and the same HMAC as a
        wrong signature, and is answered alike. Why it was refused is in our log only.
        """
        known = CODE_PATTERN.fullmatch(connector_code) is not None
        credentials = self.env["mfg.credential"].search_fetch(
            [
                ("connector_id.code", "=", connector_code if known else "-"),
                ("connector_id.state", "in", ("active", "paused")),
            ],
            CREDENTIAL_FIELDS,
        )
        try:
            usable = credentials._valid_secrets("hmac", "in")
        except ConfigurationError:  # none of them opens; our log says why
            usable = []
        try:
            verified = signature.verify(
                [secret for _id, secret in usable] or [_decoy],
                received.headers,
                received.body,
                int(time.time()),
                SIGNATURE_TOLERANCE,
            )
        except signature.SignatureError as error:
            why = error.code if usable else "no such active connector, or no secret"
            raise _unauthorized(f"{connector_code[:80]!r}: {why}") from None
        credential_id = usable[verified.key_index][0]
        connector = credentials.browse(credential_id).connector_id
        return connector, credential_id, verified.msg_id

    def _check_activated(self, connector):
        if connector.activation_fingerprint != self.env["mfg.environment"]._fingerprint():
            raise Refused(
                "not-activated",
                "This database is a copy, or its environment has changed: the connector is not "
                "activated here. Nothing was stored; send the message to the original system.",
                why=f"{connector.code!r} in {self.env.cr.dbname!r}",
            )

    # === What === #

    def _route(self, connector, message_type):
        spec = None
        if MESSAGE_TYPE_PATTERN.fullmatch(message_type):
            spec = self.env["mfg.inbox.route"]._spec(connector.id, message_type)
        if spec is None:
            raise Refused(
                "unknown-message-type",
                "This connector takes no messages of that type. Check the address.",
                why=f"{connector.code!r}: {message_type[:80]!r}",
            )
        return spec

    def _check_backlog(self, lane_id):
        """429 while the lane has more to book than it may; counted once a second per process."""
        now = time.monotonic()
        place = (self.env.cr.dbname, lane_id)
        backlog = _backlogs.get(place)
        if backlog is None or backlog.until <= now:
            # Waiting for its first claim, or under a key that is not parked behind a dead message.
            self.env.cr.execute(
                SQL(
                    """
                    SELECT backlog_cap,
                           (SELECT count(*) FROM mfg_inbox_message
                             WHERE lane_id = l.id AND key_id IS NULL AND state = 'pending')
                           + (SELECT COALESCE(sum(waiting), 0) FROM mfg_inbox_key
                               WHERE lane_id = l.id AND due_at IS NOT NULL)
                      FROM mfg_lane l WHERE id = %s
                    """,
                    lane_id,
                )
            )
            cap, waiting = self.env.cr.fetchone()
            backlog = _backlogs[place] = Backlog(now + BACKLOG_TTL, int(waiting), cap)
        if backlog.waiting >= backlog.cap:
            raise Refused(
                "backlog-full",
                "Send the same message again after the time in Retry-After.",
                headers={"Retry-After": str(BACKLOG_RETRY_AFTER)},
            )

    def _document(self, spec, received):
        content_type = received.header("content-type")
        codec = self.env["mfg.codec"]._mfg_resolve(spec.codec)
        if not codec._accepts(content_type):
            raise Refused(
                "unsupported-media-type",
                "This message type does not take bodies of that Content-Type.",
            )
        try:
            document = codec._decode(raw=received.body, content_type=content_type)
        except BusinessReject as reject:
            raise Refused("malformed-body", reject.detail) from None
        errors = spec.schema.errors(document)
        if errors:
            raise Refused(
                "schema", "Each error is listed with its place in the message.", errors=errors
            )
        return document

    def _external_id(self, spec, document):
        """The partner's id of the message by the route's pointer, or None without pointer."""
        if not spec.external_id_pointer:
            return None
        value = self._scalar(document, spec.external_id_pointer)
        if value is None or not 0 < len(value) <= MAX_KEY_CHARS:
            detail = (
                f"The message's id has to be here: a text or number, 1 to {MAX_KEY_CHARS} long."
            )
            raise Refused(
                "schema",
                "The message has no usable id.",
                errors=[FieldError(spec.external_id_pointer, detail)],
            )
        return value

    @staticmethod
    def _scalar(document, pointer):
        """Text of the text or integer at ``pointer``, None if there is none."""
        try:
            value = resolve(document, pointer)
        except PointerError:
            return None
        is_scalar = isinstance(value, str | int) and not isinstance(value, bool)
        return str(value) if is_scalar else None

    def _ordering_key(self, spec, document, uuid):
        if spec.ordering_pointer:
            key = self._scalar(document, spec.ordering_pointer)
        else:
            handler = self.env["mfg.inbox.handler"]._mfg_resolve(spec.handler)
            key = handler._ordering_key(document)
        if not key:
            return uuid  # without order every message is a key of its own
        if len(key) > MAX_KEY_CHARS:  # an index entry has to fit a page
            return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        return key

    # === Store === #

    def _store(self, spec, connector, message_type, external_id, document, received, credential_id):
        """Insert the message unless its identity is known; the ``Answer``.

        Who inserts the identity first has the message. A second request with the same id waits
        for the first one's commit at the unique index, then finds it.
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
                RETURNING 1
                """,
                connector=connector.id,
                external_id=external_id,
                digest=digest,
                uuid=uuid,
                days=spec.dedupe_days,
                now=NOW,
            )
        )
        if not self.env.cr.fetchone():
            return self._repeated(connector, message_type, external_id, digest)
        trace = tracecontext.parse(received.header("traceparent"))
        self._insert(
            {
                "uuid": uuid,
                "route_id": spec.id,
                "connector_id": connector.id,
                "company_id": connector.company_id.id,
                "lane_id": spec.lane_id,
                "message_type": message_type,
                "external_id": external_id,
                "body": received.body,
                "content_type": received.header("content-type")[:HEADER_CHARS].replace("\0", ""),
                "headers": self._headers_text(received),
                "credential_id": credential_id,
                "traceparent": str(trace) if trace else None,
                "ordering_key": self._ordering_key(spec, document, uuid),
            }
        )
        self._wake(spec.lane_id)
        if backlog := _backlogs.get((self.env.cr.dbname, spec.lane_id)):
            backlog.waiting += 1
        return self._accepted(uuid, State.PENDING)

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
        self.env["mfg.waker"]._wake(self.env["mfg.lane"].browse(lane_id))

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

    def _status_document(self, message):
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


def _unauthorized(why):
    # Word for word the same for every cause.
    return Refused(
        "unauthorized",
        "The request needs a valid Standard Webhooks signature of an active connector.",
        headers={"WWW-Authenticate": CHALLENGE},
        why=why,
    )


def _status_url(uuid):
    return f"{API_PREFIX}/messages/{uuid}"


def _json_or_text(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
