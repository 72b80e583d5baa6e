"""The life of a message, outbox and inbox alike: states, verbs, transitions, reasons.

This is the only place where they are defined. The database CHECK, the selection fields, the
diagram in docs/state_machine.md and the error queue's texts are all made from it or compared
with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Literal


class Word(str, Enum):
    """An enumeration whose members are their text (``enum.StrEnum`` needs Python 3.11)."""

    __str__ = str.__str__
    __format__ = str.__format__


class State(Word):
    """Where a message is."""

    PENDING = "pending"  # waits for its first attempt
    RUNNING = "running"  # claimed: a worker holds its lease
    RETRYING = "retrying"  # waits for time
    DONE = "done"  # the other side has it, or it is booked
    DEAD = "dead"  # waits for a person
    CANCELLED = "cancelled"  # will not be sent or booked


class Verb(Word):
    """What happens to a message."""

    CLAIM = "claim"  # a worker takes it, with a lease
    DELIVER = "deliver"  # the attempt succeeded
    RETRY = "retry"  # the attempt failed for now; or: a person wants it tried again now
    BURY = "bury"  # the attempt failed for good, or the retry policy ended
    REPLAY = "replay"  # repeat it as a new message
    CANCEL = "cancel"  # a person gave it up, or a newer one supersedes it
    RELEASE = "release"  # the worker gives it back untried: one before it in its key failed
    EXPIRE = "expire"  # the lease ran out: nobody knows how the attempt ended


class InvalidTransition(ValueError):
    """The verb is not allowed in the message's state. Attributes: ``state``, ``verb``."""

    def __init__(self, state: State, verb: Verb):
        super().__init__(f"A message that is {state} cannot {verb}.")
        self.state = state
        self.verb = verb


TRANSITIONS: Mapping[tuple[State, Verb], State] = MappingProxyType(
    {
        (State.PENDING, Verb.CLAIM): State.RUNNING,
        (State.PENDING, Verb.CANCEL): State.CANCELLED,
        (State.RUNNING, Verb.DELIVER): State.DONE,
        (State.RUNNING, Verb.RETRY): State.RETRYING,
        (State.RUNNING, Verb.BURY): State.DEAD,
        # Found superseded while being prepared, or a job that stopped when asked to.
        (State.RUNNING, Verb.CANCEL): State.CANCELLED,
        # Not "retrying": a worker that died says nothing about the partner, so the message is
        # due at once and no waiting time of the policy is used up.
        (State.RUNNING, Verb.EXPIRE): State.PENDING,
        (State.RUNNING, Verb.RELEASE): State.PENDING,
        (State.RETRYING, Verb.CLAIM): State.RUNNING,
        # A person's "retry now".
        (State.RETRYING, Verb.RETRY): State.PENDING,
        (State.RETRYING, Verb.CANCEL): State.CANCELLED,
        (State.DEAD, Verb.RETRY): State.PENDING,
        (State.DEAD, Verb.CANCEL): State.CANCELLED,
        # SPAWNING: the state in which the new message starts; this one keeps its own.
        (State.DONE, Verb.REPLAY): State.PENDING,
        (State.DEAD, Verb.REPLAY): State.PENDING,
        (State.CANCELLED, Verb.REPLAY): State.PENDING,
    }
)
"""(state, verb) -> state afterwards. What is not listed is not allowed."""

SPAWNING = frozenset({Verb.REPLAY})
"""Verbs that start a new message and leave the row they are applied to as it is."""

FINAL = frozenset({State.DONE, State.CANCELLED})
"""The row is never changed again and may move to history."""

OPEN = frozenset({State.PENDING, State.RUNNING, State.RETRYING})
"""The queue still works on it without anybody's help. ``dead`` is neither open nor final."""


def next_state(state: State | str, verb: Verb | str) -> State:
    """Return the state after ``verb``.

    For a verb in SPAWNING this is the state of the new message.

    :raises InvalidTransition: the verb is not allowed in this state
    :raises ValueError: not a state, or not a verb

    >>> next_state(State.RUNNING, Verb.DELIVER).value
    'done'
    """
    state, verb = State(state), Verb(verb)
    try:
        return TRANSITIONS[state, verb]
    except KeyError:
        raise InvalidTransition(state, verb) from None


