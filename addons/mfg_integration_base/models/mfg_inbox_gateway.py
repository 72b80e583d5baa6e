import hashlib
import logging
import secrets
import time
from dataclasses import dataclass

from odoo import api, models
from odoo.tools import SQL

from ..const import BACKLOG_RETRY_AFTER, SIGNATURE_TOLERANCE
from ..exceptions import BusinessReject, ConfigurationError
from ..tools import signature
from ..tools.json_pointer import PointerError, resolve
from ..tools.problem import FieldError
from .cursors import own_env
from .inbox_exchange import Answer, Refused
from .mfg_connector import CODE_PATTERN
from .mfg_inbox_route import MESSAGE_TYPE_PATTERN

_logger = logging.getLogger(__name__)

MAX_KEY_CHARS = 255
"""Longest external id and ordering key, in characters; both are indexed."""

BACKLOG_TTL = 1.0
"""How long a count of a lane's backlog is believed, in seconds."""

CHALLENGE = 'StandardWebhooks realm="mfg"'
"""WWW-Authenticate of every 401 (RFC 9110 section 11.6.1 requires one)."""

CREDENTIAL_FIELDS = (
    "name", "connector_id", "kind", "direction", "active", "cipher", "valid_from", "valid_until",
)  # fmt: skip
"""All that checking a signature reads, in one query."""

# What an unknown connector's signature is compared with, so that it costs the same work.
_decoy = signature.Secret.generate(secrets.token_bytes)
_backlogs = {}  # (database, lane id, connector id) -> Backlog


@dataclass(slots=True)
class Backlog:
    """How many inbound messages of a lane a connector finds waiting, and how many may."""

    until: float  # monotonic time until which this is believed
    waiting: int
    cap: int
    is_too_large: bool


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
            gateway._check_backlog(spec.lane_id, connector.id)
            document = gateway._document(spec, received)
            answer = env["mfg.inbox.store"]._store(
                route=spec,
                connector=connector,
                message_type=message_type,
                external_id=gateway._external_id(spec, document) or signed_id,
                ordering_key=gateway._ordering_key(spec, document),
                received=received,
                credential_id=credential_id,
            )
            env["mfg.inbox.store"]._note_received(connector)
        if answer.is_new:
            gateway._count_backlog(spec.lane_id, connector.id)
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
            message = env["mfg.inbox.store"]._message(uuid)
            connector, _credential_id, signed_id = gateway._authenticate(
                message["connector_code"] if message else "", received
            )
            if signed_id != uuid:
                raise _unauthorized("status request signed for another message")
            gateway._check_activated(connector)
            return Answer(200, env["mfg.inbox.store"]._status_document(message), {})

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

    def _check_backlog(self, lane_id, connector_id):
        """429 while the lane has more to book than it may; counted once a second per process.

        What a paused partner has sent counts for that partner only.
        """
        now = time.monotonic()
        place = (self.env.cr.dbname, lane_id, connector_id)
        backlog = _backlogs.get(place)
        if backlog is None or backlog.until <= now:
            self.env.cr.execute(
                SQL("SELECT backlog_cap, backlog_cap_bytes FROM mfg_lane WHERE id = %s", lane_id)
            )
            cap, cap_bytes = self.env.cr.fetchone()
            waiting, size = self.env["mfg.message.queue"]._inbox_backlog(lane_id, connector_id)
            backlog = _backlogs[place] = Backlog(now + BACKLOG_TTL, waiting, cap, size >= cap_bytes)
        if backlog.waiting >= backlog.cap or backlog.is_too_large:
            raise Refused(
                "backlog-full",
                "Send the same message again after the time in Retry-After.",
                headers={"Retry-After": str(BACKLOG_RETRY_AFTER)},
            )

    def _count_backlog(self, lane_id, connector_id):
        """One more is stored: for all who share the lane."""
        # A list: another thread may add its place meanwhile.
        for (dbname, lane, _connector), backlog in list(_backlogs.items()):
            if dbname == self.env.cr.dbname and lane == lane_id:
                backlog.waiting += 1

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

    def _ordering_key(self, spec, document):
        """What the message is booked in order of, by the route or its handler; or None."""
        if spec.ordering_pointer:
            key = self._scalar(document, spec.ordering_pointer)
        else:
            handler = self.env["mfg.inbox.handler"]._mfg_resolve(spec.handler)
            key = handler._ordering_key(document)
        if key and len(key) > MAX_KEY_CHARS:  # an index entry has to fit a page
            return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        return key


def _unauthorized(why):
    # Word for word the same for every cause.
    return Refused(
        "unauthorized",
        "The request needs a valid Standard Webhooks signature of an active connector.",
        headers={"WWW-Authenticate": CHALLENGE},
        why=why,
    )
