"""A batch falls apart into exactly the messages that it was made of."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import inbound_batch
from odoo.addons.mfg_integration_base.tools.inbound_batch import BatchBodyError, split

BATCH = "application/cloudevents-batch+json; charset=utf-8"
LINES = "application/jsonl"

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


def bodies(content_type, body):
    return [part.body for part in split(content_type, body, max_depth=64)]


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+json", ""])
def test_what_is_no_batch(content_type):
    assert split(content_type, b"[]", max_depth=64) is None


def test_events_keep_their_bytes():
    body = b'\xef\xbb\xbf [ {"id":"a",  "x":1.50} ,\r\n{"id":"b]"}\t]  '
    assert [part[:3] for part in split(BATCH, body, max_depth=64)] == [
        (b'{"id":"a",  "x":1.50}', "application/cloudevents+json", "/0"),
        (b'{"id":"b]"}', "application/cloudevents+json", "/1"),
    ]


def test_lines_keep_their_bytes():
    body = b'\xef\xbb\xbf{"a": 1}\r\n\r\n {"b": "\\n"} \n'
    assert [part[:3] for part in split(LINES, body, max_depth=64)] == [
        (b'{"a": 1}', "application/json", "line 1"),
        (b'{"b": "\\n"}', "application/json", "line 3"),
    ]


@given(st.lists(values, min_size=1, max_size=6), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_array(items, indent, ascii_only):
    body = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode()
    assert [json.loads(one) for one in bodies(BATCH, body)] == items


@given(st.lists(values, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_any_lines(items, end):
    body = end.join(json.dumps(item) for item in items).encode()
    assert [json.loads(one) for one in bodies(LINES, body)] == items


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        (BATCH, b"", "malformed"),
        (BATCH, b"{}", "malformed"),
        (BATCH, b'[{"a":1}', "malformed"),
        (BATCH, b'[{"a":1},]', "malformed"),
        (BATCH, b'[{"a":1,"a":2}]', "malformed"),
        (BATCH, b"[" * 100 + b"]" * 100, "malformed"),
        (BATCH, b"[] []", "malformed"),
        (BATCH, b"\xff", "malformed"),
        (BATCH, b"[]", "empty"),
        (LINES, b"", "empty"),
        (LINES, b"\n \r\n", "empty"),
        (BATCH, json.dumps([1] * (inbound_batch.MAX_MESSAGES + 1)).encode(), "too_many"),
        (LINES, b"1\n" * (inbound_batch.MAX_MESSAGES + 1), "too_many"),
    ],
)
def test_what_cannot_be_taken(content_type, body, code):
    with pytest.raises(BatchBodyError) as raised:
        split(content_type, body, max_depth=64)
    assert raised.value.code == code


def test_the_array_does_not_count_as_a_level_of_its_messages():
    deep = b"[" * 64 + b"]" * 64
    assert bodies(BATCH, b"[" + deep + b"]") == [deep]


@given(st.binary(max_size=200), st.sampled_from([BATCH, LINES]))
def test_garbage_raises_nothing_else(body, content_type):
    with contextlib.suppress(BatchBodyError):
        split(content_type, body, max_depth=8)
