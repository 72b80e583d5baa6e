"""What a credential may do, as text: ``write:production.report.v1``, one a line or with spaces.

An entry is an action, a colon and a resource. A resource is the code of a message type or of a
part of the interface (``messages``, ``catalogue``); ``production.*`` means all that begin with
``production.``, and ``*`` all there are. What no entry names is not allowed, so an empty text
allows nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ACTIONS = ("read", "write")
MAX_CHARS = 10_000

_ALLOWED = (
    "allowed are read: or write: and a code such as production.report.v1, the beginning of one "
    "such as production.*, or * for all"
)
_SEGMENT = "[a-z][a-z0-9_]*"
_RESOURCE = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*", re.ASCII)
_PATTERN = re.compile(rf"(?:{_SEGMENT}\.)*\*|{_RESOURCE.pattern}", re.ASCII)


class ScopeError(ValueError):
    """An entry is not a scope, or is not granted; the message names it.

    ``code``: ``too_long``, ``bad_scope``, and ``invalid_scope`` (RFC 6749 section 5.2) for what a
    client asks for in vain.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Scopes:
    """A set of scopes. ``entries``: as written, ``write:production.*``; empty allows nothing."""

    entries: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Scopes":
        """Read entries separated by spaces or line breaks.

        :raises ScopeError: ``too_long``, ``bad_scope``: names the entry, and what is allowed

        >>> str(Scopes.parse("write:production.* read:messages"))
        'read:messages write:production.*'
        """
        if len(text) > MAX_CHARS:
            raise ScopeError("too_long", f"The scopes have more than {MAX_CHARS} characters.")
        entries = frozenset(text.split())
        for entry in sorted(entries):
            action, _, resource = entry.partition(":")
            if action not in ACTIONS or not _PATTERN.fullmatch(resource):
                raise ScopeError("bad_scope", f"“{entry[:60]}” is not a scope: {_ALLOWED}.")
        return cls(entries)

    def allows(self, action: str, resource: str) -> bool:
        """Tell whether one act is allowed.

        :param action: ``read`` or ``write``
        :param resource: a code; a pattern is none, and nothing that is no code is allowed

        >>> scopes = Scopes.parse("write:production.*")
        >>> scopes.allows("write", "production.report.v1"), scopes.allows("write", "production")
        (True, False)
        """
        if action not in ACTIONS or not _RESOURCE.fullmatch(resource):
            return False
        return any(_covers(entry, f"{action}:{resource}") for entry in self.entries)

    def narrowed(self, requested: str | None) -> "Scopes":
        """Return what of a client's request is granted (RFC 6749 section 3.3).

        Nothing requested means everything that is granted. Of a request that reaches further than
        the grant, the granted part is given. An entry of which nothing is granted refuses the whole
        request: better now than at the first message.

        :raises ScopeError: ``invalid_scope``
        """
        try:
            wanted = Scopes.parse(requested or "").entries or self.entries
        except ScopeError as error:
            raise ScopeError("invalid_scope", str(error)) from None
        if not wanted:
            raise ScopeError("invalid_scope", "Nothing is granted to this client.")
        return Scopes(frozenset().union(*(self._overlap(entry) for entry in sorted(wanted))))

    def _overlap(self, wanted: str) -> Iterable[str]:
        # Two entries overlap only where one covers the other: both are beginnings of codes.
        if any(_covers(entry, wanted) for entry in self.entries):
            return {wanted}
        found = {entry for entry in self.entries if _covers(wanted, entry)}
        if not found:
            raise ScopeError("invalid_scope", f"“{wanted[:60]}” is not granted to this client.")
        return found

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __str__(self) -> str:
        """Return the entries sorted, with spaces between: the form of OAuth's ``scope``."""
        return " ".join(sorted(self.entries))


def _covers(wide: str, narrow: str) -> bool:
    """Tell whether ``wide`` allows all that ``narrow`` does; both are ``action:resource``."""
    # The full stop stays in front of the asterisk: production.* must not cover productions.x.
    return wide == narrow or (wide.endswith("*") and narrow.startswith(wide[:-1]))
