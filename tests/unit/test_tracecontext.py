"""W3C Trace Context: the Recommendation's examples and everything that is not a traceparent."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.tracecontext import (
    TraceParent,
    child,
    is_valid,
    new_traceparent,
    parse,
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (VALID, True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-ff", True),  # unknown flags are ignored
        (f"cc-{TRACE}-{PARENT}-01", True),  # a later version
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-brings", True),
    ],
)
def test_parse(text, sampled):
    assert parse(text) == TraceParent(TRACE, PARENT, sampled)
    assert str(parse(text)) == f"00-{TRACE}-{PARENT}-{'01' if sampled else '00'}"
    assert is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        VALID.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01-extra",
        f"cc-{TRACE}-{PARENT}-01.extra",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-0x",
        f" {VALID}",
        f"{VALID}\n",
        VALID.replace("4", "\u0664"),
    ],
)
def test_ignored(text):
    assert parse(text) is None
    assert not is_valid(text)


@given(st.text())
def test_no_text_raises(text):
    assert is_valid(text) is (parse(text) is not None)


def test_a_new_trace():
    assert new_traceparent(lambda size: b"\xab" * size) == f"00-{'ab' * 16}-{'ab' * 8}-01"
    assert new_traceparent(secrets.token_bytes) != new_traceparent(secrets.token_bytes)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_child_stays_in_the_trace(flags):
    made = child(f"00-{TRACE}-{PARENT}-{flags}", lambda size: b"\xab" * size)
    assert made == f"00-{TRACE}-{'ab' * 8}-{flags}"


@pytest.mark.parametrize("cause", ["", "nonsense", VALID.upper()])
def test_a_child_of_nothing_starts_a_trace(cause):
    assert child(cause, lambda size: b"\xab" * size) == f"00-{'ab' * 16}-{'ab' * 8}-01"


@pytest.mark.parametrize("rand", [bytes, lambda size: b"\1"])
def test_a_broken_source_of_randomness_is_noticed(rand):
    with pytest.raises(ValueError, match="random bytes"):
        new_traceparent(rand)
