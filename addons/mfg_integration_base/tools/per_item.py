"""What became of each event of a batch, where the partner's answer says so.

With 200 or 207 a partner may name the events by their ids and give each a status of its own, in
any of these shapes (docs/wire_format.md shows them to partners)::

    [{"id": "A", "status": 200}, {"id": "B", "status": 422, "detail": "order is closed"}]
    {"results": [{"id": "A", "status": "ok"}, {"id": "B", "status": "retry", "retry_after": 60}]}
    {"results": {"A": 200, "B": {"status": 503}}}
    {"A": 200, "B": "rejected"}

``items`` is read like ``results``. A status is an HTTP status, as number or text, or one of WORDS.
``detail``, ``message`` or ``error`` may say more, and ``retry_after`` names seconds. An event that
the answer leaves out is sent again, with the same id; of two results for one event, the worse one
counts.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from .classify import from_status
from .outcome import Answer, Delivered, Outcome, Reject, Retry
from .redact import excerpt

WORDS = MappingProxyType(
    {
        **dict.fromkeys(("ok", "success", "accepted", "done", "delivered", "duplicate"), Delivered),
        **dict.fromkeys(("retry", "busy", "deferred"), Retry),
        **dict.fromkeys(("error", "failed", "rejected", "invalid"), Reject),
    }
)
"""Word that a partner may use as a status -> what it means."""

MULTI_STATUS = 207
_LISTS = ("results", "items")
_TEXTS = ("detail", "message", "error")
_MAX_CHARS = 200
_STATUS = re.compile(r"[1-5][0-9][0-9]", re.ASCII)
_WORST_FIRST = (Reject, Retry, Delivered)


def outcomes(answer: Answer, ids: Iterable[str]) -> dict[str, Outcome]:
    """Return the outcome of each event of a batch.

    An answer other than 2xx, or none, holds for all. So does a 2xx that does not speak of single
    events, but for 207, which promises to, and for JSON that breaks off.

    :param answer: to the whole request; its excerpt is all of the body that there is
    :param ids: of the events that were sent
    """
    ids = list(ids)
    if not isinstance(answer.outcome, Delivered):
        return dict.fromkeys(ids, answer.outcome)
    body = answer.response_excerpt
    found = read_results(body, ids, status=answer.status)
    if found is not None:
        return found
    broken = body.lstrip()[:1] in ("[", "{") and _parse(body) is None
    if not broken and answer.status != MULTI_STATUS:
        return dict.fromkeys(ids, answer.outcome)
    detail = "The answer to the batch breaks off." if broken else "The answer names no event."
    return dict.fromkeys(ids, Retry("unanswered_item", detail, status=answer.status, response=body))


def read_results(
    body: str, ids: Iterable[str], *, status: int | None = None
) -> dict[str, Outcome] | None:
    """Return the outcome of each event, or None if the body gives no event a status.

    The response of an outcome is the event's part of the body, so that rules per error code can
    be applied to it.

    :param body: of the answer
    :param ids: of the events that were sent; what else the body names is passed over
    :param status: HTTP status of the answer; outcomes without a number of their own have it

    >>> read_results('[{"id": "A", "status": 200}]', ["A"])["A"].status
    200
    """
    ids = list(ids)
    wanted, found = set(ids), {}
    for event_id, result in _results(_parse(body)):
        if event_id not in wanted or "status" not in result:
            continue
        outcome = _outcome(result, status)
        if event_id in found:
            outcome = min(found[event_id], outcome, key=lambda one: _WORST_FIRST.index(type(one)))
        found[event_id] = outcome
    if not found:
        return None
    left_out = Retry("unanswered_item", "The answer to the batch leaves it out.", status=status)
    return {event_id: found.get(event_id, left_out) for event_id in ids}


def _results(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (event id, result) of every shape, and whatever else looks like it."""
    if isinstance(document, dict):
        inner = [document[name] for name in _LISTS if isinstance(document.get(name), (list, dict))]
        document = inner[0] if inner else document
    if isinstance(document, dict):
        for event_id, result in document.items():
            yield event_id, result if isinstance(result, dict) else {"status": result}
        document = [document]  # or the result of a single event
    for result in document if isinstance(document, list) else ():
        if isinstance(result, dict) and isinstance(result.get("id"), str):
            yield result["id"], result


def _outcome(result: dict[str, Any], answer_status: int | None) -> Outcome:
    status, response = result["status"], json.dumps(result)
    texts = (result[name] for name in _TEXTS if isinstance(result.get(name), str))
    said = excerpt(next(texts, ""), _MAX_CHARS)
    wait = result.get("retry_after")
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not wait >= 0:
        wait = None
    if isinstance(status, (int, str)) and _STATUS.fullmatch(str(status)):
        outcome = from_status(int(status), retry_after=wait, body=response)
        if isinstance(outcome, Delivered):
            return replace(outcome, note=said)
        return replace(outcome, detail=f"{outcome.detail}: {said}" if said else outcome.detail)
    kind = WORDS.get(status.lower()) if isinstance(status, str) else None
    if kind is Delivered:
        return Delivered(answer_status, said, response)
    said = said or f"Answered {str(status)[:40]!r}"
    if kind is Reject:
        return Reject("rejected_by_partner", said, answer_status, response)
    if kind is Retry:
        return Retry("partner_busy", said, wait, answer_status, response)
    said = f"{said}: no status that we know"
    return Retry("unanswered_item", said, None, answer_status, response)


def _parse(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
