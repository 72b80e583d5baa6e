import logging
import time
from dataclasses import dataclass

from odoo import api, models
from odoo.tools import SQL

from ..const import BACKLOG_RETRY_AFTER, MAX_JSON_DEPTH
from ..exceptions import ConfigurationError
from ..tools import inbound_batch
from ..tools.inbound_batch import BatchBodyError
from .cursors import own_env
from .inbox_exchange import Answer, Refused
from .mfg_inbox_route import MESSAGE_TYPE_PATTERN

_logger = logging.getLogger(__name__)

BACKLOG_TTL = 1.0
"""How long a count of a lane's backlog is believed, in seconds."""

BATCH_PROBLEMS = {
    "malformed": "malformed-body",
    "empty": "malformed-body",
    "too_many": "too-large",
}

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

    Who calls: ``mfg_inbox_gateway_caller``. What a body says: ``mfg_inbox_gateway_items``. Results
    in the same call: ``mfg_inbox_gateway_answer``.
    """

    _name = "mfg.inbox.gateway"
    _description = "Inbound gateway"

    @api.model
    def _accept(self, connector_code, message_type, received):
        """Store the messages of a request, or find what became of the same ones before.

        :return: the ``Answer``; of a batch, with the answers to its messages
        :raises Refused: with the problem to answer; nothing was stored
        """
        with own_env(self.env.registry) as env:
            gateway = self.with_env(env)
            here = gateway._check_able()
            caller = gateway._authenticate(connector_code, received)
            gateway._check_activated(caller.connector, here)
            spec = gateway._route(caller.connector, message_type)
            gateway._check_scope(caller, "write", message_type)
            gateway._check_backlog(spec.lane_id, caller.connector.id)
            parts = gateway._parts(spec, received)
            env["mfg.inbox.limit"]._take(spec, len(parts or [None]))
            if parts is None:
                read = [gateway._item(spec, received, caller)]
            else:
                read = gateway._batch_items(spec, parts, caller)
            answers = gateway._stored(caller, spec, message_type, read, received)
            env["mfg.inbox.store"]._note_received(caller.connector)
        new = sum(1 for answer in answers if isinstance(answer, Answer) and answer.is_new)
        if new:
            gateway._count_backlog(spec.lane_id, caller.connector.id, new)
        if parts is not None:
            return _of_batch(parts, read, answers, spec.headers)
        [answer] = answers
        if isinstance(answer, Refused):
            raise answer
        if spec.answer_seconds:
            answer = self._with_result(answer, spec.answer_seconds)
        return answer._replace(headers={**spec.headers, **answer.headers})

    def _parts(self, spec, received):
        """The messages of a batch, by its Content-Type or as the codec finds them; else None."""
        content_type = received.header("content-type")
        try:
            parts = inbound_batch.split(content_type, received.body, max_depth=MAX_JSON_DEPTH)
            if parts is not None:
                return parts
            codec = self.env["mfg.codec"]._mfg_resolve(spec.codec)
            return inbound_batch.limited(codec._parts(raw=received.body, content_type=content_type))
        except BatchBodyError as error:
            raise Refused(BATCH_PROBLEMS[error.code], str(error)) from None

    def _batch_items(self, spec, parts, caller):
        """``Item``, or why it is refused, of each message of a batch: one does not stop others."""
        read = []
        for part in parts:
            try:
                read.append(self._part_item(spec, part, caller))
            except Refused as refused:
                read.append(refused)
        return read

    def _stored(self, caller, spec, message_type, read, received):
        """``Answer`` or ``Refused`` of each; what could not be read keeps its refusal."""
        items = [item for item in read if not isinstance(item, Refused)]
        stored = iter(
            self.env["mfg.inbox.store"]._store(
                route=spec,
                connector=caller.connector,
                message_type=message_type,
                items=items,
                received=received,
                credential_id=caller.credential_id,
            )
            if items
            else ()
        )
        answers = [item if isinstance(item, Refused) else next(stored) for item in read]
        accepted = [answer for answer in answers if isinstance(answer, Answer)]
        # A message that came alone under its signed id has bound that id to these bytes already.
        has_own_id = [item.external_id for item in items] == [caller.message_id]
        if caller.is_signed and accepted and not (has_own_id and items[0].body == received.body):
            # The signature does not cover address and Content-Type: the same signed bytes could
            # come again in another form, as other messages.
            self.env["mfg.inbox.store"]._bind_signed_id(
                route=spec,
                connector=caller.connector,
                message_type=message_type,
                signed_id=caller.message_id,
                body=received.body,
                uuids=[answer.document["id"] for answer in accepted],
            )
        return answers

    @api.model
    def _report(self, uuid, received):
        """What became of a message, for the partner that sent it; the ``Answer``.

        A signed request is signed like a message with an empty body. Its ``webhook-id`` is the UUID
        asked for, so that the signature holds for this question only.

        :raises Refused: an unknown message, somebody else's, or a wrong proof: all the same
        """
        with own_env(self.env.registry) as env:
            gateway = self.with_env(env)
            here = gateway._check_able()
            message = env["mfg.inbox.store"]._message(uuid)
            caller = gateway._authenticate(
                message["connector_code"] if message else "", received, question=uuid
            )
            gateway._check_activated(caller.connector, here)
            gateway._check_scope(caller, "read", "messages")
            return Answer(200, env["mfg.inbox.store"]._status_document(message), {})

    # === Whether at all === #

    def _check_able(self):
        """Refuse everybody alike while this database cannot tell friend from foe.

        Before anything else and the same for known and unknown connectors: says nothing about them.

        :return: the fingerprint of where we are, for ``_check_activated``
        """
        try:
            here = self.env["mfg.environment"]._fingerprint_here()
            if here is None:
                raise Refused(
                    "not-activated",
                    "This database is a copy: it was neutralized for testing and accepts no "
                    "messages. Nothing was stored.",
                )
            self.env["mfg.credential"]._key_ring()
        except ConfigurationError as error:
            _logger.error("Inbound messages cannot be authenticated: %s", error)
            raise Refused(
                "not-configured",
                "This system lacks what it needs to check signatures; its administrator has been "
                "told. Nothing was stored.",
            ) from None
        return here

    def _check_activated(self, connector, here):
        if connector.activation_fingerprint != here:
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

    def _count_backlog(self, lane_id, _connector_id, new):
        """So many more are stored: for all who share the lane."""
        # A list: another thread may add its place meanwhile.
        for (dbname, lane, _connector), backlog in list(_backlogs.items()):
            if dbname == self.env.cr.dbname and lane == lane_id:
                backlog.waiting += new


def _of_batch(parts, read, answers, headers):
    """The answer to a batch: 202 if every message was accepted, else 207 (RFC 4918 section 13)."""
    results, all_accepted = [], True
    for part, item, answer in zip(parts, read, answers, strict=True):
        result = {"place": part.place}
        if not isinstance(item, Refused):
            result["external_id"] = item.external_id
        if isinstance(answer, Refused):
            all_accepted = False
            result |= {"status": answer.problem.status, "problem": answer.problem.document()}
        else:
            # "status" is HTTP's here, as in answers to batches that we send.
            document = dict(answer.document)
            result |= {"status": answer.status, "state": document.pop("status"), **document}
        results.append(result)
    return Answer(202 if all_accepted else 207, {"results": results}, headers)
