"""A message's payload as a person edits it: as text, and back without a change nobody made."""

import re
from collections.abc import Callable, Mapping

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|\s+|[^"\s]', re.DOTALL)
_NEWLINE = re.compile(r"\r\n|\r|\n")

_BYTES: Mapping[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode("utf-8"),
    "iso-8859-1": lambda text: text.encode("iso-8859-1"),
    "hex": bytes.fromhex,
}
ENCODINGS = tuple(_BYTES)


def body_text(body: bytes) -> tuple[str, str]:
    """Return a body as text, and how: ``utf-8``, ``iso-8859-1``, or ``hex`` for what is no text."""
    if b"\0" in body:  # no text has it, and PostgreSQL could not hold it
        return body.hex(), "hex"
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return body.decode("iso-8859-1"), "iso-8859-1"


def body_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes of a text; the counterpart of ``body_text``.

    :raises ValueError: the encoding is not known, or cannot express the text
    """
    if encoding not in _BYTES:
        raise ValueError(f"{encoding!r} is not one of {', '.join(ENCODINGS)}")
    return _BYTES[encoding](text)


def newlines(text: str) -> frozenset[str]:
    r"""Return which ends of lines a text uses, of ``\r\n``, ``\r`` and ``\n``."""
    return frozenset(_NEWLINE.findall(text))


def with_newlines(text: str, newline: str) -> str:
    r"""Return the text with one kind of line end: browsers make ``\n`` of all of them."""
    return _NEWLINE.sub(lambda _match: newline, text)


def compact_json(text: str) -> str:
    """Remove the white space between the tokens of a JSON text; values stay as they are written.

    >>> compact_json('{ "a b": 1.50 }')
    '{"a b":1.50}'
    """
    return "".join(token for token in _TOKENS.findall(text) if not token.isspace())


def indent_json(text: str) -> str:
    """Break a JSON text into indented lines; values stay as they are written."""
    tokens = [token for token in _TOKENS.findall(text) if not token.isspace()]
    depth, out = 0, []
    for index, token in enumerate(tokens):
        if token in "{[":
            depth += 1
            empty = tokens[index + 1 : index + 2] in (["}"], ["]"])
            out.append(token if empty else f"{token}\n{'  ' * depth}")
        elif token in "}]":
            depth -= 1
            empty = index and tokens[index - 1] in ("{", "[")
            out.append(token if empty else f"\n{'  ' * depth}{token}")
        elif token == ",":
            out.append(f",\n{'  ' * depth}")
        else:
            out.append(": " if token == ":" else token)
    return "".join(out)
