"""The suite's errors.

MfgError
├── ConfigurationError   something the administrator has to set up (also a UserError in Odoo)
├── UnknownEventType     an event was emitted whose type is not in the catalogue
├── UnknownPlugin        a selection value has no implementing model
├── StateWriteRefused    somebody other than the queue wrote a message's state
├── BusinessReject       raised by an inbound handler: roll its work back, bury the message
├── JobRefused           a call cannot be put on the queue
├── JobRetry             raised by a queue job: roll its work back, run it again later
└── JobCancelled         raised in a queue job that a person has asked to stop
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


class JobRefused(MfgError, UserError):
    """The call cannot be put on the queue; the message says which part of it and why."""


class JobRetry(MfgError):
    """A queue job wants to be run again later, because something it needs is not there yet.

    Its work is rolled back. Each run counts as an attempt of the retry policy, which may end.

    :param seconds: how long to wait, at least
    :param detail: one sentence for a person: what it waits for
    """

    def __init__(self, seconds, detail=""):
        super().__init__(detail or f"Run again after {seconds} s.")
        self.seconds = seconds
        self.detail = detail


class JobCancelled(MfgError):
    """A person has asked this job to stop. Let it through: the engine rolls the job back."""