@dataclass(frozen=True)
class ReasonInfo:
    """Why a message is not simply moving on, in words for the person who looks at it.

    ``resolves``: ``time`` (it goes on by itself), ``person`` (somebody has to act first),
    ``none`` (nothing is left to do: the reason explains an end).
    """

    label: str
    resolves: Literal["time", "person", "none"]
    hint: str


def _time(label: str, hint: str) -> ReasonInfo:
    return ReasonInfo(label, "time", hint)


def _person(label: str, hint: str) -> ReasonInfo:
    return ReasonInfo(label, "person", hint)


def _none(label: str, hint: str) -> ReasonInfo:
    return ReasonInfo(label, "none", hint)


REASONS: Mapping[str, ReasonInfo] = MappingProxyType(
    {
        # -- The other side cannot be reached, or cannot work, for now
        "unreachable": _time(
            "Partner not reachable",
            "Nothing to do at once: sending is repeated. If it lasts, check the connector's "
            "address, the network and whether the partner's system is running.",
        ),
        "timeout": _time(
            "Partner did not answer in time",
            "Nothing to do at once: sending is repeated with the same message id. If it lasts, "
            "ask the partner, or raise the connector's time limits.",
        ),
        "server_error": _time(
            "Partner's system failed",
            "Nothing to do at once: sending is repeated. If it lasts, send the partner the "
            "answer kept in the attempt.",
        ),
        "rate_limited": _time(
            "Partner asks for fewer messages",
            "Nothing to do at once: sending slows down. If it lasts, lower the connector's rate "
            "or agree on a higher one.",
        ),
        "bad_response": _time(
            "Answer is not readable HTTP",
            "Nothing to do at once: sending is repeated. If it lasts, check that the address and "
            "port belong to the partner's web service and not to something else.",
        ),
        "tls": _time(
            "Encrypted connection failed",
            "Sending is repeated. Check the partner's certificate: its validity, its host name "
            "and the authority that signed it. If the partner asks for a client certificate, check "
            "the connector's.",
        ),
        "breaker_open": _time(
            "Partner is down: waiting",
            "The circuit breaker of the connector is open. Messages wait without using up "
            "attempts, and go on when a probe succeeds.",
        ),
        "subscription_paused": _time(
            "Paused",
            "The connector or the subscription is paused. Resume it and the message goes on.",
        ),
        "sequence_gap": _time(
            "An earlier message is missing",
            "It waits a while for the missing one and then goes on by the route's rule. If the "
            "earlier one was lost, ask the partner to send it again.",
        ),
        "partner_busy": _time(
            "Partner cannot take it yet",
            "A rule of the retry policy reads the partner's answer as “not now”: it is sent again. "
            "If it lasts, ask the partner, or correct the rule.",
        ),
        "unanswered_item": _time(
            "Answer to the batch left it out",
            "The partner's answer does not say what became of this message, so it is sent again "
            "with the same id. If it lasts, ask the partner to name every message, or send them "
            "one by one.",
        ),
        "interrupted": _time(
            "Interrupted by a stop",
            "The worker was stopped before the result was known. The message goes out again with "
            "the same id.",
        ),
        "job_waits": _time(
            "The job waits for something",
            "The job itself has asked to be run again later; the detail says why. Nothing to do "
            "at once.",
        ),
        "job_failed": _time(
            "The job failed with an error",
            "Nothing of it was kept, and it is run again. The attempt holds the error: if it "
            "lasts, tell the administrator.",
        ),
        # -- The other side has decided
        "rejected_by_partner": _person(
            "Rejected by the partner",
            "Read the partner's answer in the attempt, correct the data or the mapping, then "
            "retry, or cancel with a reason.",
        ),
        "auth": _person(
            "Partner refuses our credentials",
            "Check the connector's credentials and their validity, then retry.",
        ),
        "redirected": _person(
            "Partner's address has moved",
            "Redirects are not followed. Enter the new address in the connector, then retry.",
        ),
        "gone": _person(
            "Partner no longer wants these messages",
            "The partner answered 410 and the subscription was paused. Ask the partner, then "
            "resume the subscription and retry, or retire it.",
        ),
        "paused_by_rule": _person(
            "Partner's answer paused the subscription",
            "A rule of the retry policy pauses the subscription for this answer. Remove the cause, "
            "resume the subscription, then retry.",
        ),
        # -- Our own side cannot send it
        "blocked_address": _person(
            "Address not allowed",
            "The address is private, reserved or not permitted. If it is a system in your plant "
            "network, add it to the connector's allow-list, then retry.",
        ),
        "attempts_exhausted": _person(
            "All attempts failed",
            "The retry policy has ended. Look at the last attempt, remove the cause, then retry.",
        ),
        "prepare_failed": _person(
            "Could not be prepared for sending",
            "The mapping, the signature or the address failed; the attempt holds the error. "
            "Correct the configuration, then retry.",
        ),
        # -- The content cannot be booked
        "schema": _person(
            "Content does not match the agreed format",
            "The problems are listed with their place in the message. Correct the message or ask "
            "the partner to, then retry.",
        ),
        "codec": _person(
            "Content cannot be read",
            "The message is not in the format that the route expects. Ask the partner to send it "
            "correctly, or change the route's codec.",
        ),
        "invalid_value": _person(
            "A value is not possible",
            "The detail names the field. Correct the value and retry, or cancel with a reason.",
        ),
        "unknown_reference": _person(
            "Names something unknown",
            "Map the partner's code to the right record (or create the record), then retry.",
        ),
        "closed_order": _person(
            "Order is already closed",
            "A closed order takes no reports. Correct the stock by hand if the report is true, "
            "then cancel the message with a reason.",
        ),
        "over_report": _person(
            "More than was ordered",
            "The reported quantity is above the order and its tolerance. Raise the order's "
            "quantity or the tolerance and retry, or cancel with a reason.",
        ),
        "lot_required": _person(
            "Lot or serial number missing",
            "The product is tracked. Add the lot and retry, or ask the partner to report it.",
        ),
        "wizard_required": _person(
            "Odoo asks a question",
            "Booking it needs a decision that a person has to make (the detail says which). Do "
            "the step by hand and cancel the message, or remove the cause and retry.",
        ),
        "conflict": _person(
            "Contradicts an earlier message or another system",
            "Compare both values, decide which is right, then retry or cancel.",
        ),
        "awaiting_approval": _person(
            "Waits for an approval",
            "A person in the approver group opens the message and approves it, or it is cancelled "
            "with a reason.",
        ),
        "refused_by_odoo": _person(
            "Odoo refuses the booking",
            "A business rule of Odoo stands against it; the detail says which. Remove the cause "
            "and retry, or do the step by hand and cancel the message.",
        ),
        "owner_deleted": _person(
            "Its subscription or route was deleted",
            "It was written while that was being deleted. Make a route or subscription for it, "
            "then retry, or cancel it with a reason.",
        ),
        "handler_failed": _person(
            "Booking failed with an error",
            "The attempt holds the error. This is a fault in the software or its set-up: tell "
            "the administrator, then retry.",
        ),
        "not_activated": _person(
            "Connector is not activated on this database",
            "This database is a copy, or its environment has changed. Re-activate the connector "
            "here if this really is the place it should send from.",
        ),
        # -- The end, and why
        "superseded": _none(
            "Replaced by a newer message", "A newer message of the same object was sent instead."
        ),
        "stale": _none(
            "Older than what is already booked",
            "A report with a higher number was booked before; its totals include this one.",
        ),
        "duplicate": _none(
            "Already booked", "The same content was booked before; nothing was changed."
        ),
        "cancelled_by_user": _none(
            "Cancelled by a person", "The note in the message's history says by whom and why."
        ),
        "connector_retired": _none(
            "Connector was retired",
            "It still waited when its connector was retired, so nobody would have taken it.",
        ),
    }
)
"""Every ``reason_code`` that a message may carry."""


def mermaid() -> str:
    """Return the state diagram of TRANSITIONS as Mermaid text (shown in docs/state_machine.md)."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, verb), after in TRANSITIONS.items():
        label = f"{verb} (a new message)" if verb in SPAWNING else str(verb)
        arrows.setdefault((state, after), []).append(label)
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}"]
    lines += [f"    {a} --> {b}: {', '.join(verbs)}" for (a, b), verbs in arrows.items()]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines) + "\n"
