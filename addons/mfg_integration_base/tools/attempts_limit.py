"""Slows down who fails to authenticate: a few failures are free, then the waits double.

It acts on refusals only. A request is always authenticated first, and one with a valid signature or
token is accepted, whatever came before it from the same address: nobody can lock out a partner by
sending rubbish under the partner's name, or from behind the same router. That costs no safety,
because what we check has 192 random bits or more and no rate of guessing gets anywhere. It would
cost all of it with passwords; do not use this for them.

What is limited is the noise: during a wait a refusal is answered 429 with Retry-After instead of
401, and is neither recorded nor logged. Nothing sleeps: a delayed answer would occupy one of our
own threads, and a flood of wrong requests would then stop the right ones.
"""

import hashlib
import ipaddress
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

_MAX_WAIT = 86400.0


@dataclass(frozen=True, slots=True)
class AttemptsRule:
    """How patient we are.

    :param free: failures in a row that cost nothing
    :param first_wait: seconds after the next one; each further one doubles it
    :param max_wait: seconds; no wait is longer
    :param forget_after: seconds without failure and wait, in which one failure is forgotten
    :raises ValueError: a value out of range; the message names the field
    """

    free: int = 5
    first_wait: float = 1.0
    max_wait: float = 300.0
    forget_after: float = 60.0

    def __post_init__(self):
        if not 0 <= self.free <= 1000:
            raise ValueError("free: not between 0 and 1000 failures.")
        if not 0 < self.first_wait <= self.max_wait <= _MAX_WAIT:
            raise ValueError(f"first_wait, max_wait: not between 0 and {_MAX_WAIT:.0f} seconds.")
        if not 0 < self.forget_after <= _MAX_WAIT:
            raise ValueError(f"forget_after: not between 0 and {_MAX_WAIT:.0f} seconds.")

    @property
    def most(self) -> int:
        """The number of failures from which on the wait is the longest; more are not counted."""
        return self.free + 1 + math.ceil(math.log2(self.max_wait / self.first_wait))

    def wait_after(self, failures: float) -> float:
        """Return the seconds to wait after so many failures.

        >>> [AttemptsRule(free=2, max_wait=5).wait_after(count) for count in range(1, 7)]
        [0.0, 0.0, 1.0, 2.0, 4.0, 5]
        """
        over = math.floor(failures) - self.free
        # min() first: a power without bound would not fit a float.
        return 0.0 if over < 1 else min(self.first_wait * 2.0 ** min(over - 1, 64), self.max_wait)


@dataclass(frozen=True, slots=True)
class Failing:
    """What is known of one source.

    :param failures: counted and not yet forgotten; may have a fraction
    :param at: when the last one was counted, with a zone
    :param until: until when the source should wait; not after ``at`` if it need not
    """

    failures: float
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """How to refuse a request that is not authentic.

    :param wait: seconds until the source should try again; 0.0: answer 401 and record it, else 429
    """

    failing: Failing
    wait: float

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 429 if self.wait else 401

    @property
    def retry_after(self) -> int | None:
        """Whole seconds for the header Retry-After, None for no header."""
        return math.ceil(self.wait) if self.wait else None


def refused(failing: Failing | None, rule: AttemptsRule, *, now: datetime) -> Refusal:
    """Return how to refuse, and what to remember. Call it only when authentication has failed.

    A failure during a wait is not counted and does not prolong the wait: Retry-After stays true.

    :param failing: what was remembered of this source, None if nothing

    >>> from datetime import timezone
    >>> noon = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
    >>> once = refused(None, AttemptsRule(free=0), now=noon)
    >>> once.status, refused(once.failing, AttemptsRule(free=0), now=noon).retry_after
    (401, 1)
    """
    failures = 0.0
    if failing is not None:
        # Nobody waits longer than the rule says, even after a clock was put back.
        wait = min((failing.until - now).total_seconds(), rule.wait_after(failing.failures))
        if wait > 0:
            return Refusal(failing, wait)
        # Forgetting begins when the wait is over: else long waits would shorten the next ones.
        quiet = max(0.0, (now - max(failing.at, failing.until)).total_seconds())
        failures = max(0.0, failing.failures - quiet / rule.forget_after)
    failures = min(failures + 1, float(rule.most))
    until = now + timedelta(seconds=rule.wait_after(failures))
    return Refusal(Failing(failures, now, until), 0.0)


def source_of(address: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 network of an IPv6 one.

    Whoever has one IPv6 address has the 2^64 of its network.

    >>> source_of("2001:db8::1:2:3:4"), source_of("::ffff:192.0.2.1")
    ('2001:db8::/64', '192.0.2.1')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # all that is no address together
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


class Failures:
    """What a process remembers of the sources that failed last; may be used by many threads.

    Bounded: beyond ``size`` sources the one that failed longest ago is forgotten, so an attacker
    with very many addresses gets free failures back, and never gets our memory. Each process
    counts for itself.
    """

    def __init__(self, rule: AttemptsRule, size: int = 10_000):
        """:param size: number of sources, some 500 bytes each
        :raises ValueError: below 1
        """
        if size < 1:
            raise ValueError(f"size: {size} is below 1.")
        self._rule, self._size = rule, size
        self._known: OrderedDict[bytes, Failing] = OrderedDict()
        self._lock = threading.Lock()

    def refused(self, connector: str, address: str, *, now: datetime) -> Refusal:
        """Return how to refuse a request, as ``refused`` does, and remember it.

        :param connector: its code as the request names it, whether it exists or not: an unknown one
            must not be told apart
        :param address: of the client
        """
        # Hashed: a stranger chooses the code, and with it the length of what is kept.
        text = f"{source_of(address)} {connector}".encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=16).digest()
        with self._lock:
            refusal = refused(self._known.get(key), self._rule, now=now)
            self._known[key] = refusal.failing
            self._known.move_to_end(key)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return refusal

    def __len__(self) -> int:
        return len(self._known)
