"""docs/wire_format.md is recomputed from its own text, by us and by the official libraries."""

import base64
import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook

from odoo.addons.mfg_integration_base.tools import envelope, per_item, problem, signature
from odoo.addons.mfg_integration_base.tools.classify import from_status
from odoo.addons.mfg_integration_base.tools.outcome import Answer, Delivered, Reject, Retry
from odoo.addons.mfg_integration_base.tools.schema import compile_schema

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "wire_format.md").read_text()


def blocks(heading, language):
    """Return the code blocks of a language below a heading, up to the next heading of its level."""
    level = heading.partition(" ")[0]
    section = PAGE.split(f"\n{heading}\n", 1)[1]
    section = re.split(rf"\n#{{2,{len(level)}}} ", section, maxsplit=1)[0]
    return re.findall(rf"```{language}\n(.*?)\n```", section, re.DOTALL)


def table(first_cell):
    """Return the rows of the table whose head begins so."""
    rows = PAGE.split(f"| {first_cell} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def request(block):
    """Return (request line, headers, body) of an HTTP request as text."""
    head, _empty, body = block.partition("\n\n")
    line, *lines = head.splitlines()
    return line, dict(one.split(": ", 1) for one in lines), body.encode()


[OUTBOUND] = blocks("## What we send", "http")
[INBOUND] = blocks("## What you send", "http")
SECRET, SIGNED, SIGNATURE = blocks("### Worked example", "text")
NEW_SECRET, BOTH_SIGNATURES = blocks("### Changing the secret", "text")


# -- the outbound request


def test_the_body_is_what_we_write():
    _line, headers, body = request(OUTBOUND)
    event = envelope.decode(body, headers)
    record = envelope.EventRecord(
        id=event.id,
        source=event.source,
        type=event.type,
        subject=event.subject,
        time=event.time,
        dataschema=event.dataschema,
        sequence=int(event.extensions["sequence"]),
        partitionkey=event.extensions["partitionkey"],
        traceparent=event.extensions["traceparent"],
        correlationid=event.extensions["correlationid"],
        causationid=event.extensions.get("causationid", ""),
        data_text=envelope.canonical_json(event.data),
    )
    assert envelope.encode_structured(record) == body


def test_the_official_package_reads_the_body():
    _line, headers, body = request(OUTBOUND)
    event = from_http_event(HTTPMessage(headers, body))
    assert event.get_type() == "mfg.production.workorder.completed.v1"
    assert event.get_data() == {"good": 5, "operation": "Assembly", "order": "WH/MO/00017"}


def test_the_headers_are_consistent():
    line, headers, body = request(OUTBOUND)
    assert line == "POST /mes/events HTTP/1.1"
    assert headers["content-type"] == envelope.STRUCTURED_CONTENT_TYPE
    assert headers["webhook-signature"] == SIGNATURE
    assert headers["traceparent"] == json.loads(body)["traceparent"]


def test_every_attribute_is_explained():
    explained = [row[0].strip("`") for row in table("attribute")]
    written = list(json.loads(request(OUTBOUND)[2]))
    # In the order of the body; the two that the example lacks stand where they would stand.
    assert [name for name in explained if name in written] == written
    assert set(explained) - set(written) == {"causationid", envelope.REPLAY_EXTENSION}


# -- the signature


def test_the_worked_example():
    _line, headers, body = request(OUTBOUND)
    secret = signature.Secret.parse(SECRET)
    timestamp = int(headers["webhook-timestamp"])
    assert signature.sign(secret, headers["webhook-id"], timestamp, body) == SIGNATURE
    assert signature.verify([secret], headers, body, timestamp).msg_id == headers["webhook-id"]
    signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    assert signed.startswith(SIGNED.encode())


def test_the_official_library_signs_the_same():
    for block in (OUTBOUND, INBOUND):
        _line, headers, body = request(block)
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), timezone.utc)
        official = Webhook(SECRET).sign(headers["webhook-id"], moment, body.decode())
        assert official == headers["webhook-signature"]


