"""Messages of the error queue as lines of a file, and such a file's lines as messages again."""

import json
from datetime import timezone
from typing import NamedTuple

from odoo import models

from ..tools.envelope import EventRecord, encode_structured
from ..tools.json_writer import canonical_json
from ..tools.jsonlines_export import Attempts, DeadLetter
from ..tools.lifecycle import State


class Reading(NamedTuple):
    """What a line of a file means here.

    ``message`` is empty when the line is passed over, ``skipped`` says why. ``payload`` is None
    when it was not changed. ``problems``: sentences; with any of them nothing is imported.
    """

    line: int
    message: object
    payload: str | bytes | None
    problems: tuple[str, ...]
    skipped: str


class MfgMessageMixin(models.AbstractModel):
    _inherit = "mfg.message.mixin"

    def _letters(self):
        """A ``tools.jsonlines_export.DeadLetter`` of each message."""
        return [message._letter() for message in self]

    def _letter(self):
        attempt = self.attempt_ids.sorted("id")[-1:]
        return DeadLetter(
            message_id=self.uuid,
            direction="out" if self._name == "mfg.outbox.message" else "in",
            connector=self.connector_id.code or "",
            type=self._type_name(),
            created_at=_aware(self.created_at),
            reason=self.reason_code or "",
            detail=self.detail or "",
            ordering_key=self.ordering_key or "",
            attempts=Attempts(
                count=self.attempt_count,
                last_at=_aware(attempt.started_at) if attempt else None,
                last_status=attempt.http_status or None,
            ),
            **self._letter_content(),
        )

    def _letter_content(self):
        """The members of a ``DeadLetter`` that depend on the direction."""
        raise NotImplementedError

    def _read_letter(self, line, letter):
        """What a line means for this message, which has its id: a ``Reading``."""
        if self.state != State.DEAD:
            return Reading(
                line, self.browse(), None, (), self.env._("is %s, no longer dead", self.state)
            )
        payload, problems = self._changed_payload(letter)
        if letter.connector != self.connector_id.code:
            problems.append(
                self.env._("“connector” is not that of the message: %s.", self.connector_id.code)
            )
        if letter.type != self._type_name():
            problems.append(self.env._("“type” is not that of the message: %s.", self._type_name()))
        if payload is not None and not problems:
            if reason := self._why_not_editable():
                problems.append(reason)
            problems += [
                f"{problem.pointer or '/'}: {problem.message}"
                for problem in self._payload_problems(payload)
            ]
        return Reading(line, self, payload, tuple(problems), "")

    def _changed_payload(self, letter):
        """``(payload or None, [what else was changed and may not be])``."""
        raise NotImplementedError


class MfgOutboxMessage(models.Model):
    _inherit = "mfg.outbox.message"

    def _letter_content(self):
        event = self.event_id
        record = EventRecord(
            id=event.uuid,
            source=event.source,
            type=event.type,
            subject=event.subject or "",
            time=_aware(event.occurred_at),
            dataschema=f"urn:mfg:schema:{event.type}",
            sequence=event.id,
            partitionkey=event.ordering_key,
            traceparent=event.traceparent or "",
            correlationid=event.correlation_id or "",
            causationid=event.causation_id or "",
            data_text=self._payload(),
        )
        return {"event": json.loads(encode_structured(record))}

    def _changed_payload(self, letter):
        ours = self._letter_content()["event"]
        names = sorted(ours.keys() | letter.event.keys())
        problems = [
            self.env._("“event/%s” was changed: only the data of an event can be.", name)
            for name in names
            if name != "data" and ours.get(name) != letter.event.get(name)
        ]
        payload = canonical_json(letter.event.get("data"))
        return (None if payload == canonical_json(ours.get("data")) else payload), problems


class MfgInboxMessage(models.Model):
    _inherit = "mfg.inbox.message"

    def _letter_content(self):
        return {
            "external_id": self.external_id,
            "content_type": self.content_type or "",
            "body": self._raw_body(),
        }

    def _changed_payload(self, letter):
        problems = [
            self.env._("“%s” was changed: only the body can be.", name)
            for name in ("external_id", "content_type")
            if getattr(letter, name) != (self[name] or "")
        ]
        return (None if letter.body == self._raw_body() else letter.body), problems


def _aware(moment):
    return moment.replace(tzinfo=timezone.utc)
