"""The lot message: a lot or serial number that the shop floor has made; its JSON Schema."""

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Lot or serial number",
    "description": "A lot or serial number that the shop floor gave to a product.",
    "type": "object",
    "additionalProperties": False,
    "required": ["lot", "product"],
    "properties": {
        "lot": {**_TEXT, "description": "The lot or serial number"},
        "product": {**_TEXT, "description": "UUID, internal reference or your own id"},
        "order": {
            "type": "string",
            "format": "uuid",
            "description": "UUID of the production order whose product gets it",
        },
        "expires_at": {
            "type": "string",
            "format": "date-time",
            "description": "Expiration, where the product has one",
        },
    },
}
