"""Rules per partner error code: what an answer means where its HTTP status does not say enough.

A retry policy holds them as a JSON list; the first rule that fits decides, and an answer that
fits none keeps the meaning of its status::

    [
      {"status": "409", "pointer": "/error/code", "equals": "ALREADY_POSTED", "then": "done"},
      {"status": "4xx", "pointer": "/error/code", "in": ["LOCKED", "BUSY"], "then": "retry",
       "after": 120},
      {"status": "422", "pointer": "/error/code", "equals": "ORDER_CLOSED", "then": "dead",
       "reason": "closed_order"},
      {"status": "403", "then": "pause"}
    ]

=========== ======================================================================================
``status``  an HTTP status (``"422"``), a class of them (``"4xx"``) or ``"*"``
``pointer`` JSON pointer (RFC 6901) into the answer; what is there is compared, as text
``equals``  with this value
``in``      with each of these values
``then``    ``retry``: not now; ``dead``: a person looks; ``done``: as good as delivered;
            ``pause``: a person looks, and the subscription is paused
``after``   with ``retry``: seconds to wait, in place of the policy's schedule
``reason``  a reason code other than the one that ``then`` implies
=========== ======================================================================================

The bodies of answers with 2xx are looked at too: some partners report their errors that way.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import json_pointer
from .classify import from_status
from .json_reader import JsonError, read_json
from .lifecycle import REASONS
from .outcome import Answer, Delivered, Outcome, Reject, Retry

MAX_RULES = 100
MAX_AFTER = 30 * 86400
_FIELDS = ("status", "pointer", "equals", "in", "then", "after", "reason")
_STATUS = re.compile(r"[1-5][0-9][0-9]|[1-5]xx|\*", re.ASCII)
# then -> the reason it implies, and what its reasons are resolved by (``ReasonInfo.resolves``)
_THEN = {
    "retry": ("partner_busy", "time"),
    "dead": ("rejected_by_partner", "person"),
    "done": ("", ""),
    "pause": ("paused_by_rule", "person"),
}


class RuleError(ValueError):
    """The rules cannot be used; the message names the rule's number and the field."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as ``parse_rules`` makes it.

    :param status: three characters, or ``*``
    :param pointer: None: the status alone decides
    :param values: texts that the value at ``pointer`` is compared with
    :param after: seconds; None: the policy's schedule
    :param reason: reason code; empty for ``done``
    """

    status: str
    pointer: str | None
    values: tuple[str, ...]
    then: str
    after: float | None
    reason: str

    def fits(self, status: int, document: Any) -> bool:
        """Tell whether an answer is what the rule is about.

        :param document: the answer's JSON value
        """
        if self.status[-2:] == "xx":
            if str(status // 100) != self.status[0]:
                return False
        elif self.status not in ("*", str(status)):
            return False
        if self.pointer is None:
            return True
        try:
            found = json_pointer.resolve(document, self.pointer)
        except json_pointer.PointerError:
            return False
        return _text(found) in self.values


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read the rules; none when there is no text.

    :raises RuleError: not a JSON list, or the first field of a rule that is wrong

    >>> parse_rules('[{"status": "4xx", "then": "retry", "after": 60}]')[0].after
    60.0
    """
    if not text.strip():
        return ()
    try:
        rules = read_json(text.encode("utf-8", "replace"), 8)
    except JsonError as error:
        raise RuleError(f"The rules are not JSON: {error}") from None
    if not isinstance(rules, list):
        raise RuleError("The rules are not a list: write […] around them.")
    if len(rules) > MAX_RULES:
        raise RuleError(f"There are {len(rules)} rules; {MAX_RULES} are the most.")
    found = []
    for number, rule in enumerate(rules, 1):
        if not isinstance(rule, dict):
            raise RuleError(f"Rule {number} is not an object: write {{…}} around it.")
        try:
            found.append(_rule(rule))
        except _FieldError as error:
            raise RuleError(f"Rule {number}, {error}") from None
    return tuple(found)


