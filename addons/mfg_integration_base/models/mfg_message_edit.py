"""Editing a dead message's payload: what may be edited, what is wrong with it, what was changed."""

import json

from odoo import fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..const import MAX_JSON_DEPTH
from ..exceptions import BusinessReject
from ..tools.json_reader import JsonError, read_json
from ..tools.lifecycle import State
from ..tools.payload_changes import changes
from ..tools.payload_text import (
    body_bytes,
    body_text,
    compact_json,
    indent_json,
    newlines,
    with_newlines,
)
from ..tools.problem import FieldError
from ..tools.schema import compile_schema
from .mfg_message_queue import QUEUE_OF_MODEL
from .mfg_message_queue_people import EDITED


class MfgMessageMixin(models.AbstractModel):
    _inherit = "mfg.message.mixin"

    is_edited = fields.Boolean(compute="_compute_edit")
    edit_note = fields.Char(compute="_compute_edit", string="Edited")
    can_edit = fields.Boolean(compute="_compute_can_edit")

    def _compute_edit(self):
        column, _type = EDITED[QUEUE_OF_MODEL[self._name].direction]
        # Not read as a field: a body is large, and only whether there is one counts.
        self.env.cr.execute(
            SQL(
                "SELECT id FROM %s WHERE id = ANY(%s) AND %s IS NOT NULL",
                SQL.identifier(self._table), self.ids, column,
            )
        )  # fmt: skip
        edited = {row[0] for row in self.env.cr.fetchall()}
        # sudo: whoever sees the message sees who has changed it, and why.
        entries = (
            self.env["mfg.audit.entry"]
            .sudo()
            .search(
                [
                    ("model", "=", self._name),
                    ("res_id", "in", list(edited)),
                    ("act", "in", ("edit", "import")),
                ],
                order="id",
            )
        )
        last = {entry.res_id: entry for entry in entries}
        for message in self:
            message.is_edited = message.id in edited
            entry = last.get(message.id) if message.is_edited else None
            message.edit_note = (
                self.env._(
                    "Payload edited by %(user)s on %(when)s: %(reason)s",
                    user=entry.user_id.name or entry.user_login,
                    when=fields.Datetime.context_timestamp(self, entry.recorded_at).strftime(
                        "%Y-%m-%d %H:%M"
                    ),
                    reason=entry.reason,
                )
                if entry
                else False
            )

    def _compute_can_edit(self):
        for message in self:
            message.can_edit = message.state == State.DEAD and not message._why_not_editable()

    def action_edit(self):
        """Edit the payload, then send or book the message again (wizard ``mfg.message.edit``)."""
        self.ensure_one()
        self._check_editable()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Edit and retry"),
            "res_model": "mfg.message.edit",
            "view_mode": "form",
            "target": "new",
            "context": {"default_res_model": self._name, "default_res_id": self.id},
        }

    def _check_editable(self):
        self._check_operator()
        for message in self:
            if message.state != State.DEAD:
                raise ValidationError(
                    self.env._("Message %s is not dead: only a dead one is edited.", message.uuid)
                )
            if reason := message._why_not_editable():
                raise ValidationError(reason)

    def _edit_and_retry(self, payloads, reason, act="edit"):
        """Write edited payloads, make the messages due, tell the audit trail.

        :param payloads: ``{message id: payload}`` of each of these messages, str or bytes;
            without problems, see ``_payload_problems``
        :raises ValidationError: not dead, or its payload may not be edited
        """
        self._check_editable()
        before, after, stored = {}, {}, {}
        for message in self:
            payload = payloads[message.id]
            before[message.id], after[message.id] = changes(
                _text(message._payload()), _text(payload)
            )
            # Back to what it was is no edit.
            stored[message.id] = None if payload == message._original_payload() else payload
        queue = self.env["mfg.message.queue"]
        queue._edit(self, stored)
        queue._retry(self)
        self.env["mfg.audit.entry"]._record(act, self, reason, before=before, after=after)
        self.env["mfg.waker"]._wake(self.lane_id)

    def _mfg_audit_snapshot(self):
        # The id alone tells a person nothing.
        return super()._mfg_audit_snapshot() | {"name": self._type_name()}

    def _type_name(self):
        """The event type or the partner's message type."""
        raise NotImplementedError

    def _payload(self):
        """What is sent or booked now: text (out) or bytes (in)."""
        raise NotImplementedError

    def _original_payload(self):
        """The same as it came, before anybody edited it."""
        raise NotImplementedError

    def _why_not_editable(self):
        """A sentence that says why nobody may edit this payload, or None."""
        return

    def _payload_problems(self, payload):
        """What is wrong with an edited payload: list of ``tools.problem.FieldError``."""
        raise NotImplementedError

    def _original_text(self):
        """The original payload as text."""
        return _text(self._original_payload())

    def _payload_text(self):
        """The payload as a person edits it; JSON in indented lines."""
        raise NotImplementedError

    def _payload_of_text(self, text):
        """What a person has made of ``_payload_text``: ``(payload, its problems)``."""
        raise NotImplementedError