def test_two_secrets_sign_twice():
    _line, headers, body = request(OUTBOUND)
    secrets = [signature.Secret.parse(text) for text in (NEW_SECRET, SECRET)]
    made = signature.headers(
        secrets, headers["webhook-id"], int(headers["webhook-timestamp"]), body
    )
    assert made["webhook-signature"] == BOTH_SIGNATURES


def test_the_example_code_checks_signatures():
    [code] = blocks("### Checking it", "python")
    namespace = {}
    exec(code, namespace)
    check = namespace["check"]
    _line, headers, body = request(OUTBOUND)
    now = int(headers["webhook-timestamp"])
    both = {**headers, "webhook-signature": BOTH_SIGNATURES}
    assert check(SECRET, headers, body, now)
    assert check(SECRET, both, body, now)
    assert check(NEW_SECRET, both, body, now)
    assert not check(NEW_SECRET, headers, body, now)
    assert not check(SECRET, headers, body + b" ", now)
    assert not check(SECRET, {**headers, "webhook-id": "x"}, body, now)
    assert not check(SECRET, headers, body, now + 301)


def test_the_limits_are_those_of_the_code():
    lengths = re.search(r"it has (\d+) to (\d+) bytes", PAGE)
    shortest, longest = (int(number) for number in lengths.groups())
    for size, accepted in [
        (shortest - 1, False),
        (shortest, True),
        (longest, True),
        (longest + 1, False),
    ]:
        text = "whsec_" + base64.b64encode(bytes(size)).decode()
        if accepted:
            signature.Secret.parse(text)
        else:
            with pytest.raises(signature.SignatureError):
                signature.Secret.parse(text)
    assert "may differ from our clock by five minutes" in PAGE
    assert signature.TOLERANCE == 5 * 60


# -- answers to what we send


def _statuses(cell):
    for part in cell.split(", "):
        first, _to, last = part.partition(" to ")
        yield from range(int(first), int(last or first) + 1)


def test_every_status_is_listed_once_and_means_what_it_says():
    listed = []
    for cell, meaning in table("status"):
        for status in _statuses(cell):
            listed.append(status)
            outcome = from_status(status)
            expected = {"delivered": Delivered, "not now": Retry}.get(
                meaning.partition(":")[0], Reject
            )
            assert type(outcome) is expected, status
            assert getattr(outcome, "pause", False) is ("paused" in meaning), status
    assert sorted(listed) == list(range(200, 600))


def test_the_answers_to_a_batch_are_read_as_the_page_says():
    ids = [f"01932f5a-7b3c-7def-8123-00000000000{number}" for number in (1, 2, 3)]
    for body in blocks("### Answering a batch", "json"):
        for status in (200, 207):
            answer = Answer(from_status(status, body=body), status, body)
            found = per_item.outcomes(answer, ids)
            assert [type(found[one]) for one in ids] == [Delivered, Reject, Retry]
            assert found[ids[2]].after == 60


def test_the_words_for_a_status_are_those_of_the_code():
    meanings = {"delivered": Delivered, "not now": Retry, "final: a person looks": Reject}
    listed = {
        word.strip("`"): meanings[meaning]
        for cell, meaning in table("word")
        for word in cell.split(", ")
    }
    assert listed == dict(per_item.WORDS)


# -- what a partner sends


def test_the_inbound_example_is_signed():
    line, headers, body = request(INBOUND)
    assert re.fullmatch(r"POST /mfg/v1/in/[a-z0-9-]+/production\.report\.v1 HTTP/1\.1", line)
    secret = signature.Secret.parse(SECRET)
    assert signature.verify([secret], headers, body, int(headers["webhook-timestamp"]))


def test_the_problems_are_those_of_the_code():
    rows = {slug.strip("`"): (int(status), title)
            for slug, status, title in table("type, behind `urn:mfg:problem:`")}  # fmt: skip
    assert rows == dict(problem.PROBLEMS)


def test_the_problem_example_is_what_we_write():
    example = json.loads(blocks("### Answers", "json")[1])
    schema = {"properties": {"good_total": {"minimum": 0}}}
    errors = compile_schema(schema).errors({"good_total": -1})
    status, title = problem.PROBLEMS["schema"]
    made = problem.Problem("schema", status, title, example["detail"], errors)
    assert json.loads(made.encode()) == example