def apply(rules: Iterable[Rule], answer: Answer) -> Outcome:
    """Return the outcome of an answer by the first rule that fits, else the one it came with.

    Without a status the partner did not answer, and no rule is asked. A body that is not JSON, or
    of which the end is missing, fits only rules without a pointer.
    """
    rules = tuple(rules)
    if answer.status is None or not rules:
        return answer.outcome
    document = _document(answer.response_excerpt)
    for number, rule in enumerate(rules, 1):
        if rule.fits(answer.status, document):
            return _outcome(rule, number, answer)
    return answer.outcome


def _outcome(rule: Rule, number: int, answer: Answer) -> Outcome:
    status, body = answer.status, answer.response_excerpt
    plain = from_status(status)
    says = getattr(plain, "detail", "") or f"Answered {status}"
    place = f", {rule.pointer}" if rule.pointer is not None else ""
    detail = f"{says}; decided by rule {number} ({rule.status}{place}: {rule.then})"
    if rule.then == "done":
        return Delivered(status, detail, body)
    if rule.then == "retry":
        # The partner's own wish counts only where the rule names no time.
        wish = answer.outcome.after if isinstance(answer.outcome, Retry) else None
        return Retry(rule.reason, detail, wish, status, body, rule.after)
    return Reject(rule.reason, detail, status, body, pause=rule.then == "pause")


def _document(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str | None:
    """Return a JSON text, number or truth value as text: codes come in either spelling."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (bool, int, float)) else None


class _FieldError(Exception):
    """What is wrong with one field of the rule being read."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}")


def _rule(raw: Any) -> Rule:
    for name in raw:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise _FieldError(f"“{name[:40]}”", f"there is no such field; known are {known}.")
    status, then = _status(raw.get("status")), raw.get("then")
    if not isinstance(then, str) or then not in _THEN:
        raise _FieldError("then", f"write one of {', '.join(_THEN)}.")
    pointer = _pointer(raw.get("pointer"))
    return Rule(
        status=status,
        pointer=pointer,
        values=_values(raw, pointer),
        then=then,
        after=_after(raw.get("after"), then),
        reason=_reason(raw.get("reason"), then),
    )


def _status(status: Any) -> str:
    text = str(status).lower()
    if not isinstance(status, (str, int)) or not _STATUS.fullmatch(text):
        raise _FieldError(
            "status", 'write a status such as "422", "4xx" for all of a kind, or "*".'
        )
    return text


def _pointer(pointer: Any) -> str | None:
    if pointer is None:
        return None
    if not isinstance(pointer, str) or not pointer:
        raise _FieldError("pointer", "write a JSON pointer such as “/error/code”.")
    try:
        json_pointer.parse(pointer)
    except ValueError as error:
        raise _FieldError("pointer", str(error)) from None
    return pointer


def _values(raw: dict[str, Any], pointer: str | None) -> tuple[str, ...]:
    given = [name for name in ("equals", "in") if name in raw]
    if pointer is None and given:
        raise _FieldError(given[0], "needs a pointer to the value that it is compared with.")
    if pointer is None:
        return ()
    if len(given) != 1:
        raise _FieldError("pointer", "needs one of “equals” and “in”: what is compared with it.")
    [name] = given
    values = raw[name] if name == "in" else [raw[name]]
    if not isinstance(values, list) or not values:
        raise _FieldError(name, "write a list of at least one value.")
    texts = [text for value in values if (text := _text(value)) is not None]
    if len(texts) != len(values):
        raise _FieldError(name, "texts, numbers, true and false can be compared, nothing else.")
    return tuple(texts)


def _after(after: Any, then: str) -> float | None:
    if after is None:
        return None
    if then != "retry":
        raise _FieldError("after", "only “retry” waits.")
    if isinstance(after, bool) or not isinstance(after, (int, float)) or not 0 < after <= MAX_AFTER:
        raise _FieldError("after", f"write seconds: more than 0, at most {MAX_AFTER} (30 days).")
    return float(after)


def _reason(reason: Any, then: str) -> str:
    implied, resolves = _THEN[then]
    if reason is None:
        return implied
    fitting = [code for code, info in REASONS.items() if info.resolves == resolves]
    if not fitting:
        raise _FieldError("reason", f"“{then}” has none.")
    if reason not in fitting:
        raise _FieldError("reason", f"with “{then}” it is one of {', '.join(fitting)}.")
    return reason
