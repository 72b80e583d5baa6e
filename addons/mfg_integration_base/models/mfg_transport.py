from dataclasses import dataclass
from typing import Any

from odoo import api, models

from ..tools.envelope import REPLAY_EXTENSION, EventRecord


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as a transport gets it: no recordset, no database.

    :param replay: uuid of the replay that repeats the event; empty the first time
    """

    message_id: int
    uuid: str
    event: EventRecord
    replay: str = ""

    @property
    def extensions(self):
        """What the envelope says of this delivery, beside the event: (name, value) pairs."""
        return ((REPLAY_EXTENSION, self.replay),) if self.replay else ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a transport makes of an ``Outgoing``: everything its sender needs, secrets included.

    :param call: understood by the transport's sender only
    :param excerpt: what the attempt keeps of the request, free of secrets
    :param credential_id: which credential was used
    """

    call: Any
    excerpt: str
    credential_id: int | None = None


class MfgTransport(models.AbstractModel):
    """Contract: takes messages to a partner, in two stages.

    ``_preparer`` reads configuration and secrets; the function it returns maps and signs one
    message after the other. What that makes of a message goes to the *sender*, an object without
    any database handle, shared by all threads of the process, whose ``submit(call, on_done)``
    returns at once and later calls ``on_done(answer)`` exactly once, from any thread, with a
    ``tools.outcome.Answer``.

    A transport that can put several messages into one request says so in ``_can_batch`` and
    implements ``_batch_preparer`` as well.
    """

    _name = "mfg.transport"
    _inherit = ["mfg.plugin"]
    _description = "Transport contract"

    @api.model
    def _preparer(self, *, connector):
        """A function ``Outgoing -> Prepared`` for messages to ``connector``.

        Called once in a while, with the database; the function is called for each message,
        without. What either raises buries the messages concerned as ``prepare_failed``.

        :param connector: the ``mfg.connector``, as superuser
        """
        raise NotImplementedError(f"{self._name} sends nothing")

    @api.model
    def _can_batch(self):
        """Whether several messages may go out in one request."""
        return False

    @api.model
    def _batch_preparer(self, *, connector, batch):
        """A function ``list[Outgoing] -> Prepared`` for requests of several messages.

        :param batch: ``Batch`` of the subscription: the document's layout
        """
        raise NotImplementedError(f"{self._name} sends messages one by one only")

    @staticmethod
    def _prepared(call, excerpt, credential_id=None):
        """What a preparer returns; see ``Prepared``."""
        return Prepared(call=call, excerpt=excerpt, credential_id=credential_id)

    @api.model
    def _sender(self):
        """The process's sender for this transport."""
        raise NotImplementedError(f"{self._name} sends nothing")

    @api.model
    def _needs_address(self):
        """Whether a connector with subscriptions needs an address before it is activated."""
        return True

    @api.model
    def _payload_editable(self):
        """Whether a person may correct the data of a dead message before it is sent again."""
        return True
