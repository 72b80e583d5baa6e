import hashlib

from odoo import models

from ..exceptions import BusinessReject
from ..tools.json_pointer import PointerError, resolve
from ..tools.problem import FieldError
from .inbox_exchange import Item, Refused

MAX_KEY_CHARS = 255
"""Longest external id and ordering key, in characters; both are indexed."""


class MfgInboxGateway(models.AbstractModel):
    """What a message says: its document, its id, what it is booked in order of.

    The id is what the route's pointer names; else that which its format has a place for, as a
    CloudEvent's; else a header.
    """

    _inherit = "mfg.inbox.gateway"

    def _item(self, spec, received, caller):
        """The ``Item`` of a request with one message.

        :raises Refused: it cannot be read, is not as agreed, or has no id
        """
        content_type = received.header("content-type")
        document, event_id = self._document(spec, received.body, content_type)
        external_id = self._pointed_id(spec, document) or event_id or caller.message_id
        if external_id is None and not caller.is_signed:
            # Nobody vouches for headers that were not signed; these only say what to compare with.
            external_id = received.header("idempotency-key") or received.header("webhook-id")
            external_id = external_id or received.header("ce-id")
        return self._checked(spec, document, external_id, received.body, content_type)

    def _part_item(self, spec, part, caller):
        """The ``Item`` of one message of a batch."""
        document, event_id = self._document(spec, part.body, part.content_type)
        external_id = self._pointed_id(spec, document) or part.message_id or event_id
        if external_id is None and caller.message_id:
            external_id = f"{caller.message_id}#{part.place}"
        return self._checked(spec, document, external_id, part.body, part.content_type)

    def _checked(self, spec, document, external_id, body, content_type):
        external_id = (external_id or "").strip()
        if not 0 < len(external_id) <= MAX_KEY_CHARS or not external_id.isprintable():
            raise Refused(
                "missing-id",
                "The message has no id to recognise a repetition by: 1 to "
                f"{MAX_KEY_CHARS} characters in the header Idempotency-Key, or as agreed.",
            )
        return Item(external_id, self._ordering_key(spec, document), body, content_type)

    def _document(self, spec, body, content_type):
        """``(document, id that is in the body or None)``, valid against the schema."""
        codec = self.env["mfg.codec"]._mfg_resolve(spec.codec)
        if not codec._accepts(content_type):
            raise Refused(
                "unsupported-media-type",
                "This message type does not take bodies of that Content-Type.",
            )
        try:
            document = codec._decode(raw=body, content_type=content_type, schema=spec.schema.schema)
            message_id = codec._message_id(raw=body, content_type=content_type)
        except BusinessReject as reject:
            raise Refused("malformed-body", reject.detail) from None
        if not spec.schema.is_valid(document, shallow=True):
            # The quick check is not the last word: what has no problem to name is valid.
            errors = spec.schema.errors(document)
            if errors:
                raise Refused(
                    "schema", "Each error is listed with its place in the message.", errors=errors
                )
        return document, message_id

    def _pointed_id(self, spec, document):
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
