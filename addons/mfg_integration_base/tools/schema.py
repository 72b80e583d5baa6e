"""JSON Schema 2020-12: checking schemas, and documents against them, with readable problems.

Nothing is ever fetched: a schema is complete in itself. ``format`` is enforced for date-time,
date, time and uuid; other formats are annotations, as the standard has it.
"""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import unquote

import jsonschema
import jsonschema_rs
import referencing
from jsonschema import Draft202012Validator, FormatChecker

from . import json_pointer, rfc3339
from .problem import FieldError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_ERRORS = 50
_LOOKED_AT = 4 * MAX_ERRORS  # of so many the first MAX_ERRORS in order are shown
_MAX_CHARS = 200
# Below these keywords stand values, not schemas.
_DATA_KEYWORDS = frozenset({"const", "default", "enum", "examples"})

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(rfc3339.parse(value))


@_formats.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(rfc3339.parse(f"2000-01-02T{value}"))


@_formats.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return True
    # Python 3.11 and later also read 20261123 and week dates.
    pattern = re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)
    return bool(pattern and date.fromisoformat(value))


@_formats.checks("uuid")
def _is_uuid(value: object) -> bool:
    pattern = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    return not isinstance(value, str) or bool(re.fullmatch(pattern, value))


ENFORCED_FORMATS = frozenset(_formats.checkers)
"""Values of ``format`` that decide what is valid."""


class SchemaError(ValueError):
    """Not a schema that we can work with; the message names the place."""


def _offline(uri: str) -> Any:
    raise LookupError(f"{uri} is not fetched")


class Validator:
    """A schema, ready to check documents with. Safe to share between threads.

    ``jsonschema`` decides, and says what is wrong. ``jsonschema_rs``, twenty times as fast, is
    asked first: what both would take is taken at once.
    """

    __slots__ = ("_quick", "_validator", "schema")

    def __init__(self, schema: dict[str, Any] | bool):
        self.schema = schema
        # A registry of our own: the default one would fetch what is not in it.
        self._validator = Draft202012Validator(
            schema, registry=referencing.Registry(), format_checker=_formats
        )
        self._quick = _quick(schema)

    def is_valid(self, document: Any, *, shallow: bool = False) -> bool:
        """Tell whether a document has no problem.

        :param shallow: the caller vouches that nothing in it is nested deeper than some hundred
            levels, as ``json_reader`` sees to; only then it is quick, because what is asked first
            would not survive a document without end
        """
        if shallow and self._quick is not None:
            # It raises for text that no UTF-8 holds: the other one knows what to say.
            with contextlib.suppress(ValueError):
                if self._quick.is_valid(document):
                    return True
        return not self.errors(document, limit=1)

    def errors(self, document: Any, *, limit: int = MAX_ERRORS) -> list[FieldError]:
        """Return what is wrong with a document, by place, at most ``limit`` problems.

        Messages name what is expected; of the document's own values they show at most the first
        200 characters.
        """
        try:
            found = itertools.islice(self._validator.iter_errors(document), _LOOKED_AT)
            problems = [
                (place, problem) for error in found for place, problem in _field_errors(error)
            ]
        except RecursionError:
            return [FieldError("", "The schema and the document refer to themselves too deeply.")]
        problems.sort(key=lambda item: item[0])
        return list(dict.fromkeys(problem for _place, problem in problems))[:limit]


def _quick(schema: dict[str, Any] | bool) -> Any:
    """A validator of jsonschema_rs that enforces the same formats; None where it has no such."""
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            formats={name: _conforms(name) for name in _formats.checkers},
            validate_formats=True,
            retriever=_offline,
        )
    except (ValueError, LookupError):
        # A pattern that only Python's re understands, say.
        return None


def _conforms(name: str) -> Callable[[str], bool]:
    return lambda value: _formats.conforms(value, name)


def check_schema(schema: Any) -> None:
    """Check a schema before it is published.

    :raises SchemaError: not a JSON Schema of dialect 2020-12, or it refers to what it lacks
    """
    if not isinstance(schema, (dict, bool)):
        raise SchemaError("A schema is a JSON object.")
    try:
        Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        place, message = _pointer(error.absolute_path), _clip(error.message)
        raise SchemaError(f"{place or 'At the top'}: {message}") from None
    if isinstance(schema, bool):
        return
    dialect = schema.get("$schema", DIALECT)
    if dialect.rstrip("#") != DIALECT:
        raise SchemaError(f"/$schema: is not {DIALECT}.")
    anchors = {
        f"#{part[keyword]}"
        for _place, part in _subschemas(schema, ())
        for keyword in ("$anchor", "$dynamicAnchor")
        if keyword in part
    }
    for place, part in _subschemas(schema, ()):
        if place and "$id" in part:
            raise SchemaError(f"{_pointer(place)}/$id: only the top of a schema may have an $id.")
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in part and part[keyword] not in anchors:
                _check_reference(schema, part[keyword], f"{_pointer(place)}/{keyword}")


