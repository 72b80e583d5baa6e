"""Any event that B2MML has a message for, to its bytes."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools.envelope import EventRecord  # noqa: TID251

from .envelope import serialized
from .names import VERSIONS
from .write_confirm import write_rejected
from .write_schedule import write_cancelled, write_quantity_changed, write_released

__all__ = ["WRITTEN", "write"]

WRITTEN: Mapping[str, Callable] = {
    "mfg.production.order.released.v1": write_released,
    "mfg.production.order.quantity_changed.v1": write_quantity_changed,
    "mfg.production.order.cancelled.v1": write_cancelled,
    "mfg.production.report.rejected.v1": write_rejected,
}
"""By event type: what makes a message of it."""


def write(record: EventRecord, version: str) -> bytes:
    """The message of an event.

    :param version: a key of ``VERSIONS``
    :raises KeyError: B2MML has no message for this event type
    """
    make = WRITTEN[record.type]
    data = json.loads(record.data_text, parse_float=Decimal, parse_int=Decimal)
    return serialized(make(VERSIONS[version], record, data))
