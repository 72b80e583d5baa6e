"""XML to the JSON document that a route's schema and handler work with.

The rules, which ``docs/wire_format.md`` shows to partners:

- The document is what the root element holds; the root's own name is no part of it.
- An element is a member by its local name, an attribute one by ``@`` and its local name. Several
  elements of a name are an array in their order.
- An element with text alone is that text without blanks around it; with attributes beside, the
  text is its member ``#text``. Text between elements is refused.
- ``xsi:nil="true"`` is null. Other attributes of that namespace say nothing about the content.

XML knows neither numbers nor arrays of one. The schema does: where it expects an array, one element
is one; where it expects no text, a number or a truth value that the text stands for is taken. What
does not fit stays text, and the schema's check tells it from there.
"""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from . import json_pointer
from .json_reader import MAX_INTEGER
from .xml_reader import XmlError, local_name

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ANY = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_MAX_VIEWS = 200  # of one place in a schema; what is beyond does not take part in reading


class Schema:
    """A schema as far as it says which types a place may have."""

    __slots__ = ("_root", "_views")

    def __init__(self, root: Any, parts: list[Any] | None = None):
        self._root = root
        self._views = list(self._spread([root] if parts is None else parts))

    def _spread(self, parts: list[Any]) -> Iterator[dict[str, Any]]:
        """Each part with all that it is combined of, once."""
        waiting, seen = list(parts), set()
        while waiting and len(seen) < _MAX_VIEWS:
            part = waiting.pop(0)
            if not isinstance(part, dict) or id(part) in seen:
                continue
            seen.add(id(part))
            yield part
            if isinstance(reference := part.get("$ref"), str) and reference.startswith("#"):
                # An anchor is no pointer: what stands there is read as text.
                with contextlib.suppress(LookupError, ValueError):
                    waiting.append(json_pointer.resolve(self._root, unquote(reference[1:])))
            for keyword in ("allOf", "anyOf", "oneOf"):
                waiting += part.get(keyword, ())
            waiting += [part[keyword] for keyword in ("then", "else") if keyword in part]

    @property
    def types(self) -> frozenset[str]:
        """JSON types that are expected; all of them where nothing is said."""
        found = [view["type"] for view in self._views if "type" in view]
        names = {name for each in found for name in ([each] if isinstance(each, str) else each)}
        return frozenset(names) or _ANY

    def member(self, name: str) -> "Schema":
        """Of the member of that name."""
        parts = []
        for view in self._views:
            if name in (properties := view.get("properties", {})):
                parts.append(properties[name])
            elif isinstance(view.get("additionalProperties"), dict):
                parts.append(view["additionalProperties"])
        return Schema(self._root, parts)

    def item(self, index: int) -> "Schema":
        """Of the item at that index of an array."""
        parts = []
        for view in self._views:
            prefix = view.get("prefixItems", ())
            parts.append(prefix[index] if index < len(prefix) else view.get("items"))
        return Schema(self._root, parts)


def document_of(root: etree._Element, schema: Any = True) -> Any:
    """The document of a message.

    :param schema: JSON Schema of the document; true where none is known
    :raises XmlError: what has no place in a document: text between elements, the same name from
        two namespaces
    """
    return _value(root, Schema(schema))


def _value(node: etree._Element, schema: Schema) -> Any:
    if node.get(_NIL, "").strip() in _TRUE:
        return None
    attributes = {name: value for name, value in node.attrib.items() if not _is_xsi(name)}
    if not len(node) and not attributes:
        return _scalar(_text(node), schema.types)
    members: dict[str, Any] = {}
    for name, value in attributes.items():
        key = f"@{etree.QName(name).localname}"
        if key in members:
            raise XmlError(f"The attribute {key[1:]} stands here in two namespaces.", node)
        members[key] = _scalar(value.strip(), schema.member(key).types)
    if not len(node):
        if text := _text(node):
            members["#text"] = _scalar(text, schema.member("#text").types)
        return members
    for name, nodes in _by_name(node).items():
        inner = schema.member(name)
        if len(nodes) > 1 or ("array" in inner.types and inner.types != _ANY):
            members[name] = [_value(each, inner.item(i)) for i, each in enumerate(nodes)]
        else:
            members[name] = _value(nodes[0], inner)
    return members


def _by_name(node: etree._Element) -> dict[str, list[etree._Element]]:
    found: dict[str, list[etree._Element]] = {}
    texts = [node.text, *(inner.tail for inner in node)]
    if any(text and text.strip() for text in texts):
        raise XmlError("Text stands between elements.", node)
    for inner in node:
        same = found.setdefault(local_name(inner), [])
        if same and same[0].tag != inner.tag:
            raise XmlError(f"{local_name(inner)} stands here in two namespaces.", inner)
        same.append(inner)
    return found


def _is_xsi(name: str) -> bool:
    return etree.QName(name).namespace == _XSI


def _text(node: etree._Element) -> str:
    return (node.text or "").strip()


def _scalar(text: str, types: frozenset[str]) -> Any:
    """A text as the type that is expected instead of a text, if it stands for such a value."""
    if "string" in types:
        return text
    if not text:
        for name, empty in (("object", {}), ("array", []), ("null", None)):
            if name in types:
                return empty
        return text
    if "boolean" in types and text in _TRUE | _FALSE and not {"number", "integer"} & types:
        return text in _TRUE
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if {"integer", "number"} & types and _INTEGER.fullmatch(text):
        number = int(text)
        return number if abs(number) <= MAX_INTEGER else text
    if "number" in types and _NUMBER.fullmatch(text):
        exact = float(text)
        return exact if math.isfinite(exact) else text
    return text
