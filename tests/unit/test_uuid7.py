"""UUIDv7 against RFC 9562, and the order of generated ids."""

import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.uuid7 import Uuid7Generator, uuid7


def test_rfc_9562_appendix_a6():
    made = uuid7(unix_ms=0x017F22E279B0, rand=bytes.fromhex("0CC3 18C4DC0C0C07398F"))
    assert made == uuid.UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_fields(unix_ms, rand):
    made = uuid7(unix_ms=unix_ms, rand=rand)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == unix_ms
    assert made.bytes[8] & 0x3F == rand[2] & 0x3F
    assert made.bytes[9:] == rand[3:]


@pytest.mark.parametrize(
    ("unix_ms", "size", "named"),
    [(-1, 10, "unix_ms"), (2**48, 10, "unix_ms"), (0, 9, "rand"), (0, 16, "rand")],
)
def test_bad_arguments_are_named(unix_ms, size, named):
    with pytest.raises(ValueError, match=named):
        uuid7(unix_ms=unix_ms, rand=bytes(size))


@given(st.lists(st.integers(0, 2**60), min_size=1))
def test_always_increasing_whatever_the_clock_does(readings):
    clock = iter(readings)
    generate = Uuid7Generator(lambda: next(clock), bytes)
    made = [generate() for _reading in readings]
    assert made == sorted(set(made))
    assert all((one.version, one.variant) == (7, uuid.RFC_4122) for one in made)


@given(st.integers(0, 2**60))
def test_the_time_is_the_clocks(now_ns):
    made = Uuid7Generator(lambda: now_ns, bytes)()
    fraction = (made.int >> 64) & 0xFFF
    assert made.int >> 80 == now_ns // 1_000_000
    assert fraction == now_ns % 1_000_000 * 4096 // 1_000_000


def test_a_standing_clock_runs_over_into_the_next_millisecond():
    generate = Uuid7Generator(lambda: 5_000_000, bytes)
    made = [generate() for _count in range(4097)]
    assert made[0].int >> 80 == 5
    assert made[-1].int >> 80 == 6
    assert made == sorted(set(made))


def test_random_part_is_from_the_source():
    made = Uuid7Generator(lambda: 0, lambda count: b"\xff" * count)()
    assert made.int & (2**64 - 1) == 0xBFFF_FFFF_FFFF_FFFF


def test_threads_never_share_an_id():
    generate = Uuid7Generator(lambda: 1, bytes)
    made = [[] for _thread in range(4)]
    threads = [
        threading.Thread(
            target=lambda mine: mine.extend(generate() for _n in range(2000)), args=[m]
        )
        for m in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 8000