class MfgOutboxMessage(models.Model):
    _inherit = "mfg.outbox.message"

    def _type_name(self):
        return self.event_type

    def _payload(self):
        return self.data_edited or self._original_payload()

    def _original_payload(self):
        return self.event_id.data or ""

    def _why_not_editable(self):
        transport = self.env["mfg.transport"]._mfg_resolve(self.connector_id.transport)
        editable = getattr(transport, "_payload_editable", None)
        if editable is not None and not editable():
            return self.env._("What this connector delivers is not edited: cancel it instead.")
        if not self.event_id.exists():
            return self.env._("The event of this message does not exist any more.")
        return None

    def _payload_problems(self, payload):
        try:
            document = read_json(payload.encode("utf-8", "surrogatepass"), MAX_JSON_DEPTH)
        except JsonError as error:
            return [FieldError("", str(error))]
        if not isinstance(document, dict):
            return [FieldError("", self.env._("The data of an event is a JSON object."))]
        event_type = self.env["mfg.event.type"].search([("code", "=", self.event_type)])
        return compile_schema(json.loads(event_type.schema or "{}")).errors(document)

    def _payload_text(self):
        return indent_json(self._payload())

    def _payload_of_text(self, text):
        # As it is typed, so that the problems name the lines that the person sees.
        if problems := self._payload_problems(text):
            return text, problems
        return compact_json(text), []


class MfgInboxMessage(models.Model):
    _inherit = "mfg.inbox.message"

    def _type_name(self):
        return self.message_type

    def _payload(self):
        return self._raw_body()

    def _original_payload(self):
        return self._original_body()

    def _payload_problems(self, payload):
        route = (
            self.env["mfg.inbox.route"]
            .with_context(active_test=False)
            .search(
                [
                    ("connector_id", "=", self.connector_id.id),
                    ("message_type", "=", self.message_type),
                ]
            )
        )
        if not route:
            return [FieldError("", self.env._("There is no route for %s.", self.message_type))]
        try:
            document = route._decode(payload, self.content_type or "")
        except BusinessReject as reject:
            return [FieldError(reject.pointer, reject.detail)]
        return compile_schema(route._effective_schema()).errors(document)

    def _why_not_editable(self):
        if body_text(self._raw_body())[1] == "hex":
            return self.env._("The body of this message is not text.")
        return None

    def _payload_text(self):
        text, _encoding = body_text(self._raw_body())
        return indent_json(text) if _is_json(self._raw_body()) else text

    def _payload_of_text(self, text):
        original = self._raw_body()
        was, encoding = body_text(original)
        if _is_json(original):
            # The layout is ours, not the partner's.
            same = compact_json(text) == compact_json(was)
            return self._checked(original if same else text.encode("utf-8", "replace"))
        ends = newlines(was)
        if len(ends) > 1:
            return original, [
                FieldError(
                    "",
                    self.env._(
                        "The body mixes line ends, which a browser does not keep. Export the "
                        "message, edit the file, and import it."
                    ),
                )
            ]
        try:
            payload = body_bytes(with_newlines(text, *ends) if ends else text, encoding)
        except ValueError:
            return original, [
                FieldError("", self.env._("The body is in %s, which lacks a character.", encoding))
            ]
        return self._checked(payload)

    def _checked(self, payload):
        return payload, self._payload_problems(payload)


def _is_json(body):
    try:
        read_json(body, MAX_JSON_DEPTH)
    except JsonError:
        return False
    return True


def _text(payload):
    return body_text(payload)[0] if isinstance(payload, bytes) else payload
