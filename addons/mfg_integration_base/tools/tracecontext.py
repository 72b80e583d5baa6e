"""W3C Trace Context (Recommendation, level 1): the ``traceparent`` that ties messages together."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_PATTERN = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceParent:
    """What a traceparent says.

    :param trace_id: 32 hexadecimal digits, the same in the whole exchange
    :param parent_id: 16 hexadecimal digits: the step that the header was sent by
    :param sampled: the sender may have recorded this step
    """

    trace_id: str
    parent_id: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{_SAMPLED if self.sampled else 0:02x}"


def parse(text: str) -> TraceParent | None:
    """Read a traceparent, or return None: an invalid one is ignored, never an error (section 4.3).

    Of a version after 00 the known fields are read, as section 4.3 asks.
    """
    match = _PATTERN.fullmatch(text)
    if not match:
        return None
    version, trace_id, parent_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return TraceParent(trace_id, parent_id, bool(int(flags, 16) & _SAMPLED))


def is_valid(text: str) -> bool:
    """Tell whether a text is a traceparent."""
    return parse(text) is not None


def new_traceparent(rand: Callable[[int], bytes]) -> str:
    """Start a trace; ``rand`` as ``secrets.token_bytes``."""
    return str(TraceParent(_identifier(rand, 16), _identifier(rand, 8), True))


def child(traceparent: str, rand: Callable[[int], bytes]) -> str:
    """Return the traceparent of a step that ``traceparent`` caused: same trace, new parent id.

    An invalid traceparent starts a new trace.
    """
    cause = parse(traceparent)
    if cause is None:
        return new_traceparent(rand)
    return str(TraceParent(cause.trace_id, _identifier(rand, 8), cause.sampled))


def _identifier(rand: Callable[[int], bytes], size: int) -> str:
    # All zeros means "no identifier"; a source that gives only zeros is broken, not unlucky.
    identifier = rand(size)
    if len(identifier) != size or not any(identifier):
        raise ValueError(f"The source of randomness did not give {size} random bytes.")
    return identifier.hex()
