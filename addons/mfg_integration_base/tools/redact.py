"""Secrets out of everything that is kept or shown: headers, bodies, free text."""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

MASK = "***"
CUT_MARK = "… [cut, {size} in all]"

_SENSITIVE = re.compile(
    r"authorization|signature|cookie|token|secret|passw|passphrase|pwd|credential"
    r"|api[-_]?key|private[-_]?key|access[-_]?key|\bpin\b",
    re.IGNORECASE,
)
# Shorter values would blank out harmless text everywhere ("abc", "2026").
_MIN_SECRET = 6
_SHORT = 256
"""Characters of a text that is worth remembering."""
# In text that is not JSON: key=value and "key": "value". What stands before the sensitive word in
# the key is not matched and the rest is bounded, so that no text can make the search slow.
_ASSIGNMENT = re.compile(
    rf"""((?:{_SENSITIVE.pattern})[\w.-]{{0,40}}["']?\s{{0,5}}[=:]\s{{0,5}}["']?)[^\s"'&,;<>}}]+""",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{6,}", re.IGNORECASE)


@functools.lru_cache(1024)
def is_sensitive(name: str) -> bool:
    """Tell whether a header or a key of this name may hold a secret."""
    return bool(_SENSITIVE.search(name))


def _hides(key: str, item: Any) -> bool:
    return item is not None and item != "" and is_sensitive(key)


def headers(mapping: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers with the values of sensitive ones masked."""
    pairs = mapping.items() if isinstance(mapping, Mapping) else mapping
    return {name: MASK if is_sensitive(name) else str(value) for name, value in pairs}


def value(document: Any) -> Any:
    """Return a JSON value in which everything below a sensitive key is masked."""
    if isinstance(document, Mapping):
        return {
            key: MASK if _hides(str(key), item) else value(item) for key, item in document.items()
        }
    if isinstance(document, list):
        return [value(item) for item in document]
    return document


def text(raw: str, secrets: Iterable[str] = ()) -> str:
    """Return free text without the given secrets and without what looks like one.

    A JSON body is masked by key; in other text ``key=value`` pairs of sensitive keys and bearer
    or basic credentials are. The given secrets go wherever they stand, also percent-encoded or
    escaped as JSON does it. Secrets of less than 6 characters are not searched for.
    """
    masked = _masked_short(raw) if len(raw) <= _SHORT else _masked(raw)
    for secret in sorted(secrets, key=len, reverse=True):
        if _MIN_SECRET <= len(secret) <= len(masked):
            for form in {
                secret,
                quote(secret, safe="", errors="replace"),
                json.dumps(secret)[1:-1],
            }:
                masked = masked.replace(form, MASK)
    return masked


def _masked(raw: str) -> str:
    """Return the text without what looks like a secret."""
    masked = _json_masked(raw)
    if masked is None:
        masked = _BEARER.sub(rf"\1 {MASK}", raw)
        masked = _ASSIGNMENT.sub(rf"\1{MASK}", masked)
    return masked


# Receivers say the same few words thousands of times a second.
_masked_short = functools.lru_cache(1024)(_masked)


def excerpt(raw: str | bytes, limit: int, secrets: Iterable[str] = ()) -> str:
    """Return at most ``limit`` characters, without secrets, that any UTF-8 text field can hold.

    Bytes are read as UTF-8, with U+FFFD for what is not. NUL, which PostgreSQL refuses, becomes
    U+FFFD too. What is cut ends with a mark that tells the size.
    """
    size = f"{len(raw)} {'bytes' if isinstance(raw, bytes) else 'characters'}"
    whole = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    # Masked before it is cut: half a secret is one too.
    clean = text(whole, secrets).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if len(clean) <= limit:
        return clean
    mark = CUT_MARK.format(size=size)
    return clean[: max(0, limit - len(mark))] + mark[:limit]


def _json_masked(raw: str) -> str | None:
    """Return the text of a JSON array or object, masked, or None when it is neither."""
    if raw.lstrip()[:1] not in ("{", "["):
        return None
    found = False

    # Masks while reading: afterwards the first of two equal keys is gone, but not from the text.
    def mask_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        masked = {}
        for key, item in pairs:
            hide = _hides(key, item)
            found = found or hide
            masked[key] = MASK if hide else item
        return masked

    try:
        document = json.loads(raw, object_pairs_hook=mask_pairs)
        # Unchanged, the partner's own spelling is the better evidence.
        return json.dumps(document, ensure_ascii=False) if found else raw
    except (ValueError, RecursionError):
        return None
