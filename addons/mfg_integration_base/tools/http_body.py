"""The body of an inbound request before anybody looks at its meaning: type, encoding, size."""

import zlib

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say "gzip header and checksum" (RFC 1952)


class BodyError(ValueError):
    """The body cannot be taken.

    ``code``: ``too_large``, ``unsupported_encoding``, ``bad_encoding``.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header without parameters, in lower case.

    >>> media_type("Application/JSON; charset=utf-8")
    'application/json'
    """
    return content_type.partition(";")[0].strip().lower()


def is_json_type(content_type: str) -> bool:
    """Tell whether a Content-Type says JSON: ``application/json`` or a ``+json`` type."""
    name = media_type(content_type)
    return name == "application/json" or (
        name.startswith("application/") and name.endswith("+json")
    )


def is_xml_type(content_type: str) -> bool:
    """Tell whether a Content-Type says XML (RFC 7303): ``application/xml``, ``text/xml`` or a
    ``+xml`` type."""
    name = media_type(content_type)
    return name in ("application/xml", "text/xml") or (
        name.startswith("application/") and name.endswith("+xml")
    )


def decode(body: bytes, content_encoding: str, *, limit: int) -> bytes:
    """Undo the Content-Encoding of a body (RFC 9110 section 8.4): none, identity or gzip.

    Never makes more than ``limit`` + 1 bytes, however much a small body would inflate to.

    :param limit: bytes that the body may have, before and after
    :raises BodyError: too large, another encoding, or damaged
    """
    if len(body) > limit:
        raise BodyError("too_large", f"The body is larger than {limit} bytes.")
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise BodyError("unsupported_encoding", "The only Content-Encoding understood is gzip.")
    inflater = zlib.decompressobj(_GZIP)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise BodyError("bad_encoding", "The body is not gzip, or it is damaged.") from None
    if len(content) > limit:
        raise BodyError("too_large", f"The body is larger than {limit} bytes when inflated.")
    # An end that never came, or something after it that nobody would look at.
    if not inflater.eof or inflater.unused_data:
        raise BodyError("bad_encoding", "The gzip body is cut off, or goes on after its end.")
    return content
