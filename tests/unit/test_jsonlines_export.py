"""The error queue as a file: what goes out comes back, and what was edited wrongly is named."""

import dataclasses
import json
import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import jsonlines_export
from odoo.addons.mfg_integration_base.tools.jsonlines_export import (
    MAX_PROBLEMS,
    Attempts,
    DeadLetter,
    LettersError,
    decode,
    encode,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/odoo/db/1",
    "type": "mfg.production.order.completed.v1",
    "data": {"order": "WH/MO/1", "good": 2.5, "note": "Größe\u2028\u0085 = 5"},
}
OUT = DeadLetter(
    message_id="m-1",
    direction="out",
    connector="line4-mes",
    type=EVENT["type"],
    created_at=NOON,
    reason="rejected_by_partner",
    detail="Answered 422.",
    ordering_key="mrp.production:1",
    attempts=Attempts(3, NOON, 422),
    event=EVENT,
)
IN = DeadLetter(
    message_id="m-2",
    direction="in",
    connector="line4-mes",
    type="production.report.v1",
    created_at=NOON,
    reason="unknown_reference",
    external_id="report-7",
    content_type="application/json",
    body=b'{"order":"WH/MO/9"}',
)


def record(letter=OUT, **changes):
    """Return one line as a dict, with members changed; None takes one away."""
    members = {**json.loads(encode([letter])), **changes}
    return {name: value for name, value in members.items() if value is not None}


def lines(*records):
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records).encode()


def test_what_goes_out_comes_back():
    assert decode(encode([OUT, IN])) == [OUT, IN]
    assert decode(encode([])) == decode(b"") == decode(b"\n \r\n") == []


def test_a_line_is_what_the_module_says():
    example = jsonlines_export.__doc__.split("::\n", 1)[1].split("An outgoing", 1)[0]
    names = re.findall(r'"(\w+)": ', example)
    line = json.loads(encode([OUT]))
    shown = [*line, *line["attempts"], "specversion"]
    assert sorted(names) == sorted(shown)
    assert list(line)[:2] == ["format", "version"]
    assert line["attempts"] == {"count": 3, "last_at": "2026-11-23T12:00:00Z", "last_status": 422}
    assert line["event"] == EVENT


def test_one_line_a_message_for_people_to_read():
    raw = encode([OUT, IN])
    assert raw.count(b"\n") == 2
    assert "Größe" in raw.decode()
    assert b"WH/MO/9" in raw


@pytest.mark.parametrize(
    ("body", "text", "encoding"),
    [
        (b"", "", "utf-8"),
        ("Größe".encode(), "Größe", "utf-8"),
        (b"UNB+UNOC:3'\r\nFTX+Gr\xf6\xdfe'", "UNB+UNOC:3'\r\nFTX+Größe'", "iso-8859-1"),
        (b"\x00\x01\xff", "0001ff", "hex"),
    ],
)
def test_bodies_stay_as_they_came(body, text, encoding):
    letter = dataclasses.replace(IN, body=body)
    line = json.loads(encode([letter]))
    assert (line["body"], line["body_encoding"]) == (text, encoding)
    assert decode(encode([letter])) == [letter]


def test_lines_may_be_edited_and_put_together():
    edited = record(OUT, message_id="m-3", event={**EVENT, "data": {"good": 3}})
    crlf = b"\xef\xbb\xbf" + encode([IN]).rstrip(b"\n") + b"\r\n\r\n" + lines(edited)
    first, second = decode(crlf)
    assert first == IN
    assert second.event["data"] == {"good": 3}


def test_what_is_not_needed_may_be_missing():
    needed = record(OUT, reason=None, detail=None, ordering_key=None, attempts=None, comment="mine")
    [letter] = decode(lines(needed))
    assert letter == dataclasses.replace(
        OUT, reason="", detail="", ordering_key="", attempts=Attempts()
    )
    [letter] = decode(lines(record(IN, body_encoding=None, content_type=None)))
    assert letter == dataclasses.replace(IN, content_type="")