def compile_schema(schema: dict[str, Any] | bool) -> Validator:
    """Return the validator of a schema.

    :raises SchemaError: as ``check_schema``
    """
    check_schema(schema)
    return Validator(schema)


def _check_reference(schema: dict[str, Any], reference: str, place: str) -> None:
    if not reference.startswith("#"):
        raise SchemaError(f"{place}: {_clip(reference)!r} is outside of the schema (# is inside).")
    try:
        json_pointer.resolve(schema, unquote(reference[1:]))
    except (LookupError, ValueError):
        raise SchemaError(f"{place}: there is no {_clip(reference)!r} in the schema.") from None


def _subschemas(part: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Yield each object of a schema that may hold keywords, with its place.

    An object of named schemas (``properties``, ``$defs``) is yielded too. That does no harm: the
    keywords looked for have text values, and a schema's name does not.
    """
    if isinstance(part, dict):
        yield place, {key: value for key, value in part.items() if isinstance(value, str)}
        for key, value in part.items():
            if key not in _DATA_KEYWORDS or (place and place[-1] in ("properties", "$defs")):
                yield from _subschemas(value, (*place, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _subschemas(value, (*place, index))


def _field_errors(error: jsonschema.ValidationError) -> Iterator[tuple[tuple, FieldError]]:
    """Yield (sort key, problem) of one error of jsonschema."""
    path = tuple(error.absolute_path)
    expected, value = error.validator_value, error.instance
    if error.validator == "required":
        found = [((*path, name), "is missing") for name in expected if name not in value]
    elif error.validator == "additionalProperties" and expected is False:
        allowed, patterns = (
            error.schema.get("properties", {}),
            error.schema.get("patternProperties", {}),
        )
        found = [
            ((*path, name), "is not expected here")
            for name in value
            if name not in allowed and not any(re.search(pattern, name) for pattern in patterns)
        ]
    elif error.validator in ("anyOf", "oneOf") and (closest := _only_candidate(error)):
        for inner in closest:
            yield from _field_errors(inner)
        return
    else:
        found = [(path, _message(error))]
    for place, message in found:
        # Numbers sort as numbers; an index and a name are never compared with each other.
        key = tuple((isinstance(part, str), part) for part in place)
        yield key, FieldError(_pointer(place), message)


def _only_candidate(error: jsonschema.ValidationError) -> list[jsonschema.ValidationError]:
    """Return what is wrong by the one alternative that the value's type fits, if it is one."""
    alternatives: dict[int, list[jsonschema.ValidationError]] = {}
    for inner in error.context:
        if not inner.schema_path:
            continue  # of an alternative that is ``false``: it fits nothing
        alternatives.setdefault(inner.schema_path[0], []).append(inner)
    candidates = [
        errors
        for errors in alternatives.values()
        if not any(inner.validator == "type" and not inner.path for inner in errors)
    ]
    return candidates[0] if len(candidates) == 1 else []


def _message(error: jsonschema.ValidationError) -> str:
    expected, value = error.validator_value, error.instance
    if error.validator == "type":
        wanted = " or ".join([expected] if isinstance(expected, str) else expected)
        return f"must be of type {wanted}, but is {_type_name(value)}"
    if error.validator == "enum":
        return _clip("must be one of " + ", ".join(map(repr, expected)))
    if error.validator == "const":
        return _clip(f"must be {expected!r}")
    if error.validator == "format":
        return f"must be a valid {expected}"
    if error.validator == "pattern":
        return _clip(f"must match the pattern {expected}")
    if error.validator in _LIMITS:
        return _LIMITS[error.validator].format(expected)
    if error.validator in ("anyOf", "oneOf") and error.context:
        return "fits none of the alternatives"
    return _clip(error.message)


_LIMITS = {
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} members",
    "maxProperties": "must have at most {} members",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
}


def _type_name(value: Any) -> str:
    for kind, name in (
        (bool, "boolean"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "null"


def _pointer(place: Any) -> str:
    return "".join(
        "/" + str(part)[:_MAX_CHARS].replace("~", "~0").replace("/", "~1") for part in place
    )


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…"
