"""The suite's errors.

MfgError
├── ConfigurationError   something the administrator has to set up (also a UserError in Odoo)
├── UnknownEventType     an event was emitted whose type is not in the catalogue
├── UnknownPlugin        a selection value has no implementing model
├── StateWriteRefused    somebody other than the queue wrote a message's state
└── BusinessReject       raised by an inbound handler: roll its work back, bury the message
"""

from odoo.exceptions import UserError


class MfgError(Exception):
    """Root of the suite's errors."""


class ConfigurationError(MfgError, UserError):
    """The set-up lacks something; the message says what to do."""


class UnknownEventType(MfgError, UserError):
    """The event type is not in the catalogue, or is retired."""


class UnknownPlugin(MfgError, UserError):
    """No model ``mfg.<kind>.<code>`` implements the selected value."""


class StateWriteRefused(MfgError, UserError):
    """Only the queue's own code writes ``state``."""


class BusinessReject(MfgError):
    """An inbound message cannot be booked as it is.

    Raised inside a handler; the engine rolls back to the savepoint before the handler, so that
    nothing of the message is booked, and buries it with ``reason``.

    :param reason: a key of ``tools.lifecycle.REASONS``
    :param detail: one sentence for a person: which field, what is wrong, what to do
    :param pointer: JSON pointer (RFC 6901) into the message to the value that is wrong
    """

    def __init__(self, reason, detail, pointer=""):
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.pointer = pointer