WRONG = [
    ("{", "Line 2: Column 2: "),
    ('{"a":1,"a":2}', "Line 2: Column 8: The name"),
    ("[]", "Line 2: “the line” is not a JSON object."),
    ('{"event":' * 80 + "1" + "}" * 80, "Line 2: Column "),
    (record(format=None), "Line 2: “format” is missing."),
    (record(format="other"), "Line 2: “format” is not mfg.dead-letter"),
    (record(version=None), "Line 2: “version” is missing."),
    (record(version=2), "Line 2: “version” is 2; only version 1 can be read here."),
    (record(version=0), "Line 2: “version” is 0; only version 1"),
    (record(version="1"), "Line 2: “version” is not a whole number."),
    (record(version=True), "Line 2: “version” is not a whole number."),
    (record(message_id=None), "Line 2: “message_id” is missing."),
    (record(message_id=""), "Line 2: “message_id” is empty."),
    (record(message_id=5), "Line 2: “message_id” is not a text."),
    (record(message_id="first"), "Line 2: “message_id” is that of line 1 as well."),
    (record(direction="up"), "Line 2: “direction” is not one of out, in."),
    (record(connector=None), "Line 2: “connector” is missing."),
    (record(type=None), "Line 2: “type” is missing."),
    (record(type="mfg.other.v1"), "Line 2: “type” is not that of the event."),
    (record(created_at=None), "Line 2: “created_at” is missing."),
    (record(created_at="yesterday"), "Line 2: “created_at” is not a time: 'yesterday'"),
    (record(detail=["x"]), "Line 2: “detail” is not a text."),
    (record(attempts=3), "Line 2: “attempts” is not an object."),
    (record(attempts={"count": "3"}), "Line 2: “attempts/count” is not a whole number."),
    (record(attempts={"last_at": "x"}), "Line 2: “attempts/last_at” is not a time: "),
    (record(event=None), "Line 2: “event” is missing."),
    (record(event={}), "Line 2: “event” is empty."),
    (record(event={**EVENT, "source": None}), "Line 2: “event/source” is required."),
    (record(event={**EVENT, "specversion": "0.3"}), 'Line 2: “event/specversion” is not "1.0".'),
    (record(IN, external_id=None), "Line 2: “external_id” is missing."),
    (record(IN, body=None), "Line 2: “body” is missing."),
    (record(IN, body={"order": 1}), "Line 2: “body” is not a text."),
    (record(IN, body_encoding="base64"), "Line 2: “body_encoding” is not one of utf-8,"),
    (record(IN, body="xyz", body_encoding="hex"), "Line 2: “body” cannot be what"),
    (record(IN, body="\u20ac", body_encoding="iso-8859-1"), "Line 2: “body” cannot be what"),
]


@pytest.mark.parametrize(("line", "named"), WRONG)
def test_errors_name_the_line_and_the_member(line, named):
    with pytest.raises(LettersError) as refused:
        decode(lines(record(message_id="first"), line))
    assert str(refused.value).startswith(named)
    assert str(refused.value).endswith(".")
    [(number, _message)] = refused.value.problems
    assert number == 2


def test_all_problems_are_told_at_once():
    with pytest.raises(LettersError) as refused:
        decode(lines(record(), "{", "", record(version=9), record(IN)))
    assert [number for number, _message in refused.value.problems] == [2, 4]
    assert str(refused.value).count("\n") == 1


def test_not_all_problems_of_a_file_of_something_else():
    with pytest.raises(LettersError) as refused:
        decode(b"x\n" * 1000)
    assert len(refused.value.problems) == MAX_PROBLEMS
    assert refused.value.problems[0][0] == 1


@pytest.mark.parametrize(
    "letter",
    [
        dataclasses.replace(OUT, event=None),
        dataclasses.replace(IN, body=None),
        dataclasses.replace(OUT, direction="in"),
        dataclasses.replace(OUT, created_at=NOON.replace(tzinfo=None)),
        dataclasses.replace(OUT, event={**EVENT, "data": float("nan")}),
    ],
)
def test_what_could_not_be_read_is_not_written(letter):
    with pytest.raises(ValueError):
        encode([letter])


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(
    st.lists(
        st.builds(
            dataclasses.replace,
            st.just(IN),
            message_id=_texts.filter(bool),
            detail=_texts,
            body=st.binary() | _texts.map(str.encode),
            attempts=st.builds(Attempts, st.integers(0, 99), st.none() | st.just(NOON)),
        ),
        max_size=4,
        unique_by=lambda letter: letter.message_id,
    )
)
def test_any_letters_come_back(letters):
    raw = encode(letters)
    assert raw.count(b"\n") == len(letters)
    assert decode(raw) == letters


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_but_a_letters_error_is_raised(raw):
    try:
        decode(raw)
    except LettersError as error:
        assert error.problems
