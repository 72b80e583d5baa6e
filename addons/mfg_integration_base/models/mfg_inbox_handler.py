from odoo import api, models

from ..tools.outcome import Delivered


class MfgInboxHandler(models.AbstractModel):
    """Contract: books one inbound message.

    Runs as the connector's service user, in a transaction of its own with a fresh snapshot. The
    engine commits the booking, the events it caused and the message's ``done`` together.
    """

    _name = "mfg.inbox.handler"
    _inherit = ["mfg.plugin"]
    _description = "Inbox handler contract"

    @api.model
    def _schema(self):
        """JSON Schema 2020-12 of the document (dict); the gateway checks it before accepting."""
        return {}

    @api.model
    def _ordering_key(self, document):
        """What messages are booked in order of (text), or None for no order.

        Called by the gateway in the request: pure, no database.
        """
        return

    @api.model
    def _handle(self, *, message, document):
        """Book ``document``.

        :param message: the ``mfg.inbox.message`` (one record)
        :param document: decoded body, valid against the schema
        :return: an Outcome (``tools.outcome``). ``Delivered(response=...)`` carries the JSON text
            that the partner is answered; ``Reject``/``Retry`` roll the handler's work back
        :raises BusinessReject: the same as returning ``Reject``, from any depth
        """
        raise NotImplementedError(f"{self._name} books nothing")

    @api.model
    def _rejected(self, *, message, outcome):
        """Hook after a rejection, in the transaction that buries the message; may emit."""


class MfgInboxHandlerPing(models.AbstractModel):
    _name = "mfg.inbox.handler.ping"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: connection test"

    @api.model
    def _handle(self, *, message, document):
        return Delivered(response='{"pong":true}')
