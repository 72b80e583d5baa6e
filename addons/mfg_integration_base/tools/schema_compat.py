"""Whether a new minor version of a JSON Schema (2020-12) is compatible with the published one.

Sound rather than complete: when nothing is reported, no partner breaks; what cannot be decided is
reported as such.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from . import json_pointer
from .problem import FieldError
from .schema import check_schema
from .schema_containment import gaps
from .schema_limits import Gap
from .schema_parts import Schema

MESSAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bound": (
            "The limit {0} is tightened from {1} to {2}.",
            "The limit {0} is loosened from {2} to {1}.",
        ),
        "closed": (
            "Members that the schema does not name are no longer allowed.",
            "Members that the schema does not name may come now.",
        ),
        "closed_for": (
            "The member “{0}” is no longer allowed: it was removed, and others are forbidden.",
            "The member “{0}” is new, and readers were told that no further ones come.",
        ),
        "dependent": (
            "The member “{0}” is required now where “{1}” is given.",
            "The member “{0}” is no longer sure to come with “{1}”.",
        ),
        "described": (
            "The member “{0}” could hold anything and has to fit a schema now.",
            "The member “{0}” is no longer described and may hold anything.",
        ),
        "format": (
            "Texts have to be a valid {0} now.",
            "Texts are no longer sure to be a valid {0}.",
        ),
        "nothing": (
            "What was allowed here is not allowed any more.",
            "What was never sent may come here now.",
        ),
        "only_values": (
            "Only listed values are allowed now.",
            "Values that are not listed may come now.",
        ),
        "pattern": (
            "Texts have to match the pattern {0} now.",
            "Texts are no longer sure to match the pattern {0}.",
        ),
        "required": (
            "The member “{0}” is required now.",
            "The member “{0}” is no longer sure to come.",
        ),
        "type": (
            "Values of type {0} are no longer allowed.",
            "Values of type {0} may come now.",
        ),
        "undecided": (
            "{0} differs, and that cannot be shown to be compatible.",
            "{0} differs, and that cannot be shown to be compatible.",
        ),
        "unique": (
            "The items have to differ from each other now.",
            "The items are no longer sure to differ from each other.",
        ),
        "value": ("The value {0} is no longer allowed.", "The value {0} may come now."),
    }
)
"""Kind of change -> what it means for partners that write, and for partners that read."""

_ENDLESS = "The schemas refer to themselves too deeply and cannot be shown to be compatible."


def breaking_changes(
    old: Schema, new: Schema, *, role: Literal["read", "write"], named_only: bool = False
) -> list[FieldError]:
    """Return what breaks partners that work by the old version of a schema.

    :param old: the published version
    :param new: the version to be published
    :param role: ``write``: partners write these documents, so what was valid has to stay valid.
        ``read``: partners read them, so what is valid now must have been valid before
    :param named_only: take it that nobody sends members that the writer's version of the schema
        does not name. Without, a new optional member in a schema that is not closed counts as
        breaking for writers, because whoever sent another thing under that name is refused now
    :return: by place. The pointers name places of the new version, or of the old one where only
        that has what is meant
    :raises SchemaError: one of the two is no usable schema
    """
    check_schema(old)
    check_schema(new)
    narrow, wide = (old, new) if role == "write" else (new, old)
    try:
        found = gaps(narrow, wide, named_only=named_only)
    except RecursionError:
        return [FieldError("", _ENDLESS)]
    errors = {_field_error(one, new, role) for one in found}
    return sorted(errors, key=lambda error: (error.pointer, error.message))


def _field_error(found: Gap, new: Schema, role: str) -> FieldError:
    for_writers, for_readers = MESSAGES[found.kind]
    in_new, in_old = (found.wide, found.narrow) if role == "write" else (found.narrow, found.wide)
    message = for_writers if role == "write" else for_readers
    return FieldError(in_new if _exists(new, in_new) else in_old, message.format(*found.words))


def _exists(schema: Schema, place: str) -> bool:
    try:
        json_pointer.resolve(schema, place)
    except (LookupError, ValueError):
        return False
    return True
