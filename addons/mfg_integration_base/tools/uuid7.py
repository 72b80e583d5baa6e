"""Time-ordered identifiers: UUID version 7 (RFC 9562 section 5.7)."""

import threading
import uuid
from collections.abc import Callable

_MAX_MS = (1 << 48) - 1


def _assemble(unix_ms: int, rand_a: int, rand_b: int) -> uuid.UUID:
    """Put the three fields in their places; 12 bits ``rand_a``, 62 bits ``rand_b``."""
    return uuid.UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def uuid7(*, unix_ms: int, rand: bytes) -> uuid.UUID:
    """Return the UUIDv7 of a time and 10 random bytes.

    ``rand_a`` is the low 12 bits of the first two bytes, ``rand_b`` the low 62 bits of the rest.

    :param unix_ms: milliseconds since 1970-01-01 UTC, below 2**48
    :param rand: exactly 10 random bytes
    :raises ValueError: time out of range, or not 10 bytes
    """
    if not 0 <= unix_ms <= _MAX_MS:
        raise ValueError(f"unix_ms: {unix_ms} does not fit 48 bits.")
    if len(rand) != 10:
        raise ValueError(f"rand: 10 bytes are needed, not {len(rand)}.")
    rand_a = int.from_bytes(rand[:2], "big") & 0xFFF
    rand_b = int.from_bytes(rand[2:], "big") & ((1 << 62) - 1)
    return _assemble(unix_ms, rand_a, rand_b)


class Uuid7Generator:
    """Calling it returns a new UUIDv7, greater than every one it returned before.

    The 12 bits of ``rand_a`` hold the fraction of the millisecond (RFC 9562 section 6.2, method
    3), so ids of different processes interleave to about a quarter of a microsecond. Milliseconds
    and fraction together count as one number: when the clock has not moved or was set back, that
    number goes on by one, which may run ahead of the clock but never repeats and never runs out.
    The other 62 bits are random in every id. Safe to share between threads.

    :param clock_ns: nanoseconds since 1970-01-01 UTC (``time.time_ns``)
    :param token_bytes: as ``secrets.token_bytes``
    """

    def __init__(self, clock_ns: Callable[[], int], token_bytes: Callable[[int], bytes]):
        self._clock_ns = clock_ns
        self._token_bytes = token_bytes
        self._lock = threading.Lock()
        self._last = -1

    def __call__(self) -> uuid.UUID:
        rand_b = int.from_bytes(self._token_bytes(8), "big") & ((1 << 62) - 1)
        unix_ms, rest_ns = divmod(self._clock_ns(), 1_000_000)
        tick = unix_ms << 12 | rest_ns * 4096 // 1_000_000
        with self._lock:
            tick = self._last = max(tick, self._last + 1)
        return _assemble(tick >> 12, tick & 0xFFF, rand_b)
